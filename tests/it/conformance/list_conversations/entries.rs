//! The content of a list, and its order.

use std::time::Duration;

use conversation_service::proto::{ConversationType, ListFilter};

use crate::support::{
    client::{marked, of_types},
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group, system},
    stage::Stage,
};

on_every_database!(
    a_user_who_never_did_anything_has_an_empty_list,
    the_latest_active_comes_first_and_equal_times_have_one_order,
    pinned_ones_come_first_and_the_newest_pin_before_older_ones,
    filters_choose_by_type_by_unread_and_by_mark_and_all_must_hold,
    an_entry_shows_the_newest_visible_message,
);

async fn a_user_who_never_did_anything_has_an_empty_list(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let listing = client
        .list_in_pages("nobody", None, 1)
        .await
        .expect("readable");
    assert_eq!((listing.conversations.len(), listing.revision), (0, 0));
    assert_eq!(client.history("nobody", c2c("alice")).await, []);
}

async fn the_latest_active_comes_first_and_equal_times_have_one_order(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for (user, step) in [("dora", 0), ("bob", 1), ("carol", 1), ("anna", 0)] {
        clock.advance(Duration::from_micros(step));
        client.send(user, c2c("alice"), "hi").await;
    }
    let first = client.listed("alice").await;
    let mut latest = first[..2].to_vec();
    latest.sort_by_key(|id| format!("{id:?}"));
    assert_eq!(latest, [c2c("anna"), c2c("carol")], "the later two");
    for size in 1..=4 {
        let pages = client.list_in_pages("alice", None, size).await;
        let pages = pages.expect("readable").conversations;
        let ids = pages.into_iter().filter_map(|entry| entry.conversation_id);
        assert_eq!(ids.collect::<Vec<_>>(), first, "in pages of {size}");
    }
    clock.advance(Duration::from_micros(1));
    client
        .send("alice", c2c("dora"), "one's own message counts")
        .await;
    let others = first.iter().filter(|id| **id != c2c("dora")).cloned();
    let expected: Vec<_> = [c2c("dora")].into_iter().chain(others).collect();
    assert_eq!(client.listed("alice").await, expected);
}

async fn pinned_ones_come_first_and_the_newest_pin_before_older_ones(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for user in ["bob", "carol"] {
        client.send(user, c2c("alice"), "hi").await;
        client.pin("alice", [c2c(user)]).await;
    }
    clock.advance(Duration::from_secs(1));
    client.send("dora", c2c("alice"), "hi").await;
    assert_eq!(
        client.listed("alice").await,
        [c2c("carol"), c2c("bob"), c2c("dora")]
    );
    assert_eq!(
        client
            .list_all("alice")
            .await
            .iter()
            .map(|entry| entry.pinned)
            .collect::<Vec<_>>(),
        [true, true, false]
    );
    for size in 1..=3 {
        let pages = client
            .list_in_pages("alice", None, size)
            .await
            .expect("readable");
        assert_eq!(pages.conversations, client.list_all("alice").await);
    }
}

async fn filters_choose_by_type_by_unread_and_by_mark_and_all_must_hold(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "unread").await;
    client.mark("alice", [c2c("bob")], 9, 0).await;
    client.send("alice", c2c("carol"), "read").await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "unread").await;
    client.send_system(&["alice"], "unread").await;

    let (people, groups) = (ConversationType::C2c, ConversationType::Group);
    assert_eq!(
        client
            .listed_with("alice", ListFilter::default())
            .await
            .len(),
        4
    );
    assert_eq!(
        client.listed_with("alice", of_types(&[people])).await,
        [c2c("bob"), c2c("carol")]
    );
    assert_eq!(
        client
            .listed_with("alice", of_types(&[groups, ConversationType::System]))
            .await,
        [system(), group("crew")]
    );
    let unread = ListFilter {
        unread_only: true,
        ..of_types(&[people, groups])
    };
    assert_eq!(
        client.listed_with("alice", unread).await,
        [c2c("bob"), group("crew")]
    );
    for (mark, chosen) in [(1, vec![c2c("bob")]), (8, vec![c2c("bob")]), (2, vec![])] {
        let listed = client.listed_with("alice", marked(mark)).await;
        assert_eq!(listed, chosen, "mark {mark}");
    }
    let filter = ListFilter {
        mark: 1,
        ..of_types(&[groups])
    };
    assert_eq!(client.listed_with("alice", filter).await, []);
}

async fn an_entry_shows_the_newest_visible_message(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "one").await;
    let two = client.send("bob", group("crew"), "two").await;
    client.leave("crew", &["alice"]).await;
    client.send("bob", group("crew"), "three").await;
    let entry = &client.list_all("alice").await[0];
    assert_eq!(entry.last_message, Some(two.clone()));
    assert_eq!(entry.update_time, two.send_time);
    assert_eq!(entry.last_seq, 2);
}
