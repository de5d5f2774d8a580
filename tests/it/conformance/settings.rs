//! Mute, marks and the product's own data: the user's settings, which a deletion leaves alone.

use conversation_service::proto::{ChangeOutcome, ChangeResult, ConversationId, MarksResult};
use tonic::Code;

use crate::support::{
    client::marked,
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group, system},
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    muting_says_of_each_what_became_of_it,
    marks_are_put_on_and_taken_off_one_by_one,
    every_mark_there_is_can_be_carried_at_once,
    custom_data_is_set_replaced_and_removed,
    custom_data_has_at_most_256_bytes,
    what_is_set_while_deleted_applies_when_it_reappears,
    a_setting_makes_nothing_appear_and_is_not_kept_for_strangers,
    settings_are_the_users_own,
);

const CHANGED: ChangeOutcome = ChangeOutcome::Changed;
const UNCHANGED: ChangeOutcome = ChangeOutcome::Unchanged;
const NOT_FOUND: ChangeOutcome = ChangeOutcome::NotFound;

fn result(id: ConversationId, outcome: ChangeOutcome) -> ChangeResult {
    ChangeResult {
        conversation_id: Some(id),
        outcome: outcome.into(),
    }
}

fn marks(id: ConversationId, outcome: ChangeOutcome, marks: u64) -> MarksResult {
    MarksResult {
        conversation_id: Some(id),
        outcome: outcome.into(),
        marks,
    }
}

async fn muting_says_of_each_what_became_of_it(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send_system(&["alice"], "news").await;
    client.mute("alice", [c2c("bob")]).await;
    let ids = [system(), c2c("nobody"), c2c("bob")];
    let muted = client.mute("alice", ids.clone()).await;
    let expected = [
        result(system(), CHANGED),
        result(c2c("nobody"), NOT_FOUND),
        result(c2c("bob"), UNCHANGED),
    ];
    assert_eq!((muted.results, muted.revision), (expected.to_vec(), 2));
    assert!(client.list_all("alice").await.iter().all(|one| one.muted));
    let unmuted = client.unmute("alice", ids.clone()).outcomes().await;
    assert_eq!(unmuted, [CHANGED, NOT_FOUND, CHANGED]);
    assert!(client.list_all("alice").await.iter().all(|one| !one.muted));
    let again = client.unmute("alice", ids).await;
    let outcomes: Vec<_> = again.results.iter().map(ChangeResult::outcome).collect();
    assert_eq!(outcomes, [UNCHANGED, NOT_FOUND, UNCHANGED]);
    assert_eq!(again.revision, 4, "one for each request");
}

async fn marks_are_put_on_and_taken_off_one_by_one(database: TestDatabase) {
    const TOP: u64 = 1 << 63;
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("carol", c2c("alice"), "hi").await;
    client.mark("alice", [c2c("bob")], 1 | 8, 0).await;
    let ids = [c2c("carol"), c2c("bob"), c2c("nobody")];
    let marked = client.mark("alice", ids, TOP | 1, 4).await;
    let expected = [
        marks(c2c("carol"), CHANGED, TOP | 1),
        marks(c2c("bob"), CHANGED, TOP | 8 | 1),
        marks(c2c("nobody"), NOT_FOUND, 0),
    ];
    assert_eq!((marked.results, marked.revision), (expected.to_vec(), 2));
    let both = [c2c("carol"), c2c("bob")];
    let moved = client.mark("alice", both.clone(), 2, 8).await.results;
    let expected = [
        marks(c2c("carol"), CHANGED, TOP | 2 | 1),
        marks(c2c("bob"), CHANGED, TOP | 2 | 1),
    ];
    assert_eq!(moved, expected);
    let again = client.mark("alice", both.clone(), 2, 8).outcomes().await;
    assert_eq!(again, [UNCHANGED, UNCHANGED]);
    let off = client.mark("alice", both, 0, u64::MAX << 32 | 15).await;
    assert!(off.results.iter().all(|one| one.marks == 0), "{off:?}");
    assert!(
        client
            .list_all("alice")
            .await
            .iter()
            .all(|one| one.marks == 0)
    );
}

async fn every_mark_there_is_can_be_carried_at_once(database: TestDatabase) {
    const ALL: u64 = u64::MAX << 32 | 15;
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("carol", c2c("alice"), "hi").await;
    client.mark("alice", [c2c("bob")], ALL, 0).await;
    assert_eq!(client.entry("alice", c2c("bob")).await.marks, ALL);
    for bit in (0..4).chain(32..64) {
        let listed = client.listed_with("alice", marked(1 << bit)).await;
        assert_eq!(listed, [c2c("bob")], "bit {bit}");
    }
}

