//! Groups of more than eight members look to their members like small ones.
//!
//! Only the database knows the difference: the rows of their members have no copy of the head. The tests here do not
//! depend on that.

use std::time::Duration;

use conversation_service::proto::{
    ChangeOutcome, Conversation, ConversationType, DeletionOutcome, ReadResult,
};

use super::get_unread_count::assert_unread;
use crate::support::{
    client::{Client, folder, ids, in_any_order, in_folder, marked, of_types, unread},
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    stage::Stage,
};

on_every_database!(
    large_and_small_groups_and_chats_are_listed_counted_and_paged_alike,
    filters_folders_and_pins_find_large_groups,
    all_reads_large_groups_among_the_others,
    a_user_who_left_a_large_group_keeps_what_they_saw,
    deleting_clearing_and_undoing_work_in_large_groups,
    large_groups_that_keep_their_places_are_listed_once_while_others_move,
);

/// Members beside alice.
pub(super) fn members(count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("member {number}"))
        .collect()
}

pub(super) fn names(members: &[String]) -> Vec<&str> {
    members.iter().map(String::as_str).collect()
}

/// A group of alice and as many others.
pub(super) async fn found(client: &Client, name: &str, others: usize) {
    let others = members(others);
    let mut users = names(&others);
    users.push("alice");
    client.join(name, &users).await;
}

pub(super) async fn say(client: &Client, clock: &TestClock, name: &str) {
    clock.advance(Duration::from_secs(40));
    client.send("member 1", group(name), "hi").await;
}

/// A user's view: the list, the unread total, and the positions of the group's readable messages.
pub(super) async fn sight(client: &Client, user: &str) -> (Vec<Conversation>, u64, Vec<u64>) {
    let history = client.history(user, group("crew")).await;
    (
        client.list_all(user).await,
        client.unread(user).await,
        history.iter().map(|message| message.seq).collect(),
    )
}

async fn large_and_small_groups_and_chats_are_listed_counted_and_paged_alike(
    database: TestDatabase,
) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for (name, others) in [("nine", 8), ("eight", 7), ("hundred", 99), ("ten", 9)] {
        found(&client, name, others).await;
    }
    assert_eq!(client.listed("alice").await, [], "nothing was said yet");
    say(&client, &clock, "nine").await;
    client.send("member 1", c2c("alice"), "hi").await;
    for name in ["hundred", "eight", "nine", "eight"] {
        say(&client, &clock, name).await;
    }
    clock.advance(Duration::from_secs(1));
    client.send("member 2", c2c("alice"), "hi").await;
    client.send("alice", group("hundred"), "an answer").await;

    let listed = client.list_all("alice").await;
    let seen: Vec<_> = listed
        .iter()
        .map(|entry| {
            let text = entry.last_message.as_ref().expect("visible");
            (entry.unread_count, entry.last_seq, text.seq)
        })
        .collect();
    let ids = client.listed("alice").await;
    // The first two are of the same time, and so in an order of their own.
    let mut first = ids[..2].to_vec();
    first.sort_by_key(|id| format!("{id:?}"));
    assert_eq!(first, [c2c("member 2"), group("hundred")]);
    assert_eq!(ids[2..], [group("eight"), group("nine"), c2c("member 1")]);
    assert_eq!(seen[2..], [(2, 2, 2), (2, 2, 2), (1, 1, 1)]);
    let hundred = client.entry("alice", group("hundred")).await;
    assert_eq!((hundred.unread_count, hundred.last_seq), (0, 2));
    assert_unread(&client, "alice", 6).await;
    for size in 1..=5 {
        let pages = client.list_in_pages("alice", None, size).await;
        assert_eq!(pages.expect("readable").conversations, listed);
    }
    // So it is for each member.
    for user in ["member 1", "member 7", "member 8"] {
        let entries = client.list_all(user).await;
        let hundred = entries
            .iter()
            .find(|entry| entry.conversation_id == Some(group("hundred")));
        let own = u64::from(user != "member 1");
        assert_eq!(hundred.expect("listed").unread_count, 1 + own, "{user}");
    }
    assert_unread(&client, "member 99", 2).await;
}

