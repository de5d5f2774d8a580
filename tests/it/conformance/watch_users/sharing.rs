//! Users that take turns, callers that take too much or do not read, and calls beside a stream.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use conversation_service::proto::conversation_service_client::ConversationServiceClient;
use tokio_stream::StreamExt as _;
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt as _;

use super::there_and_back;
use crate::{
    conformance::watch_conversations::{
        USER, conversations,
        ending::{Polled, SENTINEL, large_batch},
    },
    support::{
        clock::TestClock,
        concurrently::concurrently,
        databases::{TestDatabase, on_every_database},
        errors::refused,
        ids::c2c,
        server::{TestServer, config},
        users::{Heard, UsersWatcher, adding},
    },
};

on_every_database!(
    a_user_with_much_to_replay_does_not_hold_up_the_others,
    a_caller_that_does_not_read_is_cut_off_and_resumes_each_user_without_loss,
    users_that_are_added_and_not_read_are_taken_in_no_faster_than_they_are_answered,
    a_caller_has_so_many_users_and_no_more,
    calls_beside_a_stream_of_many_users_are_not_held_up,
);

/// So long that a test that waits for it fails.
const NEVER: Duration = Duration::from_hours(1);

/// A connection that takes little before it is read.
async fn narrow(server: &TestServer) -> ConversationServiceClient<Channel> {
    let endpoint = Channel::from_shared(format!("http://{}", server.address()));
    let endpoint = endpoint.expect("an address makes a valid URI");
    let channel = endpoint
        .initial_stream_window_size(65_535)
        .initial_connection_window_size(65_535)
        .connect()
        .await
        .expect("the server accepts connections");
    ConversationServiceClient::new(channel)
}

/// A stream over such a connection.
async fn slow_stream(server: &TestServer) -> UsersWatcher {
    let stream = UsersWatcher::begin(narrow(server).await, "").await;
    stream.expect("the stream is accepted")
}

async fn a_user_with_much_to_replay_does_not_hold_up_the_others(database: TestDatabase) {
    const OTHERS: usize = 20;
    let mut config = config(&database);
    config.watch.patience = NEVER;
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let ids = large_batch(&client).await;
    // Each event has 14 KiB.
    let last = there_and_back(&client, USER, &ids, 90).await;
    let mut watcher = slow_stream(&server).await;
    let others: Vec<_> = (0..OTHERS).map(|number| format!("user {number}")).collect();
    for other in &others {
        watcher.follow(other, None).await;
    }
    assert_eq!(watcher.follow(USER, Some(0)).await, 0);
    // Nothing is read while the others change.
    for other in &others {
        let ids = conversations(&client, other, 1).await;
        client.delete(other, ids).sync(true).await;
    }
    let (mut missing, mut replayed) = (BTreeSet::from_iter(others), 0);
    while !missing.is_empty() {
        let (user, change) = watcher.change().await;
        if user == USER {
            replayed = change.revision;
        } else {
            assert!(missing.remove(&user), "{user} twice");
        }
    }
    assert!(replayed < last / 2, "{replayed} of {last} came before");
    for revision in replayed + 1..=last {
        assert_eq!(watcher.change().await.1.revision, revision);
    }
}

async fn a_caller_that_does_not_read_is_cut_off_and_resumes_each_user_without_loss(
    database: TestDatabase,
) {
    let mut config = config(&database);
    config.watch.patience = Duration::from_millis(100);
    let mut polled = Polled::start(config).await;
    let client = polled.server.client().await;
    let _sentinel = client.follow(SENTINEL, "", None).await;
    let ids = large_batch(&client).await;
    let of_bob = conversations(&client, "bob", 1).await;
    let mut slow = slow_stream(&polled.server).await;
    let mut received = [
        slow.follow(USER, None).await,
        slow.follow("bob", None).await,
    ];
    let last_of_bob = there_and_back(&client, "bob", &of_bob, 5).await;
    let last = there_and_back(&client, USER, &ids, 50).await;
    let users = [USER.to_owned(), "bob".to_owned()];
    polled.until_nobody_else_is_watched(&users).await;

    let (entries, status) = slow.until_the_end().await;
    let status = refused(status, Code::Aborted, "WATCHER_TOO_SLOW");
    assert!(status.get_details_retry_info().is_some());
    for entry in entries {
        match entry {
            Heard::Change(user, change) => {
                let revision = &mut received[usize::from(user == "bob")];
                assert_eq!(change.revision, *revision + 1);
                *revision = change.revision;
            }
            // A user whose changes have waited for as long as the whole stream.
            Heard::Ended(_, status) => {
                refused::<()>(Err(status), Code::Aborted, "WATCHER_TOO_SLOW");
            }
            Heard::Bookmark(..) => {}
        }
    }
    assert!(received[0] < last, "everything fitted into the buffers");
    let patient = TestServer::start(&database, &TestClock::new()).await;
    let mut resumed = patient.client().await.watch_users("").await;
    for (user, after, last) in [(USER, received[0], last), ("bob", received[1], last_of_bob)] {
        assert_eq!(resumed.follow(user, Some(after)).await, after);
        for revision in after + 1..=last {
            let (of, change) = resumed.change().await;
            assert_eq!((of.as_str(), change.revision), (user, revision));
        }
    }
}

