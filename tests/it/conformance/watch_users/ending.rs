//! The ends of single users, while the others go on, and the ends of the whole stream.

use std::time::Duration;

use conversation_service::proto::WatchUsersRequest;
use tokio::time::timeout;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::there_and_back;
use crate::{
    conformance::watch_conversations::{conversations, trimming::purge},
    support::{
        clock::TestClock,
        databases::{TestDatabase, on_every_database},
        errors::{refused, violated},
        rows::Rows,
        server::{TestServer, config},
        users::{Heard, adding},
        wire::{Wire, frame},
    },
};

on_every_database!(
    a_revision_that_is_ahead_ends_its_user_and_the_others_go_on,
    a_revision_older_than_the_log_ends_its_user_and_the_others_go_on,
    what_comes_before_a_gap_in_the_log_is_sent_before_the_end,
    something_that_is_no_users_id_ends_nothing_but_itself,
    closing_the_sending_side_ends_the_stream_once_everything_known_is_sent,
    a_message_that_breaks_the_rules_ends_the_stream,
    draining_ends_the_stream_and_the_server_stops_in_order,
);

const DAY: Duration = Duration::from_hours(24);
const PATIENCE: Duration = Duration::from_secs(30);
const WATCH_USERS: &str = "/conversation.v1.ConversationService/WatchUsers";

async fn a_revision_that_is_ahead_ends_its_user_and_the_others_go_on(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, "bob", 1).await;
    let mut watcher = client.watch_users("").await;
    watcher.follow("bob", None).await;
    for ahead in [1, u64::MAX] {
        watcher.add("alice", Some(ahead));
        let status = watcher.ended("alice").await;
        refused::<()>(Err(status), Code::OutOfRange, "REVISION_UNKNOWN");
    }
    // One that is followed is no more.
    watcher.add("bob", Some(9));
    let status = watcher.ended("bob").await;
    refused::<()>(Err(status), Code::OutOfRange, "REVISION_UNKNOWN");
    client.delete("bob", ids.clone()).sync(true).await;
    watcher.follow("alice", None).await;
    assert_eq!(watcher.follow("bob", Some(0)).await, 0);
    assert_eq!(watcher.change().await.1.revision, 1);
}

async fn a_revision_older_than_the_log_ends_its_user_and_the_others_go_on(database: TestDatabase) {
    let clock = TestClock::new();
    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    let of_alice = conversations(&client, "alice", 1).await;
    let of_bob = conversations(&client, "bob", 1).await;
    let last = there_and_back(&client, "alice", &of_alice, 2).await;
    clock.advance(8 * DAY);
    purge(&database, &clock).await;

    let mut watcher = client.watch_users("").await;
    watcher.follow("bob", None).await;
    assert_eq!(watcher.follow("alice", Some(1)).await, 1);
    let status = watcher.ended("alice").await;
    refused::<()>(Err(status), Code::OutOfRange, "REVISION_COMPACTED");
    client.delete("bob", of_bob).sync(true).await;
    assert_eq!(watcher.change().await.0, "bob");
    assert_eq!(watcher.follow("alice", Some(last)).await, last);
}

async fn what_comes_before_a_gap_in_the_log_is_sent_before_the_end(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, "alice", 1).await;
    there_and_back(&client, "alice", &ids, 2).await;
    let rows = Rows::of(&database).await;
    rows.run("DELETE FROM changes WHERE revision = 3").await;
    let mut watcher = client.watch_users("").await;
    assert_eq!(watcher.follow("alice", Some(0)).await, 0);
    for revision in [1, 2] {
        assert_eq!(watcher.change().await.1.revision, revision);
    }
    let status = watcher.ended("alice").await;
    refused::<()>(Err(status), Code::OutOfRange, "REVISION_COMPACTED");
}

async fn something_that_is_no_users_id_ends_nothing_but_itself(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, "bob", 1).await;
    let mut watcher = client.watch_users("").await;
    watcher.follow("bob", None).await;
    for user in ["", " alice", "a\nb", &"x".repeat(129)] {
        watcher.add(user, None);
        let status = watcher.ended(user).await;
        let status = refused::<()>(Err(status), Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(violated(&status), ["add.user_id"]);
        watcher.remove(user);
        let status = watcher.ended(user).await;
        assert_eq!(violated(&status), ["remove.user_id"]);
    }
    client.delete("bob", ids).sync(true).await;
    assert_eq!(watcher.change().await.0, "bob");
}

async fn closing_the_sending_side_ends_the_stream_once_everything_known_is_sent(
    database: TestDatabase,
) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, "alice", 1).await;
    let last = there_and_back(&client, "alice", &ids, 40).await;
    let mut watcher = client.watch_users("").await;
    watcher.add("alice", Some(0));
    watcher.add("bob", None);
    watcher.add(" ", None);
    watcher.close();
    let (entries, status) = watcher.until_the_end().await;
    status.expect("a stream that was closed ends well");
    let (mut revisions, mut ended) = (Vec::new(), 0);
    for entry in entries {
        match entry {
            Heard::Change(user, change) if user == "alice" => revisions.push(change.revision),
            Heard::Bookmark(_, 0) => {}
            Heard::Ended(user, _) if user == " " => ended += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(revisions, (1..=last).collect::<Vec<_>>());
    assert_eq!(ended, 1);

    let mut nobody = client.watch_users("").await;
    nobody.close();
    let (entries, status) = nobody.until_the_end().await;
    assert!(entries.is_empty() && status.is_ok());
}

async fn a_message_that_breaks_the_rules_ends_the_stream(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let named = |client: &str| WatchUsersRequest {
        client_id: client.to_owned(),
        ..adding("bob", None)
    };
    for (first, message, path) in [
        ("phone", named("web"), "client_id"),
        ("", named("web"), "client_id"),
        ("phone", named(" web"), "client_id"),
        ("phone", WatchUsersRequest::default(), "add"),
    ] {
        let mut watcher = client.watch_users(first).await;
        watcher.follow("alice", None).await;
        watcher.send(message);
        let (entries, status) = watcher.until_the_end().await;
        assert!(entries.is_empty(), "{entries:?}");
        let status = refused(status, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(violated(&status), [path], "after {first:?}");
    }
    let mut watcher = client.watch_users("phone").await;
    watcher.send(named("phone"));
    watcher.bookmark("bob").await;
    watcher.follow("alice", None).await;

    // Bytes that are no message, and a message that is larger than any step.
    let wire = Wire::connect(server.address()).await;
    for body in [frame(b"\x0a\xff"), frame(&[0; 5000]), vec![0, 0, 1, 0, 0]] {
        let status = wire.post(WATCH_USERS, &[], &body).await;
        refused::<()>(Err(status), Code::InvalidArgument, "INVALID_REQUEST");
    }
}

async fn draining_ends_the_stream_and_the_server_stops_in_order(database: TestDatabase) {
    let mut config = config(&database);
    config.drain_timeout = Duration::from_hours(1);
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let mut idle = client.watch_users("").await;
    let mut watcher = client.watch_users("").await;
    watcher.follow("alice", None).await;

    let stopped = timeout(PATIENCE, server.stop());
    let (stopped, idle, watcher) =
        tokio::join!(stopped, idle.until_the_end(), watcher.until_the_end());
    for (entries, status) in [idle, watcher] {
        assert!(entries.is_empty(), "{entries:?}");
        let status = refused(status, Code::Unavailable, "SHUTTING_DOWN");
        assert!(status.get_details_retry_info().is_some());
    }
    stopped.expect("the server stops although its watchers have not hung up");
}
