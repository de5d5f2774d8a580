//! An entry that keeps its place is listed exactly once while others move. Listing what has been active since the
//! first page finds all entries that have moved.

use std::time::Duration;

use conversation_service::proto::{Conversation, ListFilter};
use tokio::task::JoinSet;

use crate::support::{
    client::{Client, Listing, ids, in_any_order},
    databases::{TestDatabase, on_every_database},
    ids::c2c,
    rows::{Rows, is_sqlite},
    seed::chat_key,
    server::config,
    stage::{Assembled, Stage, at, clock_at},
};

on_every_database!(
    a_conversation_that_keeps_its_place_is_listed_once_while_others_move,
    what_moves_while_the_clock_stands_still_is_missed_by_nobody,
    what_moves_after_the_clock_was_turned_back_is_missed_by_nobody,
    no_reader_misses_a_message_that_was_under_way_at_the_first_page,
    a_conversation_that_comes_after_the_first_page_is_active_since_then,
    a_conversation_that_is_deleted_between_pages_is_left_out,
);

/// Goes on from a first page, and finds all that the list has now by asking once for what has been active
/// since.
async fn rest_and_refreshed(
    client: &Client,
    page_size: i32,
    first: conversation_service::proto::ListConversationsResponse,
) -> Vec<Conversation> {
    let listing = client.rest_of_list("alice", None, page_size, first).await;
    let listing: Listing = listing.expect("readable");
    let listed = listing.conversations.clone();
    let refreshed = client.refreshed("alice", None, listing).await;
    let now = client.list_all("alice").await;
    assert_eq!(in_any_order(refreshed), in_any_order(now));
    listed
}

async fn first_page(
    client: &Client,
    size: i32,
) -> conversation_service::proto::ListConversationsResponse {
    let page = client.list_page("alice", None, size, String::new()).await;
    page.expect("readable")
}

async fn a_conversation_that_keeps_its_place_is_listed_once_while_others_move(
    database: TestDatabase,
) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let users = ["anna", "bob", "carol", "dora", "emma"];
    for user in users {
        clock.advance(Duration::from_mins(10));
        client.send(user, c2c("alice"), "hi").await;
    }
    let first = first_page(&client, 2).await;
    clock.advance(Duration::from_mins(10));
    // One that was listed, one that was not, and one of them twice.
    for user in ["emma", "anna", "carol", "anna"] {
        client.send(user, c2c("alice"), "newer").await;
    }
    let listed = ids(rest_and_refreshed(&client, 2, first).await);
    assert_eq!(listed, ["emma", "dora", "bob"].map(c2c));
}

async fn what_moves_while_the_clock_stands_still_is_missed_by_nobody(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    client.send("anna", c2c("alice"), "hi").await;
    clock.advance(Duration::from_secs(1));
    client.send("bob", c2c("alice"), "hi").await;
    let first = first_page(&client, 1).await;
    let again = client.send("anna", c2c("alice"), "in the same microsecond");
    again.await;
    let mut listed = ids(rest_and_refreshed(&client, 1, first).await);
    // Which of two of the same time comes first is nobody's business.
    listed.retain(|id| *id != c2c("anna"));
    assert_eq!(listed, [c2c("bob")]);
}

async fn what_moves_after_the_clock_was_turned_back_is_missed_by_nobody(database: TestDatabase) {
    // As with another replica that knows the time a little less well.
    let hands = clock_at(1_700_000_000);
    let server = Assembled::with_clock(&config(&database), hands.clock()).await;
    let client = server.client().await;
    for (user, seconds) in [("anna", 0), ("bob", 1), ("carol", 9)] {
        hands.set(at(1_700_000_000 + seconds));
        client.send(user, c2c("alice"), "hi").await;
    }
    let first = first_page(&client, 2).await;
    hands.set(at(1_700_000_005));
    client.send("anna", c2c("alice"), "newer").await;
    let listed = ids(rest_and_refreshed(&client, 2, first).await);
    assert_eq!(listed, ["carol", "bob"].map(c2c));
}

async fn no_reader_misses_a_message_that_was_under_way_at_the_first_page(database: TestDatabase) {
    if is_sqlite(&database) {
        // There, a message holds all others up, so none that took its time later can pass it.
        return;
    }
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for user in ["anna", "bob", "carol"] {
        client.send(user, c2c("alice"), "hi").await;
        clock.advance(Duration::from_hours(1));
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

    // It is on its way for about as long as a message can be.
    clock.advance(Duration::from_secs(90));
    client.send("carol", c2c("alice"), "newer").await;
    let first = first_page(&client, 2).await;
    let listing = client.rest_of_list("alice", None, 2, first).await;
    let listing = listing.expect("readable");
    let listed = ids(listing.conversations.clone());
    assert_eq!(listed, ["carol", "bob", "anna"].map(c2c));
    rows.run("COMMIT").await;
    let sent = under_way.join_all().await.remove(0);
    let now = client.list_all("alice").await;
    let anna = client.entry("alice", c2c("anna")).await;
    assert_eq!((anna.last_seq, anna.update_time), (2, sent.send_time));
    let refreshed = client.refreshed("alice", None, listing).await;
    assert_eq!(in_any_order(refreshed), in_any_order(now));
}

async fn a_conversation_that_comes_after_the_first_page_is_active_since_then(
    database: TestDatabase,
) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for user in ["anna", "bob", "carol"] {
        client.send(user, c2c("alice"), "hi").await;
    }
    clock.advance(Duration::from_hours(1));
    let first = first_page(&client, 1).await;
    let since = ListFilter {
        active_since: first.as_of,
        ..ListFilter::default()
    };
    assert_eq!(client.listed_with("alice", since.clone()).await, []);
    client.send("dora", c2c("alice"), "hi").await;
    let listed = rest_and_refreshed(&client, 1, first).await;
    assert_eq!(listed.len(), 3);
    assert_eq!(client.listed_with("alice", since).await, [c2c("dora")]);
}

async fn a_conversation_that_is_deleted_between_pages_is_left_out(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
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
