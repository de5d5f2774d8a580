//! What an operator sees of a running server: metrics and traces.
//!
//! - [`scrape`] reads metrics, and [`documented`] what README.md says of them;
//! - [`collector`] takes traces in as OpenTelemetry's does;
//! - [`program`] runs the real program, for what belongs to a process.

mod collector;
mod documented;
mod listener;
mod metrics;
mod program;
mod scrape;
mod traces;
