//! The history of a deleted conversation: when it is cleared, and when it is kept.

use conversation_service::proto::DeletionOutcome;

use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group, system},
    stage::Stage,
};

on_every_database!(
    clearing_is_the_default,
    without_clearing_the_history_stays_readable_while_it_is_not_listed,
    a_clearing_deletion_of_a_deleted_conversation_still_clears,
    a_keeping_deletion_does_not_bring_a_cleared_history_back,
    every_kind_of_conversation_is_cleared,
);

async fn clearing_is_the_default(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let deletion = client.delete("alice", [c2c("bob")]).await;
    let result = &deletion.results[0];
    assert_eq!((result.hidden_through, result.cleared_through), (1, 1));
    assert_eq!(client.history("alice", c2c("bob")).await, []);
}

async fn without_clearing_the_history_stays_readable_while_it_is_not_listed(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "one").await;
    client.send("alice", c2c("bob"), "two").await;
    let before = client.history("alice", c2c("bob")).await;
    let deletion = client.delete("alice", [c2c("bob")]).clear(false).await;
    let result = &deletion.results[0];
    assert_eq!((result.hidden_through, result.cleared_through), (2, 0));
    assert_eq!(client.listed("alice").await, []);
    assert_eq!(client.history("alice", c2c("bob")).await, before);
}

async fn a_clearing_deletion_of_a_deleted_conversation_still_clears(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "one").await;
    client.delete("alice", [c2c("bob")]).clear(false).await;
    let deletion = client.delete("alice", [c2c("bob")]).clear(true).await;
    let result = &deletion.results[0];
    assert_eq!(result.outcome(), DeletionOutcome::AlreadyDeleted);
    assert_eq!((result.hidden_through, result.cleared_through), (1, 1));
    assert_eq!(client.history("alice", c2c("bob")).await, []);
}

async fn a_keeping_deletion_does_not_bring_a_cleared_history_back(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "one").await;
    client.delete("alice", [c2c("bob")]).clear(true).await;
    client.send("bob", c2c("alice"), "two").await;
    client.delete("alice", [c2c("bob")]).clear(false).await;
    let seqs: Vec<_> = client
        .history("alice", c2c("bob"))
        .await
        .iter()
        .map(|m| m.seq)
        .collect();
    assert_eq!(seqs, [2]);
}

async fn every_kind_of_conversation_is_cleared(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "hi").await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("alice", c2c("alice"), "a note to myself").await;
    client.send_system(&["alice"], "welcome").await;
    let all = [group("crew"), c2c("bob"), c2c("alice"), system()];
    assert_eq!(client.listed("alice").await.len(), 4);

    let outcomes = client.delete("alice", all.clone()).outcomes().await;
    assert_eq!(outcomes, [DeletionOutcome::Deleted; 4]);
    assert_eq!(client.listed("alice").await, []);
    for id in all {
        assert_eq!(client.history("alice", id.clone()).await, [], "{id:?}");
    }
}
