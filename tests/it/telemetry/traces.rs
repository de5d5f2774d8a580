//! Traces, as a collector receives them from the real program.

use std::collections::HashMap;

use conversation_service::proto::{DeleteConversationsRequest, SendMessageRequest};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use tonic::{Code, Request};

use super::{
    collector::{Collector, Received, attribute},
    program::Program,
};
use crate::support::{
    client::Client,
    databases::{Backend, TestDatabase, on_one_server},
    errors::refused,
    ids::{c2c, text},
    process::program,
    rows::Rows,
    wire::Wire,
};

on_one_server!(
    a_call_continues_its_callers_trace_down_to_the_statements,
    failed_spans_are_marked_and_a_callers_mistake_is_not,
    a_watch_is_one_call_with_all_that_it_reads,
);

/// A caller's trace and the span of its call.
const TRACE: [u8; 16] = *b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36";
const SPAN: [u8; 8] = *b"\x00\xf0\x67\xaa\x0b\xa9\x02\xb7";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACESTATE: &str = "vendor=something";

/// Nothing of this may leave the service.
const SECRET: &str = "the-text-of-a-message";
const SENDER: &str = "somebody-who-sends";
const RECIPIENT: &str = "somebody-who-receives";

const SEND: &str = "conversation.v1.MessageService/SendMessage";
const DELETE: &str = "conversation.v1.ConversationService/DeleteConversations";
const WATCH: &str = "conversation.v1.ConversationService/WatchConversations";

/// Starts the program, to send its traces to a collector as soon as they have ended.
fn start(database: &TestDatabase, collector: &Collector, more: &[(&str, &str)]) -> Program {
    let endpoint = collector.endpoint();
    let mut environment = vec![
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
    ];
    environment.extend(more);
    Program::start(database.url(), &[], &environment)
}

/// Sends a message within the caller's trace.
async fn send_traced(client: &Client) {
    let mut request = Request::new(SendMessageRequest {
        sender_user_id: SENDER.to_owned(),
        conversation_id: Some(c2c(RECIPIENT)),
        body: Some(text(SECRET)),
        client_message_id: String::new(),
    });
    let metadata = request.metadata_mut();
    metadata.insert("traceparent", TRACEPARENT.parse().expect("plain text"));
    metadata.insert("tracestate", TRACESTATE.parse().expect("plain text"));
    let sent = client.messages.clone().send_message(request).await;
    sent.expect("the message is accepted");
}

/// The call of a method, if its span has come.
fn call<'a>(received: &'a Received, method: &str) -> Option<&'a Span> {
    let mut spans = received.spans.iter();
    spans.find(|span| span.name == method && span.kind == SpanKind::Server as i32)
}

/// The statements that have been run for a call.
fn statements<'a>(received: &'a Received, call: &Span) -> Vec<&'a Span> {
    let spans = received.of_trace(&call.trace_id);
    let parents: HashMap<_, _> = spans
        .iter()
        .map(|span| (span.span_id.clone(), span.parent_span_id.clone()))
        .collect();
    let below = |span: &Span| {
        let mut at = span.span_id.clone();
        while let Some(parent) = parents.get(&at) {
            if *parent == call.span_id {
                return true;
            }
            at.clone_from(parent);
        }
        false
    };
    spans
        .into_iter()
        .filter(|span| attribute(&span.attributes, "db.query.text").is_some() && below(span))
        .collect()
}

fn is_marked(span: &Span) -> bool {
    span.status
        .as_ref()
        .is_some_and(|status| status.code() == StatusCode::Error)
}

