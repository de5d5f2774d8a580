//! One caller that asks for all there is, and another one beside it.

use conversation_service::proto::{GetUnreadCountRequest, SendMessageRequest};
use prost::Message as _;
use tokio::time::timeout;
use tonic::Code;

use super::peer::{Call, Peer, connect_from};
use crate::support::{
    databases::{TestDatabase, on_one_server},
    ids::{c2c, text},
    overload::block,
    server::config,
    stage::{PATIENCE, Stage},
    wire::frame,
};

on_one_server!(
    a_caller_whose_calls_wait_leaves_others_room,
    reads_find_a_connection_while_changes_wait_for_a_lock,
);

const SEND: &str = "/conversation.v1.MessageService/SendMessage";
const COUNT: &str = "/conversation.v1.ConversationService/GetUnreadCount";

fn message() -> Vec<u8> {
    let message = SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(c2c("alice")),
        body: Some(text("hi")),
        client_message_id: String::new(),
    };
    frame(&message.encode_to_vec())
}

fn count() -> Vec<u8> {
    let question = GetUnreadCountRequest {
        user_id: "alice".to_owned(),
        filter: None,
    };
    frame(&question.encode_to_vec())
}

async fn begin(peer: &Peer, number: usize) -> Vec<Call> {
    let mut calls = Vec::new();
    for _ in 0..number {
        calls.push(peer.begin(SEND, message(), true).await);
    }
    calls
}

async fn a_caller_whose_calls_wait_leaves_others_room(database: TestDatabase) {
    let mut config = config(&database);
    // Fewer than are worked on, so that those let in stay until the lock is given back.
    config.limits.requests = 100;
    let stage = Stage::open_with(config).await;
    stage.client.send("bob", c2c("alice"), "hi").await;
    let rows = block(&database).await;
    let address = stage.server.address();
    let greedy = Peer::over(connect_from("127.0.0.2", address).await, 65_535).await;
    let calls = begin(&greedy, 200).await;
    let all_is_taken = timeout(PATIENCE, async {
        loop {
            // It is invalid, so that it never waits for the database.
            let mut probe = greedy.begin(COUNT, frame(b""), true).await;
            if probe.status().await.code() == Code::ResourceExhausted {
                break;
            }
        }
    });
    all_is_taken
        .await
        .expect("it asks for more than it may have");

    let other = Peer::over(connect_from("127.0.0.3", address).await, 65_535).await;
    let mut waiting = other.begin(SEND, message(), true).await;
    // Changes of its own are let in, and reads are answered at once.
    let mut read = other.begin(COUNT, count(), true).await;
    assert_eq!(read.status().await.code(), Code::Ok);
    rows.run("COMMIT").await;
    assert_eq!(waiting.status().await.code(), Code::Ok);
    drop(calls);
}

async fn reads_find_a_connection_while_changes_wait_for_a_lock(database: TestDatabase) {
    let stage = Stage::open(&database).await;
    stage.client.send("bob", c2c("alice"), "hi").await;
    let rows = block(&database).await;
    let peer = Peer::connect(stage.server.address()).await;
    let calls = begin(&peer, 40).await;
    // They wait for the lock, or for a connection, until the reads have been answered.
    for _ in 0..100 {
        let mut read = peer.begin(COUNT, count(), true).await;
        let status = timeout(PATIENCE, read.status()).await;
        assert_eq!(status.expect("it is answered").code(), Code::Ok);
    }
    rows.run("COMMIT").await;
    drop(calls);
}