async fn users_that_are_added_and_not_read_are_taken_in_no_faster_than_they_are_answered(
    database: TestDatabase,
) {
    const USERS: usize = 20_000;
    let mut config = config(&database);
    config.watch.patience = Duration::from_millis(100);
    let mut polled = Polled::start(config).await;
    let client = polled.server.client().await;
    let _sentinel = client.follow(SENTINEL, "", None).await;
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&taken);
    let messages = (0..USERS).map(move |number| {
        counted.fetch_add(1, Ordering::Relaxed);
        adding(&format!("{number:0>100}"), None)
    });
    let messages = tokio_stream::iter(messages).chain(tokio_stream::pending());
    let silent = UsersWatcher::sending(narrow(&polled.server).await, messages).await;
    let mut silent = silent.expect("the stream is accepted");
    assert!(matches!(silent.next().await, Heard::Bookmark(_, 0)));
    polled.until_nobody_else_is_watched(&["0".repeat(50)]).await;
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken < USERS / 2, "{taken} were taken");
    let (entries, status) = silent.until_the_end().await;
    refused(status, Code::Aborted, "WATCHER_TOO_SLOW");
    assert!(entries.len() < taken, "{} were answered", entries.len());
}

async fn a_caller_has_so_many_users_and_no_more(database: TestDatabase) {
    let mut config = config(&database);
    config.limits.watched_users = 3;
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let mut watcher = client.watch_users("").await;
    for user in ["a", "b", "c"] {
        watcher.follow(user, None).await;
    }
    watcher.add("d", None);
    let status = watcher.ended("d").await;
    let status = refused::<()>(Err(status), Code::ResourceExhausted, "WATCH_LIMIT_REACHED");
    let info = status
        .get_details_error_info()
        .expect("every error has one");
    assert_eq!(info.metadata["limit"], "3");
    // One that is followed is no other one.
    watcher.follow("a", None).await;
    // The rest is for other callers.
    let mut other = client.watch_users("").await;
    other.add("e", None);
    let status = other.ended("e").await;
    let status = refused::<()>(Err(status), Code::ResourceExhausted, "OVERLOADED");
    assert!(status.get_details_retry_info().is_some());

    watcher.remove("a");
    watcher.follow("d", None).await;
    // A user that has ended makes room, and so does a stream.
    watcher.add("d", Some(9));
    watcher.ended("d").await;
    watcher.follow("a", None).await;
    drop(watcher);
    let room = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            other.add("e", None);
            if matches!(other.next().await, Heard::Bookmark(..)) {
                return;
            }
        }
    });
    room.await.expect("there is room in time");
}

/// A gateway has more users than one connection may have watches.
async fn calls_beside_a_stream_of_many_users_are_not_held_up(database: TestDatabase) {
    const USERS: usize = 1_500;
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let mut watcher = client.watch_users("gateway").await;
    let users: Vec<_> = (0..USERS).map(|number| format!("user {number}")).collect();
    for user in &users {
        watcher.add(user, None);
    }
    let mut answered = BTreeSet::new();
    while answered.len() < USERS {
        match watcher.next().await {
            Heard::Bookmark(user, 0) => assert!(answered.insert(user)),
            other => panic!("{other:?}"),
        }
    }
    // On the same connection.
    concurrently(users.iter().step_by(10).map(|user| {
        let (client, user) = (client.clone(), user.clone());
        async move {
            client.send("friend", c2c(&user), "hi").await;
            client.delete(&user, [c2c("friend")]).sync(true).await;
        }
    }))
    .await;
    let mut changed = BTreeSet::new();
    while changed.len() < USERS / 10 {
        let (user, change) = watcher.change().await;
        assert_eq!(change.revision, 1);
        assert!(changed.insert(user));
    }
}