/// Checks the trace of [`send_traced`].
fn assert_continued(received: &Received, backend: Backend) {
    let call = call(received, SEND).expect("the call has come");
    assert_eq!(call.trace_id, TRACE);
    assert_eq!(call.parent_span_id, SPAN);
    assert_eq!(call.trace_state, TRACESTATE);
    assert!(!is_marked(call));
    for (key, value) in [
        ("rpc.system.name", "grpc"),
        ("rpc.method", SEND),
        ("rpc.response.status_code", "OK"),
    ] {
        assert_eq!(attribute(&call.attributes, key), Some(value), "{key}");
    }

    let statements = statements(received, call);
    let system = match backend {
        Backend::Sqlite => "sqlite",
        Backend::Postgres => "postgresql",
    };
    let mut names: Vec<_> = statements.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let expected: &[_] = match backend {
        Backend::Sqlite => &["BEGIN", "COMMIT", "INSERT"],
        Backend::Postgres => &["WITH"],
    };
    assert_eq!(names, expected);
    for span in statements {
        assert_eq!(span.kind, SpanKind::Client as i32);
        assert_eq!(attribute(&span.attributes, "db.system.name"), Some(system));
        assert!(!is_marked(span));
        // Right below it is the operation of the store that it is part of.
        let mut spans = received.spans.iter();
        let operation = spans.find(|other| other.span_id == span.parent_span_id);
        let operation = operation.expect("the operation has come");
        assert_eq!(operation.name, "append");
        assert_eq!(operation.parent_span_id, call.span_id);
        let name = attribute(&operation.attributes, "db.operation.name");
        assert_eq!(name, Some("append"));
    }
    let everything = format!("{received:?}");
    for inside in [SECRET, SENDER, RECIPIENT] {
        assert!(!everything.contains(inside), "{inside} in {everything}");
    }
}

/// Whether the call has come, which is after everything below it.
fn has(method: &'static str) -> impl Fn(&Received) -> bool {
    move |received| call(received, method).is_some()
}

async fn a_call_continues_its_callers_trace_down_to_the_statements(database: TestDatabase) {
    let collector = Collector::over_http().await;
    let program = start(&database, &collector, &[]);
    send_traced(&program.client().await).await;
    let received = collector.until(has(SEND)).await;
    assert_continued(&received, database.backend());
    let named = |key| attribute(&received.resource, key);
    assert_eq!(named("service.name"), Some("conversation-service"));
    assert_eq!(named("service.version"), Some(env!("CARGO_PKG_VERSION")));
    let (status, _) = program.stop().await;
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_are_sent_over_grpc_if_that_is_the_protocol() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let collector = Collector::over_grpc().await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_SERVICE_NAME", "chat"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        ),
    ];
    let program = start(&database, &collector, &variables);
    send_traced(&program.client().await).await;
    let received = collector.until(has(SEND)).await;
    assert_continued(&received, database.backend());
    let named = |key| attribute(&received.resource, key);
    assert_eq!(named("service.name"), Some("chat"));
    assert_eq!(named("deployment.environment.name"), Some("test"));
    let (status, _) = program.stop().await;
    assert!(status.success());
}

async fn failed_spans_are_marked_and_a_callers_mistake_is_not(database: TestDatabase) {
    let collector = Collector::over_http().await;
    let program = start(&database, &collector, &[]);
    let client = program.client().await;
    let nothing = DeleteConversationsRequest::default();
    let answer = client
        .conversations
        .clone()
        .delete_conversations(nothing)
        .await;
    refused(answer, Code::InvalidArgument, "INVALID_REQUEST");
    let wire = Wire::connect(program.address().await).await;
    let status = wire.post("/a.B/C", &[], &[0; 5]).await;
    assert_eq!(status.code(), Code::Unimplemented);
    let rows = Rows::of(&database).await;
    rows.run("ALTER TABLE messages RENAME TO elsewhere").await;
    let request = SendMessageRequest {
        sender_user_id: SENDER.to_owned(),
        conversation_id: Some(c2c(RECIPIENT)),
        body: Some(text(SECRET)),
        client_message_id: String::new(),
    };
    let answer = client.messages.clone().send_message(request).await;
    refused(answer, Code::Internal, "INTERNAL");

    let received = collector.until(|received| {
        [SEND, DELETE, "_OTHER"]
            .iter()
            .all(|method| call(received, method).is_some())
    });
    let received = received.await;
    let [mistake, other, failure] =
        [DELETE, "_OTHER", SEND].map(|method| call(&received, method).expect("it has come"));
    let status_of = |span: &Span| {
        let code = attribute(&span.attributes, "rpc.response.status_code");
        code.map(str::to_owned)
    };
    assert_eq!(status_of(mistake).as_deref(), Some("INVALID_ARGUMENT"));
    assert!(!is_marked(mistake));
    assert_eq!(status_of(other).as_deref(), Some("UNIMPLEMENTED"));
    assert!(is_marked(other));
    let is_shown = |text: &str| format!("{other:?}").contains(text);
    assert!(
        !is_shown("a.B/C"),
        "what was asked for is nowhere: {other:?}"
    );
    assert_eq!(status_of(failure).as_deref(), Some("INTERNAL"));
    assert!(is_marked(failure));
    let marked: Vec<_> = statements(&received, failure)
        .into_iter()
        .filter(|span| is_marked(span))
        .collect();
    let [statement] = marked.as_slice() else {
        panic!("one statement has failed: {marked:#?}");
    };
    assert_eq!(
        attribute(&statement.attributes, "error.type"),
        Some("statement")
    );
    assert!(!format!("{received:?}").contains(SECRET));
}

