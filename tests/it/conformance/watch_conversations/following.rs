//! The content of the stream, and where it begins.

use std::time::Duration;

use conversation_service::proto::change::Kind;
use tonic::Code;

use super::{USER, conversations, named, revisions};
use crate::support::{
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::c2c,
    server::{TestServer, config},
    watcher::is_bookmark,
};

on_every_database!(
    the_stream_begins_with_a_bookmark_of_its_revision,
    changes_after_the_revision_are_replayed_and_then_followed_live,
    without_a_revision_the_stream_begins_with_what_comes_next,
    a_change_says_who_made_it_when_and_where_it_left_each_conversation,
    a_client_is_not_notified_of_its_own_changes,
    the_event_of_a_deletion_names_what_the_user_has_and_nothing_else,
    users_do_not_hear_of_each_other,
    a_message_is_in_the_list_and_is_no_event,
    a_revision_that_is_ahead_is_refused,
    bookmarks_come_at_intervals_and_pass_what_is_not_shown,
    more_changes_than_are_read_at_once_are_replayed_in_order,
);

async fn the_stream_begins_with_a_bookmark_of_its_revision(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 1).await;
    client.delete(USER, ids).sync(true).await;
    for (after, expected) in [(Some(0), 0), (Some(1), 1), (None, 1)] {
        let watch = client.watch(USER, "", after).await;
        let first = watch.expect("the watch is accepted").next().await;
        assert!(is_bookmark(&first), "{first:?}");
        assert_eq!(first.revision, expected, "after {after:?}");
        assert!(first.time.is_some());
    }
    let watch = client.watch("nobody yet", "", None).await;
    let first = watch.expect("anybody can be watched").next().await;
    assert_eq!((first.revision, is_bookmark(&first)), (0, true));
}

async fn changes_after_the_revision_are_replayed_and_then_followed_live(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    for id in conversations(&client, USER, 3).await {
        client.delete(USER, [id]).sync(true).await;
    }
    let mut watcher = client.follow(USER, "", Some(1)).await;
    assert_eq!(watcher.change().await.revision, 2);
    assert_eq!(watcher.change().await.revision, 3);
    for revision in 4..=6 {
        let ids = conversations(&client, USER, 1).await;
        client.delete(USER, ids).sync(true).await;
        assert_eq!(watcher.change().await.revision, revision);
    }
}

async fn without_a_revision_the_stream_begins_with_what_comes_next(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 2).await;
    client.delete(USER, [ids[0].clone()]).sync(true).await;
    let mut watcher = client.follow(USER, "", None).await;
    client.delete(USER, [ids[1].clone()]).sync(true).await;
    let change = watcher.change().await;
    assert_eq!((change.revision, named(&change)), (2, vec![ids[1].clone()]));
}

async fn a_change_says_who_made_it_when_and_where_it_left_each_conversation(
    database: TestDatabase,
) {
    let clock = TestClock::new();
    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 2).await;
    client.send("friend 1", c2c(USER), "again").await;
    clock.advance(Duration::from_secs(5));
    let mut watcher = client.follow(USER, "phone", None).await;
    let cleared = client.clear_by(USER, ids.clone(), "web", Some(true)).await;

    let event = watcher.change().await;
    assert_eq!((event.client_id.as_str(), event.revision), ("web", 1));
    let made_at = event.time.expect("a change has a time");
    let expected = clock.clock().now().as_micros() / 1_000_000;
    assert_eq!(made_at.seconds, expected);
    let Some(Kind::HistoryCleared(event)) = event.change.and_then(|change| change.kind) else {
        panic!("not a clearing");
    };
    assert_eq!(event.deletion_id, cleared.deletion_id);
    let marks = |hidden, cleared| (hidden, cleared);
    let seen: Vec<_> = event
        .conversations
        .iter()
        .map(|marks| (marks.hidden_through, marks.cleared_through))
        .collect();
    assert_eq!(seen, [marks(0, 1), marks(0, 2)]);
    assert_eq!(cleared.results.len(), event.conversations.len());
}

async fn a_client_is_not_notified_of_its_own_changes(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 2).await;
    let mut phone = client.follow(USER, "phone", None).await;
    let mut web = client.follow(USER, "web", None).await;
    let mut anybody = client.follow(USER, "", None).await;

    let first = client.delete(USER, [ids[0].clone()]).client_id("phone");
    let first = first.sync(true).await;
    let restored = client.restore_by(USER, &first.deletion_id, "phone").await;
    restored.expect("it can be undone");
    let second = client.delete(USER, [ids[1].clone()]).client_id("web");
    second.sync(true).await;
    client.delete(USER, [ids[0].clone()]).sync(true).await;

    assert_eq!(phone.change().await.revision, 3);
    assert_eq!(phone.change().await.revision, 4);
    for revision in [1, 2, 4] {
        assert_eq!(web.change().await.revision, revision);
    }
    for revision in 1..=4 {
        assert_eq!(anybody.change().await.revision, revision);
    }
    // Replayed as it was live.
    let mut phone = client.follow(USER, "phone", Some(0)).await;
    assert_eq!(phone.change().await.revision, 3);
}

