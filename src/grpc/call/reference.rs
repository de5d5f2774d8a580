//! The page of the log: the lines of calls, as they are written, and their fields.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::HeaderValue;
use tonic::{Code, Status};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    layer::{Context, Layer, SubscriberExt as _},
    registry,
};

use super::{Kind, Refusals, Stage};
use crate::{
    grpc::{boundary, status},
    reference::{Page, code},
};

const ABOUT: &str = "\
The lines of calls. With `log_format = \"json\"` a line is one flat JSON object. With `text` it has the same fields.
[Monitoring](../monitoring.md#logs) has an example, and says what the levels mean. Other lines, such as those at the
start of the server, have other fields.";

const ABOUT_LINES: &str = "\
Each failed call has one line. Successful calls, and streams that their clients end, have one at `DEBUG`. `failed` at
`ERROR` is a failure of the service, at `WARN` one of the database or of the load. If one peer repeats the same refusal
(the same `method`, `code` and `reason`), the first has a line, and the others share one with their `count` every 10
seconds.";

const ABOUT_FIELDS: &str = "A field without a value is left out. A value longer than 1 KiB is cut.";

/// The fields that every line has.
const OF_EVERY_LINE: [&str; 4] = ["timestamp", "level", "message", "target"];

/// The fields of the lines of calls, in the order in which a reader looks for them.
const FIELDS: [(&str, &str); 15] = [
    ("timestamp", "when the line was written, in UTC"),
    (
        "level",
        "whose problem it is: `ERROR` the service's, `WARN` the database's or the load's, `INFO` the caller's",
    ),
    ("message", "what happened, as above"),
    ("target", "the module that wrote the line"),
    (
        "x_request_id",
        "the ID of the call: the caller's `x-request-id` or a new one. The response carries it, too, and every error \
         as `RequestInfo`. It has nothing to do with the `request_id` in a request",
    ),
    ("caller", "the caller, by its name in the settings"),
    (
        "peer",
        "the address that a call with unknown credentials, or a refusal that repeats itself, came from",
    ),
    (
        "method",
        "the method, by its path; `_OTHER` for methods that the server does not have",
    ),
    (
        "code",
        "the [code](errors.md#reasons) of the status, such as `INVALID_ARGUMENT`",
    ),
    ("reason", "the [reason](errors.md#reasons) of the error"),
    (
        "error",
        "the words of the error, as the caller received them",
    ),
    (
        "count",
        "how many more refusals of the same kind there were",
    ),
    ("duration_us", "how long the call took, in microseconds"),
    (
        "cause",
        "the words of the database's driver, which the caller does not receive",
    ),
    (
        "trace_id",
        "the trace that the call is part of, whether or not traces are sent",
    ),
];

/// The lines that were written, and the names of their fields.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<Line>>>);

#[derive(Clone)]
struct Line {
    level: Level,
    message: String,
    fields: BTreeSet<&'static str>,
}

impl<S: Subscriber> Layer<S> for Written {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let names = event.metadata().fields().iter().map(|field| field.name());
        self.0.lock().unwrap().push(Line {
            level: *event.metadata().level(),
            message: message.0,
            fields: names.collect(),
        });
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// The lines that `write` writes.
fn lines(write: impl FnOnce()) -> Vec<Line> {
    let written = Written::default();
    let subscriber = registry().with(written.clone());
    tracing::subscriber::with_default(subscriber, write);
    let lines = written.0.lock().unwrap().clone();
    assert!(!lines.is_empty(), "a line was written");
    lines
}

/// The line of a call that ends with a code.
fn line(code: Code, reason: Option<&str>, stage: Stage) -> Line {
    let status = Status::new(code, "");
    let mut lines = lines(|| super::log(&status, reason, Duration::ZERO, stage));
    lines.pop().unwrap()
}

/// The lines of refusals that repeat themselves.
fn repeated() -> Vec<Line> {
    let refusals = Refusals::default();
    for _ in 0..2 {
        refusals.is_first(Kind {
            peer: None,
            method: Arc::from("_OTHER"),
            code: Code::Unimplemented,
            reason: None,
        });
    }
    lines(|| refusals.report())
}

/// The names of the fields that a call's span adds to its lines.
fn of_span() -> BTreeSet<&'static str> {
    tracing::subscriber::with_default(registry(), || {
        let span = boundary::span(&HeaderValue::from_static("id"), "/a/B", "a/B");
        let fields = span.metadata().expect("it is enabled").fields();
        let names = fields.iter().map(|field| field.name());
        // Those of OpenTelemetry are for traces alone.
        names.filter(|name| !name.starts_with("otel.")).collect()
    })
}

#[test]
fn the_log_is_as_documented() {
    let mut found: Vec<(Line, String)> = Vec::new();
    for number in 0..=16 {
        let code = Code::from_i32(number);
        found.push((
            line(code, None, Stage::Handling),
            self::code(status::name(code)),
        ));
    }
    let hung_up = line(Code::Cancelled, None, Stage::Answering);
    found.push((hung_up, code("CANCELLED")));
    let stopped = line(
        Code::Unavailable,
        Some(status::SHUTTING_DOWN),
        Stage::Answering,
    );
    found.push((
        stopped,
        format!("{} ({})", code("UNAVAILABLE"), code(status::SHUTTING_DOWN)),
    ));
    for line in repeated() {
        found.push((line, "as the first of its kind".to_owned()));
    }

    let mut fields = of_span();
    fields.extend(OF_EVERY_LINE);
    let mut lines: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (line, code) in found {
        lines
            .entry((line.message, line.level))
            .or_default()
            .push(code);
        fields.extend(line.fields);
    }
    let documented = FIELDS.map(|(name, _)| name);
    assert_eq!(fields, BTreeSet::from(documented));

    let mut page = Page::new("log.md", "Log", ABOUT);
    let rows = lines
        .into_iter()
        .map(|((message, level), codes)| [code(&message), code(level.as_str()), codes.join(", ")]);
    page.section("Lines", ABOUT_LINES, ["message", "level", "code"], rows);
    let rows = FIELDS.map(|(name, words)| [code(name), words.to_owned()]);
    page.section("Fields", ABOUT_FIELDS, ["field", "meaning"], rows);
    page.compare();
}
