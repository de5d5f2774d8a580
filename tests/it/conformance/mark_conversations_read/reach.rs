//! Marking conversations read: how far it reaches, and that it only ever goes forward.

use std::time::Duration;

use conversation_service::proto::{
    ChangeOutcome, ConversationId, MarkConversationsReadResponse, ReadResult,
};

use crate::{
    conformance::get_unread_count::assert_unread,
    support::{
        databases::{TestDatabase, on_every_database},
        ids::{c2c, group, system},
        seed,
        stage::Stage,
    },
};

on_every_database!(
    reading_reaches_the_newest_message_and_says_how_far,
    reading_goes_only_as_far_as_was_seen_and_never_backward,
    reading_hides_nothing_and_is_nobody_elses_business,
    what_is_deleted_can_be_read_and_stays_deleted,
    a_user_who_left_reads_what_reached_them,
    all_reads_what_is_listed_and_unread_latest_active_first,
    all_goes_only_as_far_as_was_seen,
    all_reads_hundreds_at_once,
);

const CHANGED: ChangeOutcome = ChangeOutcome::Changed;
const UNCHANGED: ChangeOutcome = ChangeOutcome::Unchanged;
const NOT_FOUND: ChangeOutcome = ChangeOutcome::NotFound;

fn result(id: ConversationId, outcome: ChangeOutcome, read_through: u64) -> ReadResult {
    ReadResult {
        conversation_id: Some(id),
        outcome: outcome.into(),
        read_through,
    }
}

async fn reading_reaches_the_newest_message_and_says_how_far(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    for _ in 0..3 {
        client.send("bob", c2c("alice"), "hi").await;
    }
    client.send("alice", c2c("carol"), "my own").await;
    client.send_system(&["alice"], "news").await;
    let ids = [
        c2c("nobody"),
        c2c("bob"),
        group("crew"),
        c2c("carol"),
        system(),
    ];
    let read = client.read("alice", ids.clone()).await;
    let expected = [
        result(c2c("nobody"), NOT_FOUND, 0),
        result(c2c("bob"), CHANGED, 3),
        result(group("crew"), UNCHANGED, 0),
        result(c2c("carol"), UNCHANGED, 1),
        result(system(), CHANGED, 1),
    ];
    assert_eq!((read.results, read.revision), (expected.to_vec(), 2));
    assert_unread(&client, "alice", 0).await;

    let again = client.read("alice", ids).await;
    let outcomes: Vec<_> = again.results.iter().map(ReadResult::outcome).collect();
    let expected = [NOT_FOUND, UNCHANGED, UNCHANGED, UNCHANGED, UNCHANGED];
    assert_eq!(outcomes, expected);
    assert_eq!(again.results[1].read_through, 3);
    assert_eq!(again.revision, 3, "a change that changed nothing is one");
    // Nothing is kept for when it comes.
    client.send("nobody", c2c("alice"), "hi").await;
    assert_unread(&client, "alice", 1).await;
}

async fn reading_goes_only_as_far_as_was_seen_and_never_backward(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for _ in 0..5 {
        client.send("bob", c2c("alice"), "hi").await;
        client.send("carol", c2c("alice"), "hi").await;
    }
    for (seen, outcome, read_through, unread) in [
        (0, UNCHANGED, 0, 5),
        (3, CHANGED, 3, 2),
        (1, UNCHANGED, 3, 2),
        (3, UNCHANGED, 3, 2),
        (4, CHANGED, 4, 1),
        (6, CHANGED, 5, 0),
        (u64::MAX, UNCHANGED, 5, 0),
        (2, UNCHANGED, 5, 0),
    ] {
        let read = client.read("alice", [c2c("bob")]).seen(c2c("bob"), seen);
        let read = read.await.results;
        assert_eq!(read, [result(c2c("bob"), outcome, read_through)], "{seen}");
        assert_unread(&client, "alice", unread + 5).await;
    }
    client.send("bob", c2c("alice"), "newer").await;
    assert_unread(&client, "alice", 6).await;
    // Each conversation has its own reach, and what names none is read to the end.
    let both = client.read("alice", [c2c("carol"), c2c("bob")]);
    let both = both.seen(c2c("carol"), 2).await.results;
    let expected = [
        result(c2c("carol"), CHANGED, 2),
        result(c2c("bob"), CHANGED, 6),
    ];
    assert_eq!(both, expected);
}

async fn reading_hides_nothing_and_is_nobody_elses_business(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob", "carol"]).await;
    for _ in 0..3 {
        client.send("bob", group("crew"), "hi").await;
    }
    let before = client.list_all("alice").await;
    let history = client.history("alice", group("crew")).await;
    let of_carol = client.list_all("carol").await;
    let of_bob = client.list_all("bob").await;
    client.read("alice", [group("crew")]).await;

    let mut expected = before;
    expected[0].unread_count = 0;
    assert_eq!(client.list_all("alice").await, expected);
    assert_eq!(client.history("alice", group("crew")).await, history);
    assert_eq!(client.list_all("carol").await, of_carol);
    assert_eq!(client.list_all("bob").await, of_bob);
    assert_eq!(client.revision("carol").await, 1, "that of joining");
}

