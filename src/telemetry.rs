//! Log lines: which ones are written, where, and in what form.
//!
//! All of them go to standard error, so that standard output carries only what a command was asked
//! for. What no line may contain (message bodies, passwords) is kept out where the line is written,
//! not filtered here.
//!
//! Deliberately absent: log files and their rotation, which belong to whoever runs the process.

use std::{
    io::{self, IsTerminal as _},
    panic::{self, PanicHookInfo},
    thread,
};

use tracing_subscriber::{EnvFilter, filter::ParseError};

use crate::config::LogFormat;

/// Which lines are written when `RUST_LOG` does not say.
pub const DEFAULT_FILTER: &str = "info,sqlx=warn,sea_orm_migration=warn";

/// Why log lines cannot be written as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("RUST_LOG: expected a filter, such as `info` or `info,conversation_service=debug`")]
    Filter(#[source] ParseError),
    /// The process already has somewhere to send its log lines to.
    #[error("log lines are already being collected")]
    AlreadyInitialised,
}

/// Sends the process's log lines, and a line for each panic, to standard error.
///
/// `filter` has the syntax of `RUST_LOG`. Text is coloured only on a terminal, and only if
/// `NO_COLOR` is not set. To be called once, before anything else is started.
///
/// # Errors
///
/// When `filter` is malformed, or log lines are already being collected.
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(filter).map_err(TelemetryError::Filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let installed = match format {
        LogFormat::Json => builder.json().try_init(),
        LogFormat::Text if io::stderr().is_terminal() => builder.compact().try_init(),
        LogFormat::Text => builder.compact().with_ansi(false).try_init(),
    };
    installed.map_err(|_| TelemetryError::AlreadyInitialised)?;
    panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// Logs a panic as one line. The standard hook would write several, and not in the chosen form.
fn log_panic(info: &PanicHookInfo<'_>) {
    tracing::error!(
        panic.message = info.payload_as_str().unwrap_or("not a text"),
        panic.location = info.location().map(tracing::field::display),
        panic.thread = thread::current().name(),
        "a thread panicked"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_filter_is_refused_and_the_setting_is_named() {
        let error = init(LogFormat::Text, "conversation_service=loud").unwrap_err();
        assert!(matches!(error, TelemetryError::Filter(_)));
        assert!(error.to_string().starts_with("RUST_LOG: "));
    }

    #[test]
    fn the_default_filter_is_a_filter() {
        assert!(EnvFilter::try_new(DEFAULT_FILTER).is_ok());
    }
}
