//! All metrics as text: in `OpenMetrics` for a scraper that asks for it, as Prometheus does, and otherwise
//! in the older text format, which everything reads.

use std::fmt::{self, Write as _};

use prometheus_client::{encoding::text, registry::Registry};

/// The format in which metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    /// The format that the value of an `Accept` header asks for.
    pub(super) fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// # Errors
    ///
    /// When a metric cannot be written.
    pub(super) fn encode(self, registry: &Registry) -> Result<String, fmt::Error> {
        let mut open_metrics = String::new();
        text::encode(&mut open_metrics, registry)?;
        match self {
            Self::OpenMetrics => Ok(open_metrics),
            Self::Prometheus => prometheus(&open_metrics),
        }
    }
}

/// The formats differ in their comments alone, as far as they are used here: the older one has no
/// units and no end, and names a counter in full.
fn prometheus(open_metrics: &str) -> Result<String, fmt::Error> {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if let Some(comment) = line.strip_prefix("# HELP ") {
            // It stands before the type, which decides on the name.
            help = comment.split_once(' ');
        } else if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|comment| comment.split_once(' '))
        {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, words)) = help.take() {
                writeln!(text, "# HELP {name}{suffix} {words}")?;
            }
            writeln!(text, "# TYPE {name}{suffix} {kind}")?;
        } else if !line.starts_with('#') {
            writeln!(text, "{line}")?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use prometheus_client::{
        metrics::{counter::Counter, gauge::Gauge},
        registry::Unit,
    };

    use super::*;

    fn registry() -> Registry {
        let mut registry = Registry::default();
        registry.register("calls", "Calls", Counter::<u64>::default());
        registry.register_with_unit("lag", "Lag", Unit::Seconds, Gauge::<i64>::default());
        registry
    }

    #[test]
    fn open_metrics_ends_with_its_end() {
        let text = Format::OpenMetrics.encode(&registry()).unwrap();
        assert!(text.contains("# TYPE calls counter\ncalls_total 0\n"));
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn the_older_format_names_counters_in_full_and_has_neither_units_nor_end() {
        assert_eq!(
            Format::Prometheus.encode(&registry()).unwrap(),
            "# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total 0\n\
             # HELP lag_seconds Lag.\n# TYPE lag_seconds gauge\nlag_seconds 0\n"
        );
    }

    #[test]
    fn who_asks_for_open_metrics_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2";
        assert_eq!(Format::accepted(prometheus), Format::OpenMetrics);
        assert_eq!(Format::accepted("*/*"), Format::Prometheus);
        assert_eq!(Format::accepted(""), Format::Prometheus);
    }
}
