//! Which conversations a selector chooses.

use std::time::Duration;

use conversation_service::proto::{ConversationId, ConversationType, ListFilter, Selector};
use prost_types::Timestamp;

use crate::{
    conformance::large_groups::{found, say},
    support::{
        client::{
            Client, active_since, everything, in_folder, marked, matched, matching, of_types,
            really_everything, unread,
        },
        clock::TestClock,
        databases::{TestDatabase, on_every_database},
        ids::{by_text, c2c, group, system},
        seed,
        stage::Stage,
    },
};

on_every_database!(
    the_oldest_active_are_deleted_first_and_as_many_as_the_limit_says,
    pinned_and_unread_conversations_are_spared_unless_included,
    a_filter_matches_what_it_matches_in_a_list,
    unread_conversations_are_included_where_the_filter_asks_for_them,
    inactive_conversations_are_those_that_active_since_leaves_out,
    what_is_excluded_stays_by_whichever_form_of_its_id,
    what_is_not_listed_does_not_match,
    large_groups_match_by_their_heads_and_are_ordered_by_activity,
    more_than_ten_thousand_are_counted_as_ten_thousand,
);

/// Chats of alice with these users, oldest first, all read.
async fn chats(client: &Client, clock: &TestClock, users: &[&str]) {
    for user in users {
        clock.advance(Duration::from_secs(1));
        client.send(user, c2c("alice"), "hi").await;
    }
    client.read_all("alice").await;
}

fn all_of(users: &[&str]) -> Vec<ConversationId> {
    users.iter().map(|user| c2c(*user)).collect()
}

/// The part of alice's list that a selector leaves. Looking changes nothing, and deleting takes just that.
async fn shown(client: &Client, selector: Selector) -> Vec<ConversationId> {
    let look = client.look("alice", selector).await;
    assert_eq!(look.matched_count, look.results.len() as u64);
    assert!(!look.more);
    matched(&look)
}

fn after(clock: &TestClock, seconds: i64) -> Timestamp {
    let now = clock.now().as_micros();
    Timestamp {
        seconds: now / 1_000_000 + seconds,
        nanos: 0,
    }
}

async fn the_oldest_active_are_deleted_first_and_as_many_as_the_limit_says(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let users = ["eve", "dora", "carol", "bob", "anna"];
    chats(&client, &clock, &users).await;
    let first = client.delete_matching("alice", everything()).limit(2).await;
    assert_eq!(matched(&first), all_of(&users[..2]));
    assert_eq!((first.matched_count, first.more), (5, true));
    // A conversation that is active again is the youngest.
    clock.advance(Duration::from_secs(1));
    client.send("alice", c2c("carol"), "well?").await;
    let second = client.delete_matching("alice", everything()).limit(2).await;
    assert_eq!(matched(&second), all_of(&["bob", "anna"]));
    assert_eq!((second.matched_count, second.more), (3, true));
    let last = client.delete_matching("alice", everything()).limit(1).await;
    assert_eq!(matched(&last), all_of(&["carol"]));
    assert_eq!((last.matched_count, last.more), (1, false));
    assert_eq!(client.listed("alice").await, []);
}

async fn pinned_and_unread_conversations_are_spared_unless_included(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    chats(&client, &clock, &["plain", "pinned", "unread", "both"]).await;
    client.pin("alice", all_of(&["pinned", "both"])).await;
    for user in ["unread", "both"] {
        clock.advance(Duration::from_secs(1));
        client.send(user, c2c("alice"), "again").await;
    }
    let selector = |include_pinned, include_unread| Selector {
        include_pinned,
        include_unread,
        ..everything()
    };
    for (pinned, unread, expected) in [
        (false, false, &["plain"][..]),
        (true, false, &["plain", "pinned"]),
        (false, true, &["plain", "unread"]),
        (true, true, &["plain", "pinned", "unread", "both"]),
    ] {
        let shown = shown(&client, selector(pinned, unread)).await;
        assert_eq!(shown, all_of(expected), "{pinned} {unread}");
    }
    let deleted = client.delete_matching("alice", everything()).await;
    assert_eq!(matched(&deleted), all_of(&["plain"]));
    assert_eq!(client.listed("alice").await.len(), 3);
}

async fn a_filter_matches_what_it_matches_in_a_list(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    chats(&client, &clock, &["bob", "carol", "dora"]).await;
    client.join("crew", &["alice", "bob"]).await;
    say_in_crew(&client, &clock).await;
    client.send_system(&["alice"], "welcome").await;
    client
        .mark("alice", [c2c("bob"), group("crew")], 9, 0)
        .await;
    let filed = [c2c("carol"), group("crew")];
    client.create_folder("alice", "work", filed).await;
    let since = active_since(after(&clock, -1));
    let filters = [
        of_types(&[ConversationType::Group]),
        of_types(&[ConversationType::C2c, ConversationType::System]),
        unread(),
        marked(1),
        marked(8),
        in_folder("work"),
        in_folder("none such"),
        since.clone(),
        ListFilter {
            mark: 1,
            folder: "work".to_owned(),
            types: vec![ConversationType::Group.into()],
            unread_only: true,
            ..since
        },
    ];
    for filter in filters {
        let mut listed = client.listed_with("alice", filter.clone()).await;
        listed.reverse();
        let shown = shown(&client, matching(filter.clone())).await;
        assert_eq!(shown, listed, "{filter:?}");
    }
    let deleted = client.delete_matching("alice", matching(in_folder("work")));
    assert_eq!(matched(&deleted.await), [c2c("carol"), group("crew")]);
    assert_eq!(client.listed("alice").await.len(), 3);
}

