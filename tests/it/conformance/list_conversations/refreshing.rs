//! Conversations that are active since a time: how a list is refreshed.

use std::time::Duration;

use conversation_service::proto::ListFilter;
use prost_types::Timestamp;

use crate::{
    conformance::large_groups::{found, say},
    support::{
        client::{Client, active_since, in_folder, marked},
        databases::{TestDatabase, on_every_database},
        ids::{c2c, group, system},
        stage::Stage,
    },
};

on_every_database!(
    a_conversation_with_a_message_at_the_time_or_later_is_active_since_then,
    only_a_message_that_the_user_can_see_makes_a_conversation_active,
    large_groups_are_active_by_their_messages_like_others,
    what_is_unread_is_counted_in_what_is_active_since_a_time,
    a_listing_has_one_time_that_is_a_little_before_its_first_page,
    other_conditions_must_hold_too,
);

const HOUR: Duration = Duration::from_hours(1);

async fn are_active(client: &Client, since: Timestamp, expected: &[&str]) {
    let listed = client.listed_with("alice", active_since(since)).await;
    let expected: Vec<_> = expected.iter().copied().map(c2c).collect();
    assert_eq!(listed, expected, "since {since:?}");
}

fn later(time: Timestamp, nanos: i32) -> Timestamp {
    Timestamp {
        nanos: time.nanos + nanos,
        ..time
    }
}

/// The `as_of` of a first page now.
async fn now(client: &Client) -> Timestamp {
    let page = client.list_page("alice", None, 1, String::new()).await;
    page.expect("readable").as_of.expect("a page has a time")
}

async fn a_conversation_with_a_message_at_the_time_or_later_is_active_since_then(
    database: TestDatabase,
) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let mut times = Vec::new();
    for user in ["anna", "bob", "carol"] {
        clock.advance(HOUR + Duration::from_micros(5));
        let sent = client.send(user, c2c("alice"), "hi").await;
        times.push(sent.send_time.expect("a time"));
    }
    client.pin("alice", [c2c("anna"), c2c("bob")]).await;
    are_active(&client, times[0], &["bob", "anna", "carol"]).await;
    are_active(&client, times[1], &["bob", "carol"]).await;
    // Between two times that the service can tell: from the later one on.
    are_active(&client, later(times[1], 1), &["carol"]).await;
    are_active(&client, later(times[1], -1), &["bob", "carol"]).await;
    are_active(&client, later(times[2], 1_000), &[]).await;
    let ever = Timestamp {
        seconds: -62_135_596_800,
        nanos: 0,
    };
    are_active(&client, ever, &["bob", "anna", "carol"]).await;
    let never = Timestamp {
        seconds: 253_402_300_799,
        nanos: 999_999_999,
    };
    are_active(&client, never, &[]).await;
    for size in 1..=3 {
        let filter = Some(active_since(times[0]));
        let listed = client.listed_in_pages("alice", filter, size).await;
        assert_eq!(listed, ["bob", "anna", "carol"].map(c2c));
    }
}

async fn only_a_message_that_the_user_can_see_makes_a_conversation_active(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let first = client.send("anna", c2c("alice"), "hi").await;
    let since = first.send_time.expect("a time");
    clock.advance(HOUR);
    client.send("bob", c2c("alice"), "hi").await;
    are_active(&client, since, &["bob", "anna"]).await;
    let cleared = client.clear_history("alice", [c2c("bob")]).await;
    are_active(&client, since, &["anna"]).await;
    assert_eq!(client.listed("alice").await.len(), 2, "it stays listed");
    client.restored("alice", &cleared.deletion_id).await;
    are_active(&client, since, &["bob", "anna"]).await;
    let deleted = client.delete("alice", [c2c("anna")]).clear(false).await;
    are_active(&client, since, &["bob"]).await;
    client.restored("alice", &deleted.deletion_id).await;
    client.clear_history("alice", [c2c("bob")]).await;
    clock.advance(HOUR);
    client.send("alice", c2c("bob"), "one's own counts").await;
    are_active(&client, since, &["bob", "anna"]).await;

    // Nothing of before joining, nor of after leaving.
    let crew = async |since| {
        let listed = client.listed_with("alice", active_since(since)).await;
        listed.contains(&group("crew"))
    };
    client.join("crew", &["dave"]).await;
    client.send("dave", group("crew"), "hi").await;
    client.join("crew", &["alice"]).await;
    assert!(!crew(since).await);
    clock.advance(HOUR);
    let seen = client.send("dave", group("crew"), "hi").await;
    let seen = seen.send_time.expect("a time");
    client.leave("crew", &["alice"]).await;
    clock.advance(HOUR);
    client.send("dave", group("crew"), "unseen").await;
    assert!(crew(seen).await);
    assert!(!crew(later(seen, 1_000)).await);
}