async fn filters_folders_and_pins_find_large_groups(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for (name, others) in [("big", 12), ("huge", 30), ("small", 3), ("silent", 20)] {
        found(&client, name, others).await;
    }
    client.send("member 2", c2c("alice"), "hi").await;
    for name in ["big", "small", "huge"] {
        say(&client, &clock, name).await;
    }
    let all = ["big", "small", "huge", "silent"].map(group);
    let pinned = client.pin("alice", [group("silent"), group("big")]);
    assert_eq!(
        pinned.outcomes().await,
        [ChangeOutcome::NotListed, ChangeOutcome::Changed]
    );
    client.mark("alice", all[1..].to_vec(), 8, 0).await;
    client.create_folder("alice", "work", all.clone()).await;
    client
        .read("alice", [group("small"), group("silent")])
        .await;

    let groups = of_types(&[ConversationType::Group]);
    for (filter, expected, count) in [
        (groups, &["big", "huge", "small"][..], 2),
        (unread(), &["big", "huge", ""], 3),
        (marked(8), &["huge", "small"], 1),
        (in_folder("work"), &["big", "huge", "small"], 2),
    ] {
        let expected: Vec<_> = expected
            .iter()
            .map(|name| match *name {
                "" => c2c("member 2"),
                name => group(name),
            })
            .collect();
        for size in 1..=4 {
            let listed = client.listed_in_pages("alice", Some(filter.clone()), size);
            assert_eq!(listed.await, expected, "{filter:?}");
        }
        let total = client.unread_with("alice", Some(filter.clone())).await;
        assert_eq!(total, count, "{filter:?}");
    }
    let order = ["big", "small", "huge"].map(group);
    assert_eq!(client.folders("alice").await, [folder("work", order)]);
    client.mute("alice", [group("huge"), group("big")]).await;
    assert_unread(&client, "alice", 1).await;
    client.delete("alice", [group("big")]).await;
    let order = ["small", "huge"].map(group);
    assert_eq!(client.folders("alice").await, [folder("work", order)]);
    say(&client, &clock, "silent").await;
    assert_eq!(
        client.listed("alice").await,
        [
            group("silent"),
            group("huge"),
            group("small"),
            c2c("member 2")
        ]
    );
    assert_unread(&client, "alice", 2).await;
}

async fn all_reads_large_groups_among_the_others(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for (name, others) in [("big", 12), ("left", 15), ("small", 3), ("read", 20)] {
        found(&client, name, others).await;
    }
    for name in ["big", "left", "small", "read", "big"] {
        say(&client, &clock, name).await;
    }
    client.send("member 3", c2c("alice"), "hi").await;
    client.leave("left", &["alice"]).await;
    say(&client, &clock, "left").await;
    client.read("alice", [group("read")]).await;
    client.delete("alice", [group("small")]).await;

    let read = client.read_all("alice").await.results;
    let mut expected = [(c2c("member 3"), 1), (group("big"), 2), (group("left"), 1)];
    // These two are of the same time, and so in an order of their own.
    if read[0].conversation_id == Some(group("big")) {
        expected.swap(0, 1);
    }
    let expected = expected.map(|(id, read_through)| ReadResult {
        conversation_id: Some(id),
        outcome: ChangeOutcome::Changed.into(),
        read_through,
    });
    assert_eq!(read, expected);
    assert_unread(&client, "alice", 0).await;
    say(&client, &clock, "big").await;
    assert_unread(&client, "alice", 1).await;
    let partly = client.read_all("alice").seen(group("big"), 2).outcomes();
    assert_eq!(partly.await, [ChangeOutcome::Unchanged]);
}

