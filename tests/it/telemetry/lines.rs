//! Log lines of the real program.

use conversation_service::proto::{DeleteConversationsRequest, SendMessageRequest};
use serde_json::Value;
use tonic::{Code, Request, Status};

use super::program::{Program, objects};
use crate::support::{
    client::Client,
    databases::{Backend, TestDatabase, on_one_server},
    errors::refused,
    ids::{c2c, text},
    overload::is_overloaded,
    proxy::Proxy,
    rows::Rows,
    wire::Wire,
};

on_one_server!(
    each_failed_call_has_one_line_that_says_what_an_operator_needs,
    text_lines_say_the_same,
    a_line_names_its_call_however_few_lines_are_chosen,
);

const JSON: [&str; 1] = ["--log-format=json"];
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// May stand in no line.
const SECRET: &str = "the-text-of-a-message";
const PASSWORD: &str = "hunter2";

const SEND: &str = "/conversation.v1.MessageService/SendMessage";
const DELETE: &str = "/conversation.v1.ConversationService/DeleteConversations";

/// The database's URL with a password in it. The tests' own PostgreSQL asks for none.
fn url(database: &TestDatabase) -> String {
    match database.backend() {
        Backend::Sqlite => database.url().to_owned(),
        Backend::Postgres => {
            let with_password = format!("postgres:{PASSWORD}@");
            database.url().replacen("postgres@", &with_password, 1)
        }
    }
}

/// A request that is known by this ID and is part of a trace.
fn known_as<T>(id: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let metadata = request.metadata_mut();
    metadata.insert("x-request-id", id.parse().expect("plain text"));
    metadata.insert("traceparent", TRACEPARENT.parse().expect("plain text"));
    request
}

async fn send(client: &Client, id: &str) -> Result<(), Status> {
    let request = known_as(
        id,
        SendMessageRequest {
            sender_user_id: "bob".to_owned(),
            conversation_id: Some(c2c("alice")),
            body: Some(text(SECRET)),
            client_message_id: String::new(),
        },
    );
    let answer = client.messages.clone().send_message(request).await;
    answer.map(drop)
}

/// One call that succeeds and one of each kind that fails.
async fn succeed_and_fail(program: &Program, database: &TestDatabase) {
    let client = program.client().await;
    send(&client, "success").await.expect("accepted");
    let nothing = known_as("mistake", DeleteConversationsRequest::default());
    let answer = client
        .conversations
        .clone()
        .delete_conversations(nothing)
        .await;
    refused(answer, Code::InvalidArgument, "INVALID_REQUEST");
    let wire = Wire::connect(program.address().await).await;
    let headers = [("x-request-id", "unknown"), ("grpc-timeout", "1S")];
    let status = wire.post("/a.B/C", &headers, &[0; 5]).await;
    assert_eq!(status.code(), Code::Unimplemented);
    let headers = [("x-request-id", "late"), ("grpc-timeout", "0n")];
    let status = wire.post(SEND, &headers, &[0; 5]).await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let rows = Rows::of(database).await;
    rows.run("ALTER TABLE messages RENAME TO elsewhere").await;
    refused(send(&client, "failure").await, Code::Internal, "INTERNAL");
}

async fn each_failed_call_has_one_line_that_says_what_an_operator_needs(database: TestDatabase) {
    let program = Program::start(&url(&database), &JSON, &[]);
    succeed_and_fail(&program, &database).await;
    program.line("\"failure\"").await;
    let (status, written) = program.stop().await;
    assert!(status.success());
    let lines = objects(&written);
    for line in &lines {
        for name in ["timestamp", "level", "message", "target"] {
            assert!(line[name].is_string(), "{name} of {line}");
        }
    }
    let said = written.concat();
    assert!(!said.contains(SECRET) && !said.contains(PASSWORD), "{said}");

    let of_calls: Vec<_> = lines
        .iter()
        .filter(|line| line.get("method").is_some())
        .collect();
    for (id, level, method, code, reason) in [
        (
            "mistake",
            "INFO",
            DELETE,
            "INVALID_ARGUMENT",
            "INVALID_REQUEST",
        ),
        (
            "unknown",
            "INFO",
            "_OTHER",
            "UNIMPLEMENTED",
            "UNIMPLEMENTED",
        ),
        (
            "late",
            "WARN",
            SEND,
            "DEADLINE_EXCEEDED",
            "DEADLINE_EXCEEDED",
        ),
        ("failure", "ERROR", SEND, "INTERNAL", "INTERNAL"),
    ] {
        let own: Vec<_> = of_calls
            .iter()
            .filter(|line| line["x_request_id"] == id)
            .collect();
        let [line] = own.as_slice() else {
            panic!("{id} has {} lines: {own:#?}", own.len());
        };
        for (name, value) in [
            ("level", level),
            ("method", method),
            ("code", code),
            ("reason", reason),
        ] {
            assert_eq!(line[name], value, "{name} of {line}");
        }
        assert!(line["duration_us"].is_u64(), "{line}");
        assert!(line["error"].is_string(), "{line}");
        let traced = ["mistake", "failure"].contains(&id);
        let trace_id = if traced { TRACE_ID.into() } else { Value::Null };
        assert_eq!(line["trace_id"], trace_id, "{line}");
        let cause = line["cause"].as_str().unwrap_or_default();
        assert_eq!(cause.contains("messages"), id == "failure", "{line}");
    }
    assert_eq!(
        of_calls.len(),
        4,
        "a call that succeeds has none: {of_calls:#?}"
    );
}

