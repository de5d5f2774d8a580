//! The marks of conversations.

use conversation_service::proto::{ChangeOutcome, ConversationId, MarksResult};

use crate::support::{
    client::marked,
    databases::{TestDatabase, on_every_database},
    ids::c2c,
    stage::Stage,
};

on_every_database!(
    marks_are_added_and_removed_one_by_one,
    every_mark_there_is_can_be_carried_at_once,
);

const CHANGED: ChangeOutcome = ChangeOutcome::Changed;
const UNCHANGED: ChangeOutcome = ChangeOutcome::Unchanged;
const NOT_FOUND: ChangeOutcome = ChangeOutcome::NotFound;

fn marks(id: ConversationId, outcome: ChangeOutcome, marks: u64) -> MarksResult {
    MarksResult {
        conversation_id: Some(id),
        outcome: outcome.into(),
        marks,
    }
}

async fn marks_are_added_and_removed_one_by_one(database: TestDatabase) {
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