async fn the_event_of_a_deletion_names_what_the_user_has_and_nothing_else(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 2).await;
    let (one, other) = (ids[0].clone(), ids[1].clone());
    let mut watcher = client.follow(USER, "", None).await;
    client.delete(USER, [c2c("a stranger")]).sync(true).await;
    client.delete(USER, [one.clone()]).sync(true).await;
    // Nothing is left to delete. There is an event all the same: the first may have been kept to a client.
    client.delete(USER, [one.clone()]).sync(true).await;
    let mixed = [one.clone(), other.clone(), c2c("a stranger")];
    client.delete(USER, mixed).sync(true).await;

    for (revision, conversations) in [
        (2, vec![one.clone()]),
        (3, vec![one.clone()]),
        (4, vec![one, other]),
    ] {
        let event = watcher.change().await;
        assert_eq!((event.revision, named(&event)), (revision, conversations));
    }
}

async fn users_do_not_hear_of_each_other(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let of_alice = conversations(&client, "alice", 1).await;
    let of_bob = conversations(&client, "bob", 1).await;
    let mut alice = client.follow("alice", "", None).await;
    let mut bob = client.follow("bob", "", None).await;
    client.delete("bob", of_bob).sync(true).await;
    client
        .delete("alice", of_alice)
        .clear(false)
        .sync(true)
        .await;
    for (watcher, clear) in [(&mut alice, false), (&mut bob, true)] {
        let change = watcher.change().await.change.and_then(|change| change.kind);
        let Some(Kind::ConversationsDeleted(deleted)) = change else {
            panic!("{change:?} is no deletion");
        };
        assert_eq!(deleted.clear_history, clear);
    }
}

/// The arrival of messages comes by the message pipeline: a list shows it, and a watch has no event for it.
async fn a_message_is_in_the_list_and_is_no_event(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 1).await;
    let mut watcher = client.follow(USER, "", Some(0)).await;
    client.send("friend 0", c2c(USER), "again").await;
    assert_eq!(client.list_all(USER).await[0].unread_count, 2);
    assert_eq!(client.revision(USER).await, 0);
    client.delete(USER, ids).sync(true).await;
    assert_eq!(watcher.change().await.revision, 1);
}

async fn a_revision_that_is_ahead_is_refused(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 1).await;
    client.delete(USER, ids).await;
    for ahead in [2, u64::MAX] {
        let watch = client.watch(USER, "", Some(ahead)).await.map(drop);
        refused(watch, Code::OutOfRange, "REVISION_UNKNOWN");
    }
}

async fn bookmarks_come_at_intervals_and_pass_what_is_not_shown(database: TestDatabase) {
    let mut config = config(&database);
    config.watch.bookmark_interval = Duration::from_millis(10);
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 2).await;
    let mut watcher = client.follow(USER, "", None).await;
    for _ in 0..3 {
        let bookmark = watcher.next().await;
        assert_eq!((bookmark.revision, is_bookmark(&bookmark)), (0, true));
    }
    client.delete(USER, [ids[0].clone()]).sync(false).await;
    assert_eq!(watcher.changes_through(1).await, []);
    client.delete(USER, [ids[1].clone()]).sync(true).await;
    let shown = watcher.changes_through(2).await;
    assert_eq!(revisions(&shown), [2]);
    // From such a bookmark the stream goes on without a repetition.
    let mut resumed = client.follow(USER, "", Some(2)).await;
    let bookmark = resumed.next().await;
    assert_eq!((bookmark.revision, is_bookmark(&bookmark)), (2, true));
}

async fn more_changes_than_are_read_at_once_are_replayed_in_order(database: TestDatabase) {
    const ROUNDS: u64 = 100;
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 1).await;
    for _ in 0..ROUNDS {
        let deletion = client.delete(USER, ids.clone()).clear(false).sync(true);
        let deletion = deletion.await.deletion_id;
        let restored = client.restore_by(USER, &deletion, "").await;
        restored.expect("it can be undone");
    }
    let mut watcher = client.follow(USER, "", Some(0)).await;
    for revision in 1..=2 * ROUNDS {
        assert_eq!(watcher.change().await.revision, revision);
    }
}
