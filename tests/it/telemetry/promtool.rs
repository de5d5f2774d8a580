//! Prometheus' own tool has no complaints about the metrics and the alerts.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use conversation_service::proto::SendMessageRequest;
use tonic::Code;

use super::{
    metrics::{measured, start},
    scrape::Scrape,
};
use crate::support::{
    clock::TestClock,
    databases::{TestDatabase, on_one_server},
    errors::refused,
    ids::{c2c, text},
    rows::Rows,
    tools,
};

on_one_server!(
    failures_of_each_method_are_counted_from_zero,
    promtool_has_no_complaints,
);

const SEND: &str = "conversation.v1.MessageService/SendMessage";
const DELETE: &str = "conversation.v1.ConversationService/DeleteConversations";
const WATCH: &str = "conversation.v1.ConversationService/WatchConversations";

/// A counter that begins with its first failure shows Prometheus no increase.
async fn failures_of_each_method_are_counted_from_zero(database: TestDatabase) {
    const FAILED: &str = "conversation_calls_failed_total";
    let (server, metrics) = start(measured(&database), &TestClock::new()).await;
    let internal = |method| {
        [
            ("rpc_method", method),
            ("rpc_response_status_code", "INTERNAL"),
        ]
    };
    let scrape = Scrape::of(metrics).await;
    for method in [SEND, DELETE, WATCH] {
        scrape.assert(FAILED, &internal(method), 0.0);
    }
    let client = server.client().await;
    Rows::of(&database)
        .await
        .run("ALTER TABLE messages RENAME TO elsewhere")
        .await;
    let request = SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(c2c("alice")),
        body: Some(text("hi")),
        ..SendMessageRequest::default()
    };
    let answer = client.messages.clone().send_message(request).await;
    refused(answer, Code::Internal, "INTERNAL");
    let scrape = Scrape::until(metrics, |scrape| scrape.is(FAILED, &internal(SEND), 1.0)).await;
    scrape.assert(FAILED, &internal(DELETE), 0.0);
}

async fn promtool_has_no_complaints(database: TestDatabase) {
    let (server, metrics) = start(measured(&database), &TestClock::new()).await;
    server.client().await.send("bob", c2c("alice"), "hi").await;
    let text = Scrape::text(metrics).await;
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        return tools::is_missing("promtool", "TEST_PROMTOOL");
    };
    let mut input = promtool.stdin.take().expect("standard input is a pipe");
    input
        .write_all(text.as_bytes())
        .expect("it reads all of it");
    drop(input);
    let output = promtool.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

/// Runs Prometheus' own tool in `deploy/`; without it, says that a test is skipped.
fn promtool(arguments: &[&str]) {
    let run = Command::new("promtool")
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy"))
        .output();
    match run {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(output.status.success(), "{said}");
        }
        Err(_) => tools::is_missing("promtool", "TEST_PROMTOOL"),
    }
}

#[test]
fn each_alert_fires_for_its_outage_and_for_nothing_else() {
    promtool(&["check", "rules", "alerts.yml"]);
    promtool(&["test", "rules", "alerts.test.yml"]);
}

#[test]
fn each_alert_has_a_test_in_which_it_fires() {
    let alerts = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/alerts.yml"));
    let tests = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/alerts.test.yml"
    ));
    for alert in alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
    {
        let fires = format!("ALERTS{{alertname=\"{alert}\", alertstate=\"firing\"");
        assert!(tests.contains(&fires), "{alert}");
    }
}