async fn custom_data_is_set_replaced_and_removed(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("carol", c2c("alice"), "hi").await;
    let data = b"\0any bytes \xff".to_vec();
    let both = [c2c("bob"), c2c("carol")];
    let ids = [c2c("bob"), c2c("nobody")];
    let set = client.set_data("alice", ids, data.clone()).await;
    let expected = [
        result(c2c("bob"), CHANGED),
        result(c2c("nobody"), NOT_FOUND),
    ];
    assert_eq!((set.results, set.revision), (expected.to_vec(), 1));
    assert_eq!(client.entry("alice", c2c("bob")).await.custom_data, data);
    let carol = client.entry("alice", c2c("carol")).await;
    assert!(carol.custom_data.is_empty());

    for (next, outcomes) in [
        (data.clone(), [UNCHANGED, CHANGED]),
        (b"x".to_vec(), [CHANGED, CHANGED]),
        (vec![], [CHANGED, CHANGED]),
        (vec![], [UNCHANGED, UNCHANGED]),
    ] {
        let set = client.set_data("alice", both.clone(), next.clone());
        assert_eq!(set.outcomes().await, outcomes, "{next:?}");
        for entry in client.list_all("alice").await {
            assert_eq!(entry.custom_data, next);
        }
    }
}

async fn custom_data_has_at_most_256_bytes(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.set_data("alice", [c2c("bob")], vec![7; 256]).await;
    let more = client.set_data("alice", [c2c("bob")], vec![8; 257]);
    let status = refused(
        more.result().await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
    assert_eq!(violated(&status), ["custom_data"]);
    let bob = client.entry("alice", c2c("bob")).await;
    assert_eq!(bob.custom_data, vec![7; 256]);
    assert_eq!(client.revision("alice").await, 1);
}

async fn what_is_set_while_deleted_applies_when_it_reappears(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for clear in [true, false] {
        client.send("bob", c2c("alice"), "hi").await;
        client.delete("alice", [c2c("bob")]).clear(clear).await;
        let muted = client.mute("alice", [c2c("bob")]).outcomes().await;
        let marked = client.mark("alice", [c2c("bob")], 4, 0).outcomes().await;
        let set = client.set_data("alice", [c2c("bob")], b"mine".to_vec());
        for outcomes in [muted, marked, set.outcomes().await] {
            assert_eq!(outcomes, [CHANGED], "deleted or not");
        }
        assert_eq!(client.listed("alice").await, []);
        let found = client.get("alice", [c2c("bob")]).await;
        assert_eq!(found.missing, [c2c("bob")]);

        client.send("bob", c2c("alice"), "again").await;
        let entry = client.entry("alice", c2c("bob")).await;
        assert!(entry.muted && !entry.pinned);
        assert_eq!((entry.marks, entry.custom_data), (4, b"mine".to_vec()));
        client.unmute("alice", [c2c("bob")]).await;
        client.mark("alice", [c2c("bob")], 0, 4).await;
        client.set_data("alice", [c2c("bob")], vec![]).await;
    }
}

async fn a_setting_makes_nothing_appear_and_is_not_kept_for_strangers(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    // A new member has the group, though nothing of it can be seen yet.
    client.join("crew", &["alice", "bob"]).await;
    let ids = [group("crew"), c2c("stranger"), system()];
    let expected = [CHANGED, NOT_FOUND, NOT_FOUND];
    let muted = client.mute("alice", ids.clone()).outcomes().await;
    let marked = client.mark("alice", ids.clone(), 1, 0).outcomes().await;
    let set = client.set_data("alice", ids.clone(), b"x".to_vec());
    for outcomes in [muted, marked, set.outcomes().await] {
        assert_eq!(outcomes, expected);
    }
    assert_eq!(client.listed("alice").await, []);
    let rows = Rows::of(&database).await;
    let rows = rows.number("SELECT count(*) FROM members WHERE user_id = 'alice'");
    assert_eq!(rows.await, 1, "only the group has a row");

    client.send("bob", group("crew"), "hi").await;
    client.send("stranger", c2c("alice"), "hi").await;
    client.send_system(&["alice"], "news").await;
    let found = client.get("alice", ids).await.conversations;
    let seen: Vec<_> = found
        .iter()
        .map(|entry| (entry.muted, entry.marks, entry.custom_data.len()))
        .collect();
    assert_eq!(seen, [(true, 1, 1), (false, 0, 0), (false, 0, 0)]);
}

async fn settings_are_the_users_own(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob", "carol"]).await;
    client.send("bob", group("crew"), "hi").await;
    client.send("bob", c2c("alice"), "hi").await;
    let of_bob = client.list_all("bob").await;
    let of_carol = client.list_all("carol").await;
    let ids = [group("crew"), c2c("bob")];
    client.mute("alice", ids.clone()).await;
    client.mark("alice", ids.clone(), 1, 0).await;
    client.set_data("alice", ids.clone(), b"x".to_vec()).await;
    client.pin("alice", ids.clone()).await;
    client.create_folder("alice", "mine", ids).await;
    assert_eq!(client.list_all("bob").await, of_bob);
    assert_eq!(client.list_all("carol").await, of_carol);
    assert_eq!(client.folders("bob").await, []);
    assert_eq!(client.revision("bob").await, 1, "that of joining");
}