async fn large_groups_are_active_by_their_messages_like_others(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for name in ["one", "two", "three"] {
        found(&client, name, 12).await;
        say(&client, &clock, name).await;
    }
    let two = client.entry("alice", group("two")).await;
    let since = active_since(two.update_time.expect("a time"));
    let listed = async || client.listed_with("alice", since.clone()).await;
    assert_eq!(listed().await, [group("three"), group("two")]);
    client.clear_history("alice", [group("three")]).await;
    assert_eq!(listed().await, [group("two")]);
    client.leave("two", &["alice"]).await;
    say(&client, &clock, "two").await;
    assert_eq!(listed().await, [group("two")]);
    say(&client, &clock, "one").await;
    client.pin("alice", [group("two")]).await;
    assert_eq!(listed().await, [group("two"), group("one")]);
    let count = client.unread_with("alice", Some(since.clone())).await;
    assert_eq!(count, 3);
}

async fn what_is_unread_is_counted_in_what_is_active_since_a_time(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for _ in 0..3 {
        client.send("anna", c2c("alice"), "hi").await;
    }
    clock.advance(HOUR);
    let since = now(&client).await;
    let unread = async || client.unread_with("alice", Some(active_since(since))).await;
    assert_eq!(unread().await, 0);
    client.send("bob", c2c("alice"), "hi").await;
    assert_eq!(unread().await, 1);
    client.send("anna", c2c("alice"), "again").await;
    assert_eq!(unread().await, 5, "all that is unread in it");
    client.mute("alice", [c2c("bob")]).await;
    client.send_system(&["alice"], "news").await;
    assert_eq!(unread().await, 4);
    client.clear_history("alice", [c2c("anna")]).await;
    assert_eq!(unread().await, 0);
}

async fn a_listing_has_one_time_that_is_a_little_before_its_first_page(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for user in ["anna", "bob", "carol"] {
        client.send(user, c2c("alice"), "hi").await;
    }
    let first = client.list_page("alice", None, 1, String::new()).await;
    let first = first.expect("readable");
    let as_of = first.as_of.expect("a page has a time");
    let as_of_micros = as_of.seconds * 1_000_000 + i64::from(as_of.nanos / 1_000);
    let before = clock.now().as_micros() - as_of_micros;
    assert!((60_000_000..=120_000_000).contains(&before), "{before}");
    clock.advance(HOUR);
    client.pin("alice", [c2c("anna")]).await;
    let rest = client.rest_of_list("alice", None, 1, first).await;
    let rest = rest.expect("readable");
    assert_eq!((rest.revision, rest.as_of), (0, as_of));
    let next = client.list_in_pages("alice", None, 1).await;
    let next = next.expect("readable");
    assert_eq!(
        (next.revision, next.as_of.seconds),
        (1, as_of.seconds + 3600)
    );
    // Of nobody, too.
    let nobody = client.list_in_pages("nobody", None, 1).await;
    assert_eq!(nobody.expect("readable").as_of, next.as_of);
}

async fn other_conditions_must_hold_too(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let ids = ["anna", "bob", "carol"].map(c2c);
    client.send("anna", c2c("alice"), "hi").await;
    clock.advance(HOUR);
    let since = now(&client).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("alice", c2c("carol"), "hi").await;
    client.send_system(&["alice"], "news").await;
    client.mark("alice", ids[..2].to_vec(), 1, 0).await;
    client.create_folder("alice", "work", ids.clone()).await;
    for (filter, expected) in [
        (marked(1), vec![c2c("bob")]),
        (in_folder("work"), vec![c2c("carol"), c2c("bob")]),
        (
            ListFilter {
                unread_only: true,
                ..ListFilter::default()
            },
            vec![c2c("bob"), system()],
        ),
        (
            ListFilter {
                unread_only: true,
                ..in_folder("work")
            },
            vec![c2c("bob")],
        ),
    ] {
        let filter = ListFilter {
            active_since: Some(since),
            ..filter
        };
        let mut listed = client.listed_with("alice", filter.clone()).await;
        // They are of the same time.
        listed.sort_by_key(|id| format!("{id:?}"));
        let mut expected = expected;
        expected.sort_by_key(|id| format!("{id:?}"));
        assert_eq!(listed, expected, "{filter:?}");
    }
}
