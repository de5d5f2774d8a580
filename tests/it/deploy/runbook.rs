//! The commands of the runbook work as they stand.

use std::process::{Command, Stdio};

use conversation_service::proto::DeleteConversationsRequest;
use tonic::{Code, Request};

use super::read;
use crate::{
    documents::blocks,
    support::{
        client::Client,
        databases::{Backend, TestDatabase},
        errors::refused,
        logged::Logged,
        process::program,
        rows::Rows,
        tools,
    },
};

/// Runs a command of the runbook and returns what it prints; `None` where there is no `jq`, unless
/// `TEST_JQ=required`.
fn shell(command: &str) -> Option<String> {
    let has_jq = Command::new("jq").arg("--version").output().is_ok();
    if !has_jq {
        tools::is_missing("jq", "TEST_JQ");
        return None;
    }
    let output = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .output();
    let output = output.expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{command}: {said}"
    );
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn its_commands_find_the_failed_call_in_the_log() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let mut command = program();
    command.args([
        "--listen",
        "127.0.0.1:0",
        "--log-format=json",
        "--database-url",
        database.url(),
    ]);
    let mut server = Logged::start(&mut command).await;
    let client = Client::connect(server.address()).await;
    let mut request = Request::new(DeleteConversationsRequest::default());
    let id = "the-call-that-fails";
    request
        .metadata_mut()
        .insert("x-request-id", id.parse().expect("plain text"));
    let mut conversations = client.conversations.clone();
    let answer = conversations.delete_conversations(request).await;
    refused(answer, Code::InvalidArgument, "INVALID_REQUEST");
    server.line(id).await;

    let log = tempfile::NamedTempFile::new().expect("a file can be made");
    std::fs::write(log.path(), server.log()).expect("it can be written");
    let mut run = 0;
    for block in blocks(&read("deploy/RUNBOOK.md"), "sh") {
        for command in block.lines().filter(|line| !line.starts_with('#')) {
            let command = command
                .replace("LOG", &log.path().display().to_string())
                .replace("ID", id);
            let Some(said) = shell(&command) else {
                return;
            };
            assert!(said.contains("INVALID_ARGUMENT"), "{command}: {said}");
            run += 1;
        }
    }
    assert!(run >= 2, "there are commands");
}

#[tokio::test(flavor = "multi_thread")]
async fn its_queries_are_ones_that_postgres_answers() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let rows = Rows::of(&database).await;
    let runbook = read("deploy/RUNBOOK.md");
    let queries = blocks(&runbook, "sql");
    assert!(queries.len() >= 2, "there are queries");
    for query in queries {
        rows.query(query.trim().trim_end_matches(';')).await;
    }
}
