//! Log lines and traces: which ones are written, where, and in what form. Metrics are in
//! [`crate::metrics`].
//!
//! All lines go to standard error, so that standard output carries only what a command was asked for.
//! Message bodies and passwords, which no line may contain, are kept out where the line is written, not
//! filtered here.
//!
//! A reader of the log cannot hold up the service by not reading it, and a caller cannot fill it:
//! lines are written by a thread of their own and dropped when there are too many ([`dropped_lines`]),
//! every field is bounded, and lines that repeat are counted (`repeats`).
//!
//! Lines and traces are made of the same spans and do not depend on each other: `RUST_LOG` chooses the
//! lines, and the variables of OpenTelemetry whether and where traces are sent.
//!
//! Deliberately absent: log files and their rotation, which belong to the operator; and the events of a
//! trace, which would be the log lines over again.

mod bounded;
mod export;
mod json;
pub(crate) mod repeats;
mod text;
pub mod traces;
mod writer;

use std::{
    fs::File,
    io::{self, IsTerminal as _},
    os::fd::AsFd as _,
    panic::{self, PanicHookInfo},
    str::FromStr,
    sync::OnceLock,
    thread,
    time::Duration,
};

use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry,
    filter::{FilterExt as _, ParseError, filter_fn},
    fmt::format::JsonFields,
    layer::SubscriberExt as _,
    reload,
    util::SubscriberInitExt as _,
};

use self::writer::Lines;

pub use self::export::{Export, ExportError};

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One line for a person to read.
    #[default]
    Text,
    /// One JSON object a line, for a collector.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected `text` or `json`"),
        }
    }
}

/// Where the process's log lines go.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Which lines are written when `RUST_LOG` does not say.
pub const DEFAULT_FILTER: &str = "info,sqlx=warn,sea_orm_migration=warn";

/// The event that OpenTelemetry's SDK makes, as an error, of each batch that it could not send. [`export`]
/// says it once.
const EACH_LOST_BATCH: &str = "BatchSpanProcessor.ExportError";

/// The fields of a span that say how it is exported are for no line.
const EXPORT_PREFIX: &str = "otel.";

