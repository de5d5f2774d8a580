//! The operator's view of a running server: metrics, traces, log lines, and the dashboard and alerts that
//! are made of them.
//!
//! - [`scrape`] reads metrics, and [`documented`] the table of docs/reference/metrics.md;
//! - [`collector`] takes traces in as OpenTelemetry's does;
//! - [`program`] runs the real program, for what belongs to a process.

mod collector;
mod credentials;
mod deploy;
mod documented;
mod lines;
mod listener;
mod metrics;
mod program;
mod promtool;
mod scrape;
mod traces;
mod unread;