async fn a_watch_is_one_call_with_all_that_it_reads(database: TestDatabase) {
    let collector = Collector::over_http().await;
    let program = start(&database, &collector, &[]);
    let client = program.client().await;
    client.send("bob", c2c("alice"), "hi").await;
    let mut watcher = client.follow("alice", "phone", None).await;
    client.delete("alice", [c2c("bob")]).sync(true).await;
    watcher.change().await;
    drop(watcher);
    let received = collector.until(has(WATCH)).await;
    let watch = call(&received, WATCH).expect("it has come");
    let of_watch = |received: &Received| {
        let statements = statements(received, watch).into_iter();
        statements
            .filter(|span| {
                let text = attribute(&span.attributes, "db.query.text");
                text.is_some_and(|text| text.contains("FROM changes"))
            })
            .count()
    };
    assert_eq!(
        of_watch(&received),
        1,
        "what it has read belongs to the call"
    );
    let code = attribute(&watch.attributes, "rpc.response.status_code");
    assert_eq!(code, Some("CANCELLED"));
    assert!(!is_marked(watch));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_is_sent_when_the_program_stops() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let collector = Collector::over_http().await;
    let never = [("OTEL_BSP_SCHEDULE_DELAY", "3600000")];
    let program = start(&database, &collector, &never);
    send_traced(&program.client().await).await;
    assert_eq!(collector.received().spans.len(), 0);
    let (status, _) = program.stop().await;
    assert!(status.success());
    // It has ended, so nothing more comes.
    assert_continued(&collector.received(), database.backend());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_of_the_background_jobs_is_a_trace_of_its_own() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let collector = Collector::over_http().await;
    let purged = program()
        .args(["purge", "--database-url", database.url()])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
        .output()
        .expect("the program can be started");
    assert!(purged.status.success(), "{purged:?}");
    // It has ended, so nothing more comes.
    let received = collector.received();
    let mut spans = received.spans.iter();
    let round = spans.find(|span| span.name == "purge");
    let round = round.expect("the round has come");
    assert!(round.parent_span_id.is_empty());
    assert!(!statements(&received, round).is_empty());
    let apart = |span: &&Span| span.trace_id != round.trace_id;
    assert_eq!(received.spans.iter().filter(apart).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_no_call_and_no_time_beyond_the_drain() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let collector = Collector::over_http().await;
    let endpoint = collector.endpoint();
    drop(collector);
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
    ];
    let program = Program::start(database.url(), &["--drain-timeout=2s"], &variables);
    let client = program.client().await;
    send_traced(&client).await;
    program.line("traces cannot be sent").await;
    send_traced(&client).await;
    let (status, written) = program.stop().await;
    assert!(status.success(), "{written:#?}");
    assert!(!written.concat().contains("ERROR"), "{written:#?}");
    let of_loss = written
        .iter()
        .filter(|line| line.contains("traces cannot be sent"));
    assert_eq!(of_loss.count(), 1, "{written:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_unless_it_is_said_where_to() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let collector = Collector::over_http().await;
    let endpoint = collector.endpoint();
    let off = [
        vec![("OTEL_TRACES_EXPORTER", "otlp")],
        vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_SDK_DISABLED", "true"),
        ],
    ];
    for mut variables in off {
        variables.push(("OTEL_BSP_SCHEDULE_DELAY", "1"));
        let program = Program::start(database.url(), &[], &variables);
        send_traced(&program.client().await).await;
        let (status, written) = program.stop().await;
        assert!(status.success());
        assert!(!written.concat().contains("trace"), "{written:#?}");
    }
    assert_eq!(collector.received().connections, 0);
}