async fn a_user_who_left_a_large_group_keeps_what_they_saw(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    found(&client, "crew", 20).await;
    say(&client, &clock, "crew").await;
    say(&client, &clock, "crew").await;
    clock.advance(Duration::from_secs(1));
    client.send("member 2", c2c("alice"), "hi").await;
    client.leave("crew", &["alice", "member 9"]).await;
    let before = sight(&client, "alice").await;
    say(&client, &clock, "crew").await;
    say(&client, &clock, "crew").await;
    assert_eq!(sight(&client, "alice").await, before);
    let read = client.read("alice", [group("crew")]).await.results;
    assert_eq!(read[0].read_through, 2);
    assert_unread(&client, "alice", 1).await;

    let deletion = client.delete("alice", [group("crew")]).await;
    assert_eq!(deletion.results[0].hidden_through, 2);
    say(&client, &clock, "crew").await;
    assert_eq!(client.listed("alice").await, [c2c("member 2")]);
    client.restored("alice", &deletion.deletion_id).await;
    let listed = client.listed("alice").await;
    assert_eq!(listed, [c2c("member 2"), group("crew")]);
    assert_unread(&client, "member 9", 2).await;
}

async fn deleting_clearing_and_undoing_work_in_large_groups(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    found(&client, "crew", 20).await;
    for _ in 0..4 {
        say(&client, &clock, "crew").await;
    }
    client.pin("alice", [group("crew")]).await;
    let before = sight(&client, "alice").await;
    for clear in [true, false] {
        let deletion = client.delete("alice", [group("crew")]).clear(clear).await;
        assert_eq!(deletion.results[0].outcome(), DeletionOutcome::Deleted);
        let (list, count, history) = sight(&client, "alice").await;
        assert_eq!((list, count, history.is_empty()), (vec![], 0, clear));
        client.restored("alice", &deletion.deletion_id).await;
        assert_eq!(sight(&client, "alice").await, before);
    }
    let clearing = client.clear_history("alice", [group("crew")]).await;
    let (list, count, history) = sight(&client, "alice").await;
    assert_eq!((list.len(), count, history), (1, 0, vec![]));
    assert!(list[0].pinned && list[0].last_message.is_none());
    client.restored("alice", &clearing.deletion_id).await;
    assert_eq!(sight(&client, "alice").await, before);

    let kept = client.delete("alice", [group("crew")]);
    let kept = kept.seen(group("crew"), 3).await;
    assert_eq!(
        kept.results[0].outcome(),
        DeletionOutcome::NewerMessagesKept
    );
    assert_unread(&client, "alice", 1).await;
    client.delete("alice", [group("crew")]).await;
    say(&client, &clock, "crew").await;
    let (list, count, history) = sight(&client, "alice").await;
    assert_eq!((list.len(), count, history), (1, 1, vec![5]));
    assert_unread(&client, "member 2", 5).await;
}

async fn large_groups_that_keep_their_places_are_listed_once_while_others_move(
    database: TestDatabase,
) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let groups = ["one", "two", "three", "four", "five", "six"];
    for (number, name) in groups.iter().enumerate() {
        found(&client, name, 6 + number).await;
    }
    for apart in [Duration::from_secs(1), Duration::from_mins(10)] {
        for name in groups {
            client.send("member 1", group(name), "hi").await;
            clock.advance(apart);
        }
        for moving in groups {
            for size in 1..=5 {
                let when = format!("{moving} moves, in pages of {size}");
                let mut expected = client.listed("alice").await;
                let page = client.list_page("alice", None, size, String::new()).await;
                clock.advance(apart);
                client.send("member 2", group(moving), "newer").await;
                let rest = client.rest_of_list("alice", None, size, page.expect("readable"));
                let listing = rest.await.expect("readable");
                // It is listed if it was shown before it moved.
                let shown = usize::try_from(size).expect("a page size");
                let place = expected.iter().position(|id| *id == group(moving));
                let place = place.expect("all are listed");
                if place >= shown {
                    expected.remove(place);
                }
                assert_eq!(ids(listing.conversations.clone()), expected, "{when}");
                let refreshed = client.refreshed("alice", None, listing).await;
                let now = client.list_all("alice").await;
                assert_eq!(in_any_order(refreshed), in_any_order(now), "{when}");
            }
        }
    }
}
