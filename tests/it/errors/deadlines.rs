//! Calls whose deadline has passed.

use std::time::Duration;

use conversation_service::proto::{DeleteConversationsRequest, SendMessageRequest};
use prost::Message as _;
use tonic::{Code, Request, metadata::MetadataValue};

use super::assert_ours;
use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::{c2c, text},
    rows::Rows,
    stage::Stage,
    wire::{Wire, frame},
};

on_every_database!(
    a_passed_deadline_is_reported_as_such,
    a_deadline_that_is_far_away_changes_nothing,
    a_timeout_that_is_no_timeout_is_ignored,
);

fn timed<T>(request: T, timeout: &str) -> Request<T> {
    let mut request = Request::new(request);
    let timeout = MetadataValue::try_from(timeout).expect("plain text");
    request.metadata_mut().insert("grpc-timeout", timeout);
    request
}

fn deletion() -> DeleteConversationsRequest {
    DeleteConversationsRequest {
        user_id: "alice".to_owned(),
        conversation_ids: vec![c2c("bob")],
        ..DeleteConversationsRequest::default()
    }
}

fn message() -> SendMessageRequest {
    SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(c2c("alice")),
        body: Some(text("hi")),
        client_message_id: String::new(),
    }
}

async fn a_passed_deadline_is_reported_as_such(database: TestDatabase) {
    let Stage { client, server, .. } = Stage::open(&database).await;
    let wire = Wire::connect(server.address()).await;
    for timeout in ["0n", "1n", "0S", "0H", "1u", "+0n", "+1n"] {
        for _ in 0..20 {
            for (method, message) in [
                (
                    "ConversationService/DeleteConversations",
                    deletion().encode_to_vec(),
                ),
                ("MessageService/SendMessage", message().encode_to_vec()),
                (
                    "MessageService/ListMessages",
                    b"\x0a\x01x\x12\x03\x0a\x01y".to_vec(),
                ),
            ] {
                let path = format!("/conversation.v1.{method}");
                let status = wire
                    .post(&path, &[("grpc-timeout", timeout)], &frame(&message))
                    .await;
                let status = refused(
                    Err::<(), _>(status),
                    Code::DeadlineExceeded,
                    "DEADLINE_EXCEEDED",
                );
                assert_ours(&status);
            }
        }
    }
    let rows = Rows::of(&database).await;
    rows.assert_whole().await;
    client.send("bob", c2c("alice"), "as before").await;
    client.delete("alice", [c2c("bob")]).await;
    assert_eq!(client.listed("alice").await, []);
}

async fn a_deadline_that_is_far_away_changes_nothing(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for timeout in ["99999999H", "99999999M", "60S", "60000m"] {
        let answer = client
            .messages
            .clone()
            .send_message(timed(message(), timeout))
            .await;
        answer.expect("there is plenty of time");
    }
    let mut request = Request::new(deletion());
    request.set_timeout(Duration::from_mins(1));
    let answer = client
        .conversations
        .clone()
        .delete_conversations(request)
        .await;
    answer.expect("there is plenty of time");
}

async fn a_timeout_that_is_no_timeout_is_ignored(database: TestDatabase) {
    let Stage { server, .. } = Stage::open(&database).await;
    let wire = Wire::connect(server.address()).await;
    for timeout in ["", "1", "S", "-1S", "1x", "123456789n", "1.5S"] {
        let message = frame(&message().encode_to_vec());
        let headers = [("grpc-timeout", timeout)];
        let status = wire.post(
            "/conversation.v1.MessageService/SendMessage",
            &headers,
            &message,
        );
        assert_eq!(status.await.code(), Code::Ok, "{timeout:?}");
    }
}
