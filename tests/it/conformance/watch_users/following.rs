//! The entries of each user, and the effects of adding and removing.

use std::time::Duration;

use super::there_and_back;
use crate::{
    conformance::watch_conversations::{conversations, named},
    support::{
        clock::TestClock,
        databases::{TestDatabase, on_every_database},
        server::{TestServer, config},
        users::Heard,
    },
};

on_every_database!(
    adding_a_user_is_answered_by_a_bookmark_what_is_newer_and_what_comes,
    each_user_is_sent_what_a_watch_of_the_user_alone_is_sent,
    adding_a_user_again_starts_anew_at_the_given_revision,
    nothing_follows_of_a_user_that_was_removed,
    bookmarks_come_at_intervals_for_each_user,
    changes_of_others_do_not_put_a_bookmark_off,
    users_are_followed_who_have_changed_on_another_replica,
);

async fn adding_a_user_is_answered_by_a_bookmark_what_is_newer_and_what_comes(
    database: TestDatabase,
) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    for id in conversations(&client, "alice", 3).await {
        client.delete("alice", [id]).sync(true).await;
    }
    let of_bob = conversations(&client, "bob", 2).await;
    client.delete("bob", [of_bob[0].clone()]).sync(true).await;

    let mut watcher = client.watch_users("").await;
    assert_eq!(watcher.follow("alice", Some(1)).await, 1);
    for revision in [2, 3] {
        let (user, change) = watcher.change().await;
        assert_eq!((user.as_str(), change.revision), ("alice", revision));
    }
    assert_eq!(watcher.follow("bob", None).await, 1);
    assert_eq!(watcher.follow("nobody yet", None).await, 0);
    client.delete("bob", [of_bob[1].clone()]).sync(true).await;
    let (user, change) = watcher.change().await;
    assert_eq!((user.as_str(), change.revision), ("bob", 2));
    assert_eq!(named(&change), [of_bob[1].clone()]);
    let ids = conversations(&client, "nobody yet", 1).await;
    client.delete("nobody yet", ids).sync(true).await;
    let (user, change) = watcher.change().await;
    assert_eq!((user.as_str(), change.revision), ("nobody yet", 1));
}

async fn each_user_is_sent_what_a_watch_of_the_user_alone_is_sent(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let users = ["alice", "bob", "carol"];
    for (user, rounds) in users.into_iter().zip([3, 20, 1]) {
        let ids = conversations(&client, user, 3).await;
        there_and_back(&client, user, &ids, rounds).await;
        // Not shown to other clients, not shown to this one, and shown.
        client.delete(user, [ids[0].clone()]).sync(false).await;
        let own = client.delete(user, [ids[1].clone()]).client_id("gateway");
        own.sync(true).await;
        let last = client.delete(user, [ids[2].clone()]).client_id("web");
        last.sync(true).await;
    }
    let mut watcher = client.watch_users("gateway").await;
    for user in users {
        let through = client.revision(user).await;
        let mut alone = client.follow(user, "gateway", Some(0)).await;
        assert_eq!(watcher.follow(user, Some(0)).await, 0);
        loop {
            let expected = alone.change().await;
            assert_eq!(watcher.change().await, (user.to_owned(), expected.clone()));
            if expected.revision == through {
                break;
            }
        }
    }
}

async fn adding_a_user_again_starts_anew_at_the_given_revision(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, "alice", 1).await;
    let last = there_and_back(&client, "alice", &ids, 3).await;
    let mut watcher = client.watch_users("").await;
    for after in [4, 0, last] {
        assert_eq!(watcher.follow("alice", Some(after)).await, after);
        for revision in after + 1..=last {
            assert_eq!(watcher.change().await.1.revision, revision);
        }
    }
    // Once each, although it was added three times.
    for _ in 0..2 {
        let next = there_and_back(&client, "alice", &ids, 1).await;
        for revision in [next - 1, next] {
            assert_eq!(watcher.change().await.1.revision, revision);
        }
    }
}

async fn nothing_follows_of_a_user_that_was_removed(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = server.client().await;
    let of_alice = conversations(&client, "alice", 1).await;
    let of_bob = conversations(&client, "bob", 1).await;
    let mut watcher = client.watch_users("").await;
    watcher.follow("alice", None).await;
    watcher.follow("bob", None).await;
    watcher.remove("alice");
    watcher.remove("a stranger");
    // Messages are taken in their order: once this is answered, the removing is done.
    watcher.follow("carol", None).await;
    client.delete("alice", of_alice.clone()).sync(true).await;
    client.delete("bob", of_bob).sync(true).await;
    let (user, change) = watcher.change().await;
    assert_eq!((user.as_str(), change.revision), ("bob", 1));
    // The change that was missed is replayed.
    assert_eq!(watcher.follow("alice", Some(0)).await, 0);
    let (user, change) = watcher.change().await;
    assert_eq!((user.as_str(), change.revision), ("alice", 1));
}

async fn bookmarks_come_at_intervals_for_each_user(database: TestDatabase) {
    let mut config = config(&database);
    config.watch.bookmark_interval = Duration::from_millis(10);
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, "bob", 1).await;
    let mut watcher = client.watch_users("").await;
    for user in ["alice", "bob", "carol"] {
        watcher.add(user, None);
    }
    let mut seen = std::collections::BTreeMap::new();
    while seen.len() < 3 || seen.values().any(|times| *times < 3) {
        let Heard::Bookmark(user, 0) = watcher.next().await else {
            panic!("only bookmarks of the beginning");
        };
        *seen.entry(user).or_insert(0) += 1;
    }
    watcher.remove("carol");
    // A bookmark passes what is not shown.
    client.delete("bob", ids).sync(false).await;
    loop {
        match watcher.next().await {
            Heard::Bookmark(user, 1) if user == "bob" => break,
            Heard::Bookmark(_, 0) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn changes_of_others_do_not_put_a_bookmark_off(database: TestDatabase) {
    let mut config = config(&database);
    config.watch.bookmark_interval = Duration::from_millis(200);
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let mut watcher = client.watch_users("").await;
    for user in ["alice", "bob"] {
        watcher.follow(user, None).await;
    }
    let bookmarks = async {
        let mut seen = 0;
        while seen < 5 {
            if let Heard::Bookmark(user, _) = watcher.next().await {
                seen += usize::from(user == "alice");
            }
        }
    };
    // One comes long before the next bookmark is due.
    let changes = async {
        loop {
            client.create_folder("bob", "folder", []).await;
            client.delete_folder("bob", "folder").await;
        }
    };
    let come = async {
        tokio::select! {
            () = bookmarks => {}
            () = changes => {}
        }
    };
    let come = tokio::time::timeout(Duration::from_secs(30), come).await;
    come.expect("bookmarks come while another user changes");
}

async fn users_are_followed_who_have_changed_on_another_replica(database: TestDatabase) {
    let clock = TestClock::new();
    let mut polling = config(&database);
    polling.watch.poll_interval = Duration::from_millis(20);
    let here = TestServer::start_with(polling, &clock).await;
    let there = TestServer::start(&database, &clock).await;
    let (here, there) = (here.client().await, there.client().await);
    let mut watcher = here.watch_users("").await;
    for user in ["alice", "bob"] {
        let ids = conversations(&there, user, 1).await;
        watcher.follow(user, None).await;
        there.delete(user, ids).sync(true).await;
        let (of, change) = watcher.change().await;
        assert_eq!((of.as_str(), change.revision), (user, 1));
    }
}