async fn say_in_crew(client: &Client, clock: &TestClock) {
    clock.advance(Duration::from_secs(5));
    client.send("bob", group("crew"), "hi").await;
}

async fn unread_conversations_are_included_where_the_filter_asks_for_them(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    chats(&client, &clock, &["bob", "carol"]).await;
    client.send("carol", c2c("alice"), "again").await;
    let selector = Selector {
        filter: Some(unread()),
        ..Selector::default()
    };
    let deleted = client.delete_matching("alice", selector).await;
    assert_eq!(matched(&deleted), [c2c("carol")]);
}

async fn inactive_conversations_are_those_that_active_since_leaves_out(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    chats(&client, &clock, &["bob", "carol", "dora", "eve"]).await;
    found(&client, "large", 12).await;
    say(&client, &clock, "large").await;
    client.clear_history("alice", [c2c("dora")]).await;
    let all = [
        c2c("bob"),
        c2c("carol"),
        c2c("dora"),
        c2c("eve"),
        group("large"),
    ];
    for seconds in [-50, -44, -43, -42, -41, -40, -1, 0, 1] {
        let time = after(&clock, seconds);
        let active = client.listed_with("alice", active_since(time)).await;
        let inactive = Selector {
            inactive_before: Some(time),
            include_unread: true,
            ..Selector::default()
        };
        let expected: Vec<_> = all
            .iter()
            .filter(|id| !active.contains(id))
            .cloned()
            .collect();
        assert_eq!(shown(&client, inactive).await, expected, "{seconds}");
    }
}

async fn what_is_excluded_stays_by_whichever_form_of_its_id(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    chats(&client, &clock, &["bob", "carol", "dora"]).await;
    client.send_system(&["alice"], "welcome").await;
    found(&client, "large", 12).await;
    say(&client, &clock, "large").await;
    let excluded = [
        by_text(&c2c("bob")),
        system(),
        c2c("nobody"),
        by_text(&group("large")),
    ];
    let selector = Selector {
        excluded: excluded.to_vec(),
        ..really_everything()
    };
    let deleted = client.delete_matching("alice", selector).await;
    assert_eq!(matched(&deleted), all_of(&["carol", "dora"]));
    assert_eq!((deleted.matched_count, deleted.more), (2, false));
    assert_eq!(client.listed("alice").await.len(), 3);
}

async fn what_is_not_listed_does_not_match(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    chats(&client, &clock, &["bob", "carol"]).await;
    client.join("silent", &["alice", "bob"]).await;
    found(&client, "large and silent", 12).await;
    client.delete("alice", [c2c("bob")]).clear(false).await;
    let deleted = client.delete_matching("alice", really_everything()).await;
    assert_eq!(matched(&deleted), [c2c("carol")]);
    let nothing = client.delete_matching("nobody", really_everything()).await;
    assert_eq!((nothing.matched_count, nothing.more), (0, false));
}

async fn large_groups_match_by_their_heads_and_are_ordered_by_activity(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for name in ["large", "left", "pinned", "unread"] {
        found(&client, name, 12).await;
    }
    chats(&client, &clock, &["old"]).await;
    say(&client, &clock, "large").await;
    chats(&client, &clock, &["middle"]).await;
    say(&client, &clock, "left").await;
    client.leave("left", &["alice"]).await;
    say(&client, &clock, "left").await;
    say(&client, &clock, "pinned").await;
    chats(&client, &clock, &["new"]).await;
    client.pin("alice", [group("pinned")]).await;
    say(&client, &clock, "unread").await;

    let spared = shown(&client, everything()).await;
    let in_order = [
        c2c("old"),
        group("large"),
        c2c("middle"),
        group("left"),
        c2c("new"),
    ];
    assert_eq!(spared, in_order);
    let all = shown(&client, really_everything()).await;
    assert_eq!(all[4..], [group("pinned"), c2c("new"), group("unread")]);
    for limit in 1..=7 {
        let look = client.look("alice", really_everything()).limit(limit).await;
        assert_eq!(matched(&look), all[..limit as usize]);
        assert_eq!((look.matched_count, look.more), (7, limit < 7));
    }
    let deleted = client.delete_matching("alice", everything()).limit(2).await;
    assert_eq!(matched(&deleted), in_order[..2]);
    let history = client.history("alice", group("large")).await;
    assert_eq!(history, []);
}

async fn more_than_ten_thousand_are_counted_as_ten_thousand(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", 10_050).await;
    let look = client.look("alice", really_everything()).await;
    assert_eq!(look.results.len(), 1_000);
    assert_eq!((look.matched_count, look.more), (10_000, true));
    let oldest: Vec<_> = chats.into_iter().rev().take(1_000).collect();
    assert_eq!(matched(&look), oldest);
}