async fn what_is_deleted_can_be_read_and_stays_deleted(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for _ in 0..3 {
        client.send("bob", c2c("alice"), "hi").await;
        client.send("carol", c2c("alice"), "hi").await;
    }
    let ids = [c2c("bob"), c2c("carol")];
    let deletion = client.delete("alice", ids).clear(false).await;
    let read = client.read("alice", [c2c("bob")]).await.results;
    assert_eq!(read, [result(c2c("bob"), CHANGED, 3)]);
    assert_eq!(client.listed("alice").await, []);
    assert_eq!(client.history("alice", c2c("bob")).await.len(), 3);
    // The deletion took the unread count of what it was read since; so only carol's comes back.
    client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(client.entry("alice", c2c("bob")).await.unread_count, 0);
    assert_eq!(client.entry("alice", c2c("carol")).await.unread_count, 3);
}

async fn a_user_who_left_reads_what_reached_them(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "one").await;
    client.send("bob", group("crew"), "two").await;
    client.leave("crew", &["alice"]).await;
    client.send("bob", group("crew"), "three").await;
    let read = client.read("alice", [group("crew")]);
    let read = read.seen(group("crew"), 3).await.results;
    assert_eq!(read, [result(group("crew"), CHANGED, 2)]);
    // Joined again, the time before has no say; what is new is new.
    client.join("crew", &["alice"]).await;
    client.send("bob", group("crew"), "four").await;
    assert_unread(&client, "alice", 1).await;
    let read = client.read("alice", [group("crew")]).await.results;
    assert_eq!(read, [result(group("crew"), CHANGED, 4)]);
}

async fn all_reads_what_is_listed_and_unread_latest_active_first(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    for sender in ["bob", "carol", "dora", "erin"] {
        client.send(sender, c2c("alice"), "hi").await;
        clock.advance(Duration::from_secs(1));
    }
    client.send("bob", group("crew"), "hi").await;
    clock.advance(Duration::from_secs(1));
    client.send_system(&["alice"], "news").await;
    clock.advance(Duration::from_secs(1));
    client.send("bob", c2c("alice"), "again").await;
    // The muted ones are read too; the deleted, the read and the pinned stand where they stand.
    client.mute("alice", [c2c("carol")]).await;
    client.read("alice", [c2c("dora")]).await;
    client.delete("alice", [c2c("erin")]).clear(false).await;
    client.pin("alice", [c2c("carol")]).await;

    let read = client.read_all("alice").await;
    let expected = [
        result(c2c("bob"), CHANGED, 2),
        result(system(), CHANGED, 1),
        result(group("crew"), CHANGED, 1),
        result(c2c("carol"), CHANGED, 1),
    ];
    assert_eq!((read.results, read.revision), (expected.to_vec(), 6));
    let counts = client.list_all("alice").await;
    assert!(
        counts.iter().all(|entry| entry.unread_count == 0),
        "{counts:?}"
    );
    assert_eq!(counts.len(), 5, "and nothing is hidden or brought back");
    let nothing = MarkConversationsReadResponse {
        results: vec![],
        revision: 7,
        more: false,
    };
    assert_eq!(client.read_all("alice").await, nothing);
    let of_nobody = client.read_all("nobody").await;
    assert_eq!((of_nobody.results, of_nobody.revision), (vec![], 1));
}

async fn all_goes_only_as_far_as_was_seen(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for sender in ["bob", "carol", "dora"] {
        for _ in 0..3 {
            client.send(sender, c2c("alice"), "hi").await;
        }
        clock.advance(Duration::from_secs(1));
    }
    let read = client.read_all("alice").seen(c2c("bob"), 2);
    // A conversation of which nothing was seen, or one that does not exist, may be named too.
    let read = read.seen(c2c("nobody"), 7).seen(c2c("carol"), 0).await;
    let expected = [
        result(c2c("dora"), CHANGED, 3),
        result(c2c("carol"), UNCHANGED, 0),
        result(c2c("bob"), CHANGED, 2),
    ];
    assert_eq!(read.results, expected);
    assert_unread(&client, "alice", 4).await;
}

async fn all_reads_hundreds_at_once(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", 700).await;
    let read = client.read_all("alice").await.results;
    let expected: Vec<_> = chats.into_iter().map(|id| result(id, CHANGED, 1)).collect();
    assert_eq!(read, expected);
    assert_unread(&client, "alice", 0).await;
}
