//! A deletion reaches no further than the user had seen.

use conversation_service::proto::{
    ConversationId, DeleteConversationsRequest, DeletionOutcome, SeenThrough,
};
use tonic::Code;

use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group},
    stage::Stage,
};

on_every_database!(
    messages_newer_than_the_seen_ones_stay_listed_and_unread,
    having_seen_everything_deletes_everything,
    a_number_beyond_the_newest_message_means_the_newest_message,
    with_nothing_seen_nothing_is_deleted,
    each_conversation_of_a_request_has_its_own_reach,
    only_conversations_of_the_request_can_be_named_and_only_once,
);

async fn messages_newer_than_the_seen_ones_stay_listed_and_unread(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for _ in 0..5 {
        client.send("bob", c2c("alice"), "hi").await;
    }
    let deletion = client
        .delete("alice", [c2c("bob")])
        .seen(c2c("bob"), 3)
        .await;
    let result = &deletion.results[0];
    assert_eq!(result.outcome(), DeletionOutcome::NewerMessagesKept);
    assert_eq!((result.hidden_through, result.cleared_through), (3, 3));
    assert_eq!(client.list_all("alice").await[0].unread_count, 2);
    let seqs: Vec<_> = client
        .history("alice", c2c("bob"))
        .await
        .iter()
        .map(|m| m.seq)
        .collect();
    assert_eq!(seqs, [5, 4]);
}

async fn having_seen_everything_deletes_everything(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let shown = client.list_all("alice").await[0].last_seq;
    let deletion = client
        .delete("alice", [c2c("bob")])
        .seen(c2c("bob"), shown)
        .await;
    assert_eq!(deletion.results[0].outcome(), DeletionOutcome::Deleted);
    assert_eq!(client.listed("alice").await, []);
}

async fn a_number_beyond_the_newest_message_means_the_newest_message(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    for (seen, outcome) in [
        (2, DeletionOutcome::Deleted),
        (u64::MAX, DeletionOutcome::AlreadyDeleted),
    ] {
        let deletion = client
            .delete("alice", [c2c("bob")])
            .seen(c2c("bob"), seen)
            .await;
        let result = &deletion.results[0];
        assert_eq!((result.outcome(), result.hidden_through), (outcome, 1));
    }
    client.send("bob", c2c("alice"), "newer").await;
    assert_eq!(
        client.list_all("alice").await[0].unread_count,
        1,
        "it is not hidden in advance"
    );
}

async fn with_nothing_seen_nothing_is_deleted(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let before = client.list_all("alice").await;
    let deletion = client
        .delete("alice", [c2c("bob")])
        .seen(c2c("bob"), 0)
        .await;
    assert_eq!(
        deletion.results[0].outcome(),
        DeletionOutcome::NewerMessagesKept
    );
    assert_eq!(client.list_all("alice").await, before);
}

async fn each_conversation_of_a_request_has_its_own_reach(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    for _ in 0..4 {
        client.send("bob", c2c("alice"), "hi").await;
        client.send("carol", c2c("alice"), "hi").await;
        client.send("bob", group("crew"), "hi").await;
    }
    let request = client.delete("alice", [c2c("bob"), group("crew"), c2c("carol")]);
    let deletion = request
        .seen(group("crew"), 2)
        .seen(c2c("bob"), 4)
        .clear(false)
        .await;
    let reached: Vec<_> = deletion.results.iter().map(|r| r.hidden_through).collect();
    assert_eq!(reached, [4, 2, 4]);
    assert_eq!(client.listed("alice").await, [group("crew")]);
}

async fn only_conversations_of_the_request_can_be_named_and_only_once(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let deletion = client.delete("alice", [c2c("bob")]);
    let deletion = deletion
        .seen(c2c("bob"), 1)
        .seen(c2c("carol"), 1)
        .seen(c2c("bob"), 1);
    let deletion = deletion
        .seen(ConversationId { id: None }, 1)
        .seen(c2c(""), 1);
    let status = refused(
        deletion.result().await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
    assert_eq!(
        violated(&status),
        [
            "seen_through[1].conversation_id",
            "seen_through[2].conversation_id",
            "seen_through[3].conversation_id",
            "seen_through[4].conversation_id.c2c_user_id",
        ]
    );
    let request = DeleteConversationsRequest {
        user_id: "alice".to_owned(),
        conversation_ids: vec![c2c("bob")],
        seen_through: vec![SeenThrough {
            conversation_id: None,
            seq: 1,
        }],
        ..DeleteConversationsRequest::default()
    };
    let result = client
        .conversations
        .clone()
        .delete_conversations(request)
        .await;
    let status = refused(result, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violated(&status), ["seen_through[0].conversation_id"]);
}
