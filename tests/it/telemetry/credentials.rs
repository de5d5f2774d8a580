//! The log line and the trace of a call name its caller. Neither holds the caller's token, nor the
//! credentials that the service shows to its collector.

use std::path::PathBuf;

use conversation_service::proto::ListConversationsRequest;
use ring::digest;
use tempfile::TempDir;
use tonic::{Code, Request, Status};

use super::{
    collector::{Collector, attribute},
    program::{Program, objects},
};
use crate::support::{
    client::Client,
    databases::{Backend, TestDatabase},
    errors::refused,
};

const LIST: &str = "/conversation.v1.ConversationService/ListConversations";
/// The token that the caller shows.
const TOKEN: &str = "token-of-the-gateway-hunter2";
/// The credentials that the service shows to its collector.
const HEADERS: &str = "authorization=Bearer%20key-of-the-collector-hunter2";
const AUTHORIZATION: &str = "Bearer key-of-the-collector-hunter2";
/// In both of them.
const SECRET: &str = "hunter2";

/// Settings with one caller, `gateway`, in a directory that goes when it is dropped.
fn settings() -> (TempDir, PathBuf) {
    let digest = digest::digest(&digest::SHA256, TOKEN.as_bytes());
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    let settings = format!(
        "[[callers]]\nname = \"gateway\"\ntoken_sha256 = \"{}\"\nroles = [\"conversations\"]\n",
        digits.collect::<String>()
    );
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let path = directory.path().join("settings.toml");
    std::fs::write(&path, settings).expect("it can be written to");
    (directory, path)
}

async fn list(client: &Client, id: &str, token: &str, user: &str) -> Result<(), Status> {
    let mut request = Request::new(ListConversationsRequest {
        user_id: user.to_owned(),
        ..ListConversationsRequest::default()
    });
    let metadata = request.metadata_mut();
    let authorization = format!("Bearer {token}").parse().expect("plain text");
    metadata.insert("authorization", authorization);
    metadata.insert("x-request-id", id.parse().expect("plain text"));
    let answer = client
        .conversations
        .clone()
        .list_conversations(request)
        .await;
    answer.map(drop)
}

async fn sqlite() -> TestDatabase {
    let database = TestDatabase::create(Backend::Sqlite).await;
    database.expect("SQLite is always there")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_caller_is_named_in_the_line_and_in_the_trace_of_its_call() {
    let database = sqlite().await;
    let collector = Collector::over_http().await;
    let endpoint = collector.endpoint();
    let (_directory, settings) = settings();
    let settings = settings.to_str().expect("a path in UTF-8");
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
    ];
    let arguments = ["--log-format=json", "--config", settings];
    let program = Program::start(database.url(), &arguments, &variables);
    let client = program.client().await;
    let answer = list(&client, "mistake", TOKEN, "").await;
    refused(answer, Code::InvalidArgument, "INVALID_REQUEST");
    let answer = list(&client, "stranger", "something else", "alice").await;
    refused(answer, Code::Unauthenticated, "CREDENTIALS_INVALID");
    let callers = |received: &super::collector::Received| {
        let of_calls = received.spans.iter().filter(|span| span.kind == 2);
        let callers = of_calls.map(|span| attribute(&span.attributes, "caller").map(str::to_owned));
        callers.collect::<Vec<_>>()
    };
    let received = collector.until(|received| callers(received).len() == 2);
    let mut in_traces = callers(&received.await);
    in_traces.sort();
    assert_eq!(in_traces, [None, Some("gateway".to_owned())]);

    let (status, written) = program.stop().await;
    assert!(status.success());
    let lines = objects(&written);
    let line = |id: &str| {
        let mut own = lines.iter().filter(|line| line["x_request_id"] == id);
        let line = own.next().expect("each failed call has a line");
        assert_eq!(own.next(), None, "and only one");
        assert_eq!(line["level"], "INFO", "a caller's mistake: {line}");
        assert_eq!(line["method"], LIST);
        line
    };
    assert_eq!(line("mistake")["caller"], "gateway");
    assert!(line("mistake").get("peer").is_none());
    assert!(line("stranger").get("caller").is_none());
    let peer = line("stranger")["peer"].as_str();
    assert!(peer.is_some_and(|peer| peer.starts_with("127.0.0.1:")));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_any_level_holds_a_credential_of_a_caller_or_for_the_collector() {
    let database = sqlite().await;
    let (_directory, settings) = settings();
    let settings = settings.to_str().expect("a path in UTF-8");
    for (protocol, collector) in [
        ("http/protobuf", Collector::over_http().await),
        ("grpc", Collector::over_grpc().await),
    ] {
        let endpoint = collector.endpoint();
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_HEADERS", HEADERS),
            ("OTEL_BSP_SCHEDULE_DELAY", "10"),
            ("RUST_LOG", "trace"),
        ];
        let arguments = ["--config", settings, "--drain-timeout=2s"];
        let start = || Program::start(database.url(), &arguments, &variables);
        let program = start();
        let client = program.client().await;
        list(&client, "one", TOKEN, "alice").await.expect("let in");
        let received = collector.until(|received| !received.spans.is_empty());
        let received = received.await;
        let shown = received.authorization.as_deref();
        assert_eq!(shown, Some(AUTHORIZATION), "{protocol}");
        assert!(!format!("{:?}", received.spans).contains(SECRET));
        let (_, mut written) = program.stop().await;

        // The lines about a collector that is away must not hold the secret either.
        drop(collector);
        let program = start();
        let client = program.client().await;
        list(&client, "two", TOKEN, "alice").await.expect("let in");
        program.line("traces cannot be sent").await;
        written.extend(program.stop().await.1);
        assert!(written.concat().contains("TRACE"), "it is all there");
        let revealing = written.iter().find(|line| line.contains(SECRET));
        assert_eq!(revealing, None, "{protocol}");
    }
}
