//! What an operator sees of a running server: its metrics.
//!
//! - [`scrape`] reads metrics, and [`documented`] what README.md says of them;
//! - [`program`] runs the real program, for what belongs to a process.

mod documented;
mod listener;
mod metrics;
mod program;
mod scrape;
