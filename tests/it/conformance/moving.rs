//! Paging follows the list as it stood at its first page, though conversations move meanwhile.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::c2c,
    rows::{Rows, is_sqlite},
    seed::chat_key,
    server::config,
    stage::{Assembled, Stage, at, clock_at},
};

on_every_database!(
    a_conversation_that_moves_keeps_its_place,
    a_conversation_that_moves_while_the_clock_stands_still_keeps_its_place,
    a_conversation_that_moves_after_the_clock_was_turned_back_keeps_its_place,
    a_message_that_was_under_way_at_the_first_page_does_not_hide_its_conversation,
    a_conversation_that_comes_after_the_first_page_is_left_out,
    a_conversation_that_is_deleted_between_pages_is_left_out,
);

async fn a_conversation_that_moves_keeps_its_place(database: TestDatabase) {
    let Stage {
        client,
        clock,
        server: _server,
    } = Stage::open(&database).await;
    let users = ["anna", "bob", "carol", "dora", "emma"];
    for user in users {
        clock.advance(Duration::from_secs(1));
        client.send(user, c2c("alice"), "hi").await;
    }
    let expected: Vec<_> = users.iter().rev().copied().map(c2c).collect();
    let first = client
        .list_page("alice", None, 2, String::new())
        .await
        .expect("readable");
    clock.advance(Duration::from_secs(1));
    // One that was listed, one that was not, and one of them twice.
    for user in ["emma", "anna", "carol", "anna"] {
        client.send(user, c2c("alice"), "newer").await;
    }
    let listing = client
        .rest_of_list("alice", None, 2, first)
        .await
        .expect("readable");
    let ids: Vec<_> = listing
        .conversations
        .iter()
        .filter_map(|entry| entry.conversation_id.clone())
        .collect();
    assert_eq!(ids, expected);
    let anna = listing.conversations.last().expect("five are listed");
    assert_eq!(anna.unread_count, 3, "the entry itself is up to date");
}

async fn a_conversation_that_moves_while_the_clock_stands_still_keeps_its_place(
    database: TestDatabase,
) {
    let Stage {
        client,
        clock,
        server: _server,
    } = Stage::open(&database).await;
    client.send("anna", c2c("alice"), "hi").await;
    clock.advance(Duration::from_secs(1));
    client.send("bob", c2c("alice"), "hi").await;
    let first = client
        .list_page("alice", None, 1, String::new())
        .await
        .expect("readable");
    client
        .send("anna", c2c("alice"), "in the same microsecond")
        .await;
    let listing = client
        .rest_of_list("alice", None, 1, first)
        .await
        .expect("readable");
    let ids: Vec<_> = listing
        .conversations
        .into_iter()
        .filter_map(|entry| entry.conversation_id)
        .collect();
    assert_eq!(ids, [c2c("bob"), c2c("anna")]);
}

async fn a_conversation_that_moves_after_the_clock_was_turned_back_keeps_its_place(
    database: TestDatabase,
) {
    // As with another replica whose clock is a little behind.
    let hands = clock_at(1_700_000_000);
    let server = Assembled::with_clock(&config(&database), hands.clock()).await;
    let client = server.client().await;
    for (user, seconds) in [("anna", 0), ("bob", 1), ("carol", 9)] {
        hands.set(at(1_700_000_000 + seconds));
        client.send(user, c2c("alice"), "hi").await;
    }
    let first = client
        .list_page("alice", None, 2, String::new())
        .await
        .expect("readable");
    hands.set(at(1_700_000_005));
    client.send("anna", c2c("alice"), "newer").await;
    let listing = client
        .rest_of_list("alice", None, 2, first)
        .await
        .expect("readable");
    let ids: Vec<_> = listing
        .conversations
        .into_iter()
        .filter_map(|entry| entry.conversation_id)
        .collect();
    assert_eq!(ids, [c2c("carol"), c2c("bob"), c2c("anna")]);
}

async fn a_message_that_was_under_way_at_the_first_page_does_not_hide_its_conversation(
    database: TestDatabase,
) {
    if is_sqlite(&database) {
        // There, a message holds all others up, so none that took its time later can pass it.
        return;
    }
    let Stage {
        client,
        clock,
        server: _server,
    } = Stage::open(&database).await;
    for user in ["anna", "bob", "carol"] {
        client.send(user, c2c("alice"), "hi").await;
        clock.advance(Duration::from_secs(1));
    }
    // The message to come from anna waits for its head, having read the clock.
    let rows = Rows::of(&database).await;
    let anna = chat_key("alice", "anna");
    rows.run(&format!(
        "BEGIN; SELECT 1 FROM conversations WHERE conversation_key = '\\x{anna}' FOR UPDATE"
    ))
    .await;
    let mut under_way = JoinSet::new();
    let sender = client.clone();
    under_way.spawn(async move { sender.send("anna", c2c("alice"), "newer").await });
    let observer = Rows::of(&database).await;
    observer.until_waiting(|waiting| waiting > 0).await;

    clock.advance(Duration::from_secs(1));
    client.send("carol", c2c("alice"), "newer").await;
    let first = client
        .list_page("alice", None, 2, String::new())
        .await
        .expect("readable");
    rows.run("COMMIT").await;
    under_way.join_all().await;
    let listing = client
        .rest_of_list("alice", None, 2, first)
        .await
        .expect("readable");
    let ids: Vec<_> = listing
        .conversations
        .into_iter()
        .filter_map(|entry| entry.conversation_id)
        .collect();
    assert_eq!(ids, [c2c("carol"), c2c("bob"), c2c("anna")]);
}

async fn a_conversation_that_comes_after_the_first_page_is_left_out(database: TestDatabase) {
    let Stage {
        client,
        clock,
        server: _server,
    } = Stage::open(&database).await;
    for user in ["anna", "bob", "carol"] {
        client.send(user, c2c("alice"), "hi").await;
    }
    let first = client
        .list_page("alice", None, 1, String::new())
        .await
        .expect("readable");
    clock.advance(Duration::from_secs(1));
    client.send("dora", c2c("alice"), "hi").await;
    let listing = client
        .rest_of_list("alice", None, 1, first)
        .await
        .expect("readable");
    assert_eq!(listing.conversations.len(), 3);
    assert_eq!(client.listed("alice").await.len(), 4);
}

async fn a_conversation_that_is_deleted_between_pages_is_left_out(database: TestDatabase) {
    let Stage {
        client,
        clock,
        server: _server,
    } = Stage::open(&database).await;
    for user in ["dora", "carol", "bob", "anna"] {
        client.send(user, c2c("alice"), "hi").await;
        clock.advance(Duration::from_secs(1));
    }
    let first = client
        .list_page("alice", None, 1, String::new())
        .await
        .expect("readable");
    client.delete("alice", [c2c("carol"), c2c("anna")]).await;
    let listing = client
        .rest_of_list("alice", None, 1, first)
        .await
        .expect("readable");
    let ids: Vec<_> = listing
        .conversations
        .into_iter()
        .filter_map(|entry| entry.conversation_id)
        .collect();
    assert_eq!(ids, [c2c("anna"), c2c("bob"), c2c("dora")]);
    assert_eq!(
        listing.revision, 0,
        "every page carries the first one's revision"
    );
}
