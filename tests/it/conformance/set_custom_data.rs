//! The product's own data of a conversation.

use conversation_service::proto::{ChangeOutcome, ChangeResult, ConversationId};
use tonic::Code;

use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::c2c,
    stage::Stage,
};

on_every_database!(
    custom_data_is_set_replaced_and_removed,
    custom_data_has_at_most_256_bytes,
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
