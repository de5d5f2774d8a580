//! The limits of connections: how much one may have open, how long it is used, and how many there may be.

use std::time::Duration;

use conversation_service::{config::Config, proto::SendMessageRequest};
use prost::Message as _;
use tokio::{task::JoinSet, time::timeout};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{
    clock::TestClock,
    databases::{Backend, TestDatabase},
    errors::refused,
    ids::{c2c, text},
    rows::Rows,
    server::{TestServer, config},
    stage::PATIENCE,
    wire::{Wire, frame},
};

const SEND: &str = "/conversation.v1.MessageService/SendMessage";

/// A server on the embedded database: connections are the same on every one.
async fn serve(set: impl FnOnce(&mut Config)) -> (TestDatabase, TestServer) {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("the embedded database is always there");
    let mut config = config(&database);
    set(&mut config);
    let server = TestServer::start_with(config, &TestClock::new()).await;
    (database, server)
}

async fn send(wire: &Wire) -> Status {
    let message = SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(c2c("alice")),
        body: Some(text("hi")),
        client_message_id: String::new(),
    };
    wire.post(SEND, &[], &frame(&message.encode_to_vec())).await
}

#[tokio::test]
async fn a_connection_learns_how_many_calls_and_watches_it_may_have_open() {
    let (_database, server) = serve(|config| {
        config.limits.streams_per_connection = 7;
        config.limits.watches_per_connection = 5;
    })
    .await;
    let wire = Wire::connect(server.address()).await;
    assert_eq!(send(&wire).await.code(), Code::Ok);
    assert_eq!(wire.most_calls(), 12);
}

/// A gateway has a watch for each of its users, all on one connection.
#[tokio::test]
async fn calls_never_wait_behind_watches() {
    const MOST: u32 = 3;
    let (_database, server) = serve(|config| {
        config.limits.streams_per_connection = 1;
        config.limits.watches_per_connection = MOST;
    })
    .await;
    let client = server.client().await;
    let mut watchers = Vec::new();
    for _ in 0..MOST {
        watchers.push(client.follow("alice", "", None).await);
    }
    let another = || async { client.watch("alice", "", None).await.map(drop) };
    let status = refused(
        another().await,
        Code::ResourceExhausted,
        "WATCH_LIMIT_REACHED",
    );
    let details = status.get_error_details();
    let info = details.error_info().expect("every error has one");
    assert_eq!(info.metadata["limit"], MOST.to_string());
    assert!(details.retry_info().is_none(), "another connection helps");

    client.send("bob", c2c("alice"), "hi").await;
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
    let elsewhere = server.client().await;
    elsewhere.follow("alice", "", None).await;

    drop(watchers.pop());
    let room = timeout(PATIENCE, async { while another().await.is_err() {} });
    room.await.expect("there is room for another one");
}

#[tokio::test]
async fn connections_in_excess_wait_until_one_is_closed() {
    let (_database, server) = serve(|config| config.limits.connections = 2).await;
    let first = Wire::connect(server.address()).await;
    let second = Wire::connect(server.address()).await;
    for wire in [&first, &second] {
        assert_eq!(send(wire).await.code(), Code::Ok);
    }
    let address = server.address();
    let mut third = JoinSet::new();
    third.spawn(async move { send(&Wire::connect(address).await).await });
    for _ in 0..10 {
        assert_eq!(send(&first).await.code(), Code::Ok);
        assert!(third.try_join_next().is_none(), "it was not held back");
    }
    drop(second);
    let third = timeout(PATIENCE, third.join_all()).await;
    assert_eq!(third.expect("its turn comes")[0].code(), Code::Ok);
    assert_eq!(send(&first).await.code(), Code::Ok);
}

#[tokio::test]
async fn a_connection_that_is_old_enough_is_closed_when_its_calls_are_finished() {
    let (database, server) =
        serve(|config| config.limits.connection_age = Duration::from_millis(50)).await;
    let rows = Rows::of(&database).await;
    rows.run("BEGIN IMMEDIATE").await;
    let old = Wire::connect(server.address()).await;
    let mut sending = JoinSet::new();
    sending.spawn(async move {
        let status = send(&old).await;
        (old, status)
    });
    // It is younger, and has nothing to finish.
    let idle = Wire::connect(server.address()).await;
    timeout(PATIENCE, idle.closed())
        .await
        .expect("it is closed");
    assert!(sending.try_join_next().is_none(), "the call goes on");
    rows.run("COMMIT").await;
    let (old, status) = sending
        .join_next()
        .await
        .expect("it ends")
        .expect("it ends");
    assert_eq!(status.code(), Code::Ok, "{status:?}");
    timeout(PATIENCE, old.closed()).await.expect("it is closed");
}
