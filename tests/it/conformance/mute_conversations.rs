//! Muting and unmuting.

use conversation_service::proto::{ChangeOutcome, ChangeResult, ConversationId};

use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::{c2c, system},
    stage::Stage,
};

on_every_database!(muting_gives_each_conversation_its_outcome,);

const CHANGED: ChangeOutcome = ChangeOutcome::Changed;
const UNCHANGED: ChangeOutcome = ChangeOutcome::Unchanged;
const NOT_FOUND: ChangeOutcome = ChangeOutcome::NotFound;

fn result(id: ConversationId, outcome: ChangeOutcome) -> ChangeResult {
    ChangeResult {
        conversation_id: Some(id),
        outcome: outcome.into(),
    }
}

async fn muting_gives_each_conversation_its_outcome(database: TestDatabase) {
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
