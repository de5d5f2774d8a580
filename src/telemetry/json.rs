//! Log lines for a collector: one flat JSON object a line.
//!
//! A line has `timestamp`, `level`, `message` and `target`, then the fields of the spans around it, a
//! call's `x_request_id` and `method` for instance, then its own. Where two have the same name the inner
//! one is written, so no name comes twice.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    registry::{LookupSpan, Scope},
};

use super::{EXPORT_PREFIX, bounded::cut};

/// The format. It needs the fields of spans formatted as JSON.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        let spans = context.event_scope().into_iter().flat_map(Scope::from_root);
        for span in spans {
            let extensions = span.extensions();
            let formatted = extensions.get::<FormattedFields<N>>();
            if let Some(Ok(Value::Object(of_span))) =
                formatted.map(|text| serde_json::from_str(text))
            {
                for (name, value) in of_span {
                    fields.set(&name, value);
                }
            }
        }
        event.record(&mut fields);
        let Fields(mut fields) = fields;
        fields.retain(|name, _| !name.starts_with(EXPORT_PREFIX));

        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let metadata = event.metadata();
        let message = fields.remove("message").unwrap_or_default();
        write!(
            writer,
            r#"{{"timestamp":{},"level":"{}","message":{},"target":{}"#,
            Value::from(timestamp),
            metadata.level(),
            message
                .as_str()
                .map_or_else(|| "\"\"".to_owned(), |text| Value::from(text).to_string()),
            Value::from(metadata.target()),
        )?;
        for (name, value) in fields {
            write!(writer, ",{}:{value}", Value::from(name))?;
        }
        writeln!(writer, "}}")
    }
}

/// A line that is no event's.
pub(super) fn line(level: &str, message: &str, field: Option<(&str, &str)>) -> String {
    let mut timestamp = String::new();
    // A string can be written to.
    let _ = SystemTime.format_time(&mut Writer::new(&mut timestamp));
    let mut line = Map::new();
    for (name, value) in [
        ("timestamp", timestamp.as_str()),
        ("level", level),
        ("message", message),
        ("target", "conversation_service"),
    ]
    .into_iter()
    .chain(field)
    {
        line.insert(name.to_owned(), value.into());
    }
    Value::Object(line).to_string()
}

/// The fields of an event, by name.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = match value.into() {
            Value::String(text) => Value::String(cut(text)),
            other => other,
        };
        self.0.insert(name.to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::{Layer as _, fmt::format::JsonFields, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `say` writes.
    fn lines(say: impl FnOnce()) -> Vec<Value> {
        let written = Written::default();
        let to = written.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || to.clone())
            .event_format(Json)
            .fmt_fields(JsonFields::new());
        let subscriber = tracing_subscriber::registry().with(layer.boxed());
        tracing::subscriber::with_default(subscriber, say);
        let bytes = written.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_is_one_flat_object_with_the_fields_of_its_spans() {
        let lines = lines(|| {
            let span = tracing::error_span!(
                "call",
                otel.kind = "server",
                x_request_id = "a\"b",
                cause = tracing::field::Empty
            );
            span.record("cause", tracing::field::display("away\nagain"));
            let _inside = span.enter();
            tracing::warn!(code = "UNAVAILABLE", duration_us = 7, "failed {}", 1);
        });
        let [line] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        for (name, value) in [
            ("level", Value::from("WARN")),
            ("message", "failed 1".into()),
            ("target", module_path!().into()),
            ("x_request_id", "a\"b".into()),
            ("cause", "away\nagain".into()),
            ("code", "UNAVAILABLE".into()),
            ("duration_us", 7.into()),
        ] {
            assert_eq!(line[name], value, "{name} of {line}");
        }
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert!(line.get("otel.kind").is_none());
    }

    #[test]
    fn every_field_is_bounded_wherever_it_comes_from() {
        let long = "x".repeat(100_000);
        let lines = lines(|| {
            let _span = tracing::error_span!("call", of_span = long).entered();
            tracing::info!(of_event = long, shown = %long, debugged = ?long, "{long}");
        });
        let names = ["message", "of_span", "of_event", "shown", "debugged"];
        for name in names {
            let length = lines[0][name].as_str().unwrap().len();
            assert!((1000..1100).contains(&length), "{name}: {length}");
        }
    }

    #[test]
    fn no_name_comes_twice_and_the_inner_one_is_written() {
        let lines = lines(|| {
            let _outer = tracing::error_span!("outer", number = 1, level = "none").entered();
            let _inner = tracing::error_span!("inner", number = 2).entered();
            tracing::info!(number = 3);
        });
        assert_eq!(lines[0]["number"], 3);
        assert_eq!(lines[0]["message"], "");
    }
}