/// Why log lines cannot be written or traces not be sent as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("RUST_LOG: expected a filter, such as `info` or `info,conversation_service=debug`")]
    Filter(#[source] ParseError),
    /// The process already has somewhere to send its log lines to.
    #[error("log lines are already being collected")]
    AlreadyInitialised,
    /// There is no standard error, or no thread to write to it.
    #[error("log lines cannot be written")]
    Writer(#[from] io::Error),
    /// Traces cannot be sent.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// The parts that have to be finished before the process ends.
#[derive(Debug)]
#[must_use]
pub struct Telemetry {
    exporter: Option<SdkTracerProvider>,
    filter: LogFilter,
}

/// Chooses other log lines while the process runs.
#[derive(Clone, Debug)]
pub struct LogFilter(Option<reload::Handle<EnvFilter, Registry>>);

impl LogFilter {
    /// Of a process that writes no lines, as in tests.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Writes the lines that `filter` chooses from now on, or those of [`DEFAULT_FILTER`].
    pub(crate) fn choose(&self, filter: Option<&str>) -> Result<(), String> {
        let Some(handle) = &self.0 else {
            return Ok(());
        };
        let filter = EnvFilter::try_new(filter.unwrap_or(DEFAULT_FILTER));
        let filter = filter.map_err(|error| error.to_string())?;
        handle.reload(filter).map_err(|error| error.to_string())
    }
}

/// Whether a text is a filter of log lines.
pub(crate) fn is_filter(text: &str) -> bool {
    EnvFilter::try_new(text).is_ok()
}

/// A line for the operator, as an object like those of the log, with one more field if `field` names one.
#[must_use]
pub fn json_line(level: &str, message: &str, field: Option<(&str, &str)>) -> String {
    json::line(level, message, field)
}

/// Sends the process's log lines, and a line for each panic, to standard error; and its traces to
/// where `export` says.
///
/// `filter` has the syntax of `RUST_LOG`. Text is coloured only on a terminal, and only if
/// `NO_COLOR` is not set. To be called once, on the runtime, before anything else is started.
///
/// # Errors
///
/// When `filter` is malformed, log lines are already being collected or cannot be written, or traces
/// cannot be sent.
pub fn init(
    format: LogFormat,
    filter: &str,
    export: Option<Export>,
) -> Result<Telemetry, TelemetryError> {
    let filter = EnvFilter::try_new(filter).map_err(TelemetryError::Filter)?;
    let exporter = export.map(Export::start).transpose()?;
    let (filter, handle) = reload::Layer::new(filter);
    // Not by way of the library's handle: its lock would be held while nobody reads.
    let out = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let lines = Lines::start(out)?;
    subscriber(format, filter, exporter.as_ref(), lines.clone())
        .try_init()
        .map_err(|_| TelemetryError::AlreadyInitialised)?;
    // Nobody else has got here.
    let _ = LINES.set(lines);
    panic::set_hook(Box::new(log_panic));
    Ok(Telemetry {
        exporter,
        filter: LogFilter(Some(handle)),
    })
}

/// Waits until all log lines are written, but no longer than `patience`: to be called before the
/// process ends.
pub fn flush(patience: Duration) {
    if let Some(lines) = LINES.get() {
        lines.flush(patience);
    }
}

/// How many log lines the process has dropped because nobody read them in time.
pub fn dropped_lines() -> u64 {
    LINES.get().map_or(0, Lines::dropped)
}

/// The subscriber: it makes lines of events, and traces of spans if there is an exporter.
fn subscriber(
    format: LogFormat,
    filter: reload::Layer<EnvFilter, Registry>,
    exporter: Option<&SdkTracerProvider>,
    lines: Lines,
) -> impl Subscriber + Send + Sync + use<> {
    let filter = filter.and(filter_fn(|metadata| {
        metadata.target() != traces::TARGET && metadata.name() != EACH_LOST_BATCH
    }));
    let lines = tracing_subscriber::fmt::layer().with_writer(lines);
    let lines = match format {
        LogFormat::Json => lines
            .event_format(json::Json)
            .fmt_fields(JsonFields::new())
            .boxed(),
        LogFormat::Text => {
            let lines = lines.compact().fmt_fields(text::Text);
            if io::stderr().is_terminal() {
                lines.boxed()
            } else {
                lines.with_ansi(false).boxed()
            }
        }
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(export::layer(exporter))
}

impl Telemetry {
    /// A way to choose other log lines.
    #[must_use]
    pub fn filter(&self) -> LogFilter {
        self.filter.clone()
    }

    /// Sends what has not been sent yet, for as long as `patience` allows. Afterwards no more traces
    /// are sent.
    pub async fn finish(self, patience: Duration) {
        let Some(exporter) = self.exporter else {
            return;
        };
        let finished =
            tokio::task::spawn_blocking(move || exporter.shutdown_with_timeout(patience));
        match finished.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last traces were not sent"),
            Err(error) => tracing::warn!(%error, "the last traces were not sent"),
        }
    }
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

    #[tokio::test]
    async fn a_malformed_filter_is_refused_and_the_setting_is_named() {
        let error = init(LogFormat::Text, "conversation_service=loud", None).unwrap_err();
        assert!(matches!(error, TelemetryError::Filter(_)));
        assert!(error.to_string().starts_with("RUST_LOG: "));
    }

    #[test]
    fn the_default_filter_is_a_filter() {
        assert!(EnvFilter::try_new(DEFAULT_FILTER).is_ok());
    }

    #[test]
    fn unless_traces_are_sent_operations_and_statements_have_no_spans() {
        let made = |filter, exporter: Option<&SdkTracerProvider>| {
            let (filter, _handle) = reload::Layer::new(EnvFilter::new(filter));
            let lines = Lines::start(io::sink()).unwrap();
            let subscriber = subscriber(LogFormat::Json, filter, exporter, lines);
            tracing::subscriber::with_default(subscriber, || {
                let _call = tracing::error_span!("call").entered();
                let operation = traces::operation("sqlite", "append");
                let statement = traces::statement("sqlite", "SELECT 1");
                [operation, statement].map(|span| !span.is_disabled())
            })
        };
        assert_eq!(made("trace", None), [false; 2]);
        let provider = SdkTracerProvider::builder().build();
        assert_eq!(made("off", Some(&provider)), [true; 2]);
    }
}