async fn text_lines_say_the_same(database: TestDatabase) {
    let program = Program::start(&url(&database), &[], &[]);
    succeed_and_fail(&program, &database).await;
    let line = program.line("\"failure\"").await;
    for part in [
        "ERROR",
        "failed",
        &format!("method={SEND:?}"),
        &format!("trace_id={TRACE_ID}"),
        "code=\"INTERNAL\"",
        "reason=\"INTERNAL\"",
        "cause=a statement failed",
        "duration_us=",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    let (status, written) = program.stop().await;
    assert!(status.success());
    let said = written.join("\n");
    for part in ["otel.", SECRET, PASSWORD, "success"] {
        assert!(!said.contains(part), "{part} is in {said}");
    }
    assert_eq!(said.matches(" x_request_id=").count(), 4, "{said}");
}

async fn a_line_names_its_call_however_few_lines_are_chosen(database: TestDatabase) {
    let errors = [("RUST_LOG", "error")];
    let program = Program::start(&url(&database), &JSON, &errors);
    succeed_and_fail(&program, &database).await;
    program.line("\"failure\"").await;
    let (_, written) = program.stop().await;
    let lines = objects(&written);
    let [line] = lines.as_slice() else {
        panic!("{lines:#?}");
    };
    assert_eq!(line["x_request_id"], "failure");
    assert_eq!(line["method"], SEND);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_refusals_for_want_of_room_are_a_warning_and_a_count() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("the embedded database is always there");
    let one_watcher = ["--log-format=json", "--max-watchers=1"];
    let program = Program::start(&url(&database), &one_watcher, &[]);
    let client = program.client().await;
    let _watcher = client.follow("alice", "", None).await;
    for _ in 0..20 {
        let refused = client.watch("alice", "", None).await.map(drop);
        assert!(is_overloaded(refused));
    }
    let (_, written) = program.stop().await;
    let lines = objects(&written);
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line["reason"] == "OVERLOADED")
        .collect();
    // A new interval may have begun meanwhile.
    assert!(told.len() <= 4, "{} lines: {told:#?}", told.len());
    assert_eq!(told[0]["level"], "WARN");
    let counts = told.iter().map(|line| line["count"].as_u64().unwrap_or(1));
    assert_eq!(counts.sum::<u64>(), 20, "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_one_warning_a_call_with_the_drivers_words() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let url = url(&database);
    let (before, rest) = url.split_once('@').expect("a user");
    let (host, path) = rest.split_once('/').expect("a database");
    let proxy = Proxy::start(host.to_owned()).await;
    let url = format!("{before}@{}/{path}", proxy.address());
    let program = Program::start(&url, &JSON, &[]);
    let client = program.client().await;
    send(&client, "before").await.expect("accepted");
    proxy.cut();
    let answer = send(&client, "away").await;
    refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
    program.line("\"away\"").await;
    let (_, written) = program.stop().await;
    let lines = objects(&written);
    let own: Vec<_> = lines
        .iter()
        .filter(|line| line["x_request_id"] == "away")
        .collect();
    let [line] = own.as_slice() else {
        panic!("{own:#?}");
    };
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["code"], "UNAVAILABLE");
    let cause = line["cause"].as_str().expect("the driver's words");
    assert!(
        cause.starts_with("the database is unavailable: "),
        "{cause}"
    );
    let said = written.concat();
    assert!(!said.contains(SECRET) && !said.contains(PASSWORD), "{said}");
}
