//! Repeating a deletion is harmless, and no order of requests makes a watermark fall.

use conversation_service::proto::{DeleteConversationsResponse, DeletionOutcome};

use crate::support::{
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    stage::Stage,
};

on_every_database!(
    deleting_again_says_that_it_was_deleted_before,
    a_conversation_that_the_user_never_had_is_not_found_and_does_not_appear,
    a_chat_that_came_back_is_deleted_anew,
    an_older_reach_does_not_lower_a_watermark,
    the_order_of_concurrent_deletions_never_lowers_a_watermark,
);

async fn deleting_again_says_that_it_was_deleted_before(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let first = client.delete("alice", [c2c("bob")]).await;
    let again = client.delete("alice", [c2c("bob")]).await;
    assert_eq!(first.results[0].outcome(), DeletionOutcome::Deleted);
    assert_eq!(again.results[0].outcome(), DeletionOutcome::AlreadyDeleted);
    assert_eq!(
        again.results[0].hidden_through,
        first.results[0].hidden_through
    );
    assert_eq!(
        again.results[0].cleared_through,
        first.results[0].cleared_through
    );
    assert_eq!(again.revision, first.revision + 1);
    assert_ne!(again.deletion_id, first.deletion_id);
}

async fn a_conversation_that_the_user_never_had_is_not_found_and_does_not_appear(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("carol"), "not for alice").await;
    client.join("crew", &["bob"]).await;
    client.send("bob", group("crew"), "not for alice").await;
    let deletion = client
        .delete("alice", [c2c("bob"), group("crew"), c2c("nobody")])
        .await;
    for result in &deletion.results {
        assert_eq!(result.outcome(), DeletionOutcome::NotFound, "{result:?}");
        assert_eq!((result.hidden_through, result.cleared_through), (0, 0));
    }
    client.send("bob", c2c("alice"), "now for alice").await;
    assert_eq!(client.list_all("alice").await[0].unread_count, 1);
}

async fn a_chat_that_came_back_is_deleted_anew(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for reach in 1..=3 {
        client.send("bob", c2c("alice"), "hi").await;
        let deletion = client.delete("alice", [c2c("bob")]).await;
        assert_eq!(deletion.results[0].outcome(), DeletionOutcome::Deleted);
        assert_eq!(deletion.results[0].hidden_through, reach);
    }
}

async fn an_older_reach_does_not_lower_a_watermark(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for _ in 0..5 {
        client.send("bob", c2c("alice"), "hi").await;
    }
    client.delete("alice", [c2c("bob")]).await;
    for seen in [4, 0, 2] {
        let late = client
            .delete("alice", [c2c("bob")])
            .seen(c2c("bob"), seen)
            .await;
        let result = &late.results[0];
        assert_eq!(result.outcome(), DeletionOutcome::AlreadyDeleted);
        assert_eq!((result.hidden_through, result.cleared_through), (5, 5));
    }
    assert_eq!(client.history("alice", c2c("bob")).await, []);
}

async fn the_order_of_concurrent_deletions_never_lowers_a_watermark(database: TestDatabase) {
    const MESSAGES: u64 = 24;
    let Stage { client, .. } = Stage::open(&database).await;
    for _ in 0..MESSAGES {
        client.send("bob", c2c("alice"), "hi").await;
    }
    // Neighbours in time differ much in reach, and every other one keeps the history.
    let deletions = (1..=MESSAGES).map(|n| {
        let seen = (n * 7) % (MESSAGES + 1);
        let deletion = client.delete("alice", [c2c("bob")]);
        let deletion = deletion.clear(n % 2 == 0).seen(c2c("bob"), seen);
        async move { (seen, n % 2 == 0, deletion.await) }
    });
    let mut answers: Vec<(u64, bool, DeleteConversationsResponse)> = concurrently(deletions).await;
    answers.sort_by_key(|(.., answer)| answer.revision);

    let (mut hidden, mut cleared) = (0, 0);
    for (expected, (seen, clear, answer)) in (1..).zip(&answers) {
        assert_eq!(answer.revision, expected, "revisions have no gap");
        hidden = hidden.max(*seen);
        if *clear {
            cleared = cleared.max(*seen);
        }
        let result = &answer.results[0];
        assert_eq!(
            (result.hidden_through, result.cleared_through),
            (hidden, cleared)
        );
    }
    assert_eq!(hidden, MESSAGES);
    assert_eq!(client.listed("alice").await, []);
}
