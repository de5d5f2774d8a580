//! What an operator sees of a running server: metrics, traces and log lines.
//!
//! - [`scrape`] reads metrics, and [`documented`] what README.md says of them;
//! - [`collector`] takes traces in as OpenTelemetry's does;
//! - [`program`] runs the real program, for what belongs to a process.

mod collector;
mod credentials;
mod documented;
mod lines;
mod listener;
mod metrics;
mod program;
mod scrape;
mod traces;
