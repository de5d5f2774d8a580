//! Retries of undoing.

use conversation_service::proto::RestoreConversationsResponse;
use prost::Message as _;
use tonic::Code;

use super::{RETENTION, Service, WINDOW};
use crate::support::{
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::c2c,
    rounds::Rounds,
};

const NAME: &str = "6f1c1d0e-8c0b-4a53-9d7a-000000000001";
const OTHER_NAME: &str = "6f1c1d0e-8c0b-4a53-9d7a-000000000002";

async fn retries_that_race_are_answered_alike_and_undo_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    service.chat("bob", &c2c("alice"), 2).await;
    let deletion = service.client.delete("alice", [c2c("bob")]).await;
    let racing = (0..16).map(|_| {
        let (client, id) = (service.client.clone(), deletion.deletion_id.clone());
        async move { client.restore("alice", &id, NAME).await }
    });
    let answers: Vec<_> = concurrently(racing)
        .await
        .into_iter()
        .map(|answer| answer.expect("each is answered").encode_to_vec())
        .collect();
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    let listing = service.client.list_in_pages("alice", None, 10).await;
    assert_eq!(listing.expect("a list").revision, 2);
}

async fn a_retried_undo_is_answered_word_for_word_and_undoes_nothing_more(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    for chat in ["bob", "carol"] {
        service.chat(chat, &c2c("alice"), 2).await;
    }
    let deletion = client.delete("alice", [c2c("bob"), c2c("carol")]).await;
    client.clear_history("alice", [c2c("carol")]).await;
    let restore = async || -> RestoreConversationsResponse {
        let response = client.restore("alice", &deletion.deletion_id, NAME).await;
        response.expect("it is answered")
    };
    let first = restore().await;
    // In between it is deleted again, and what is deleted stays so.
    client.delete("alice", [c2c("bob")]).await;
    let stood = service.sight("alice", &[c2c("bob"), c2c("carol")]).await;
    assert_eq!(restore().await.encode_to_vec(), first.encode_to_vec());
    // So after the window, after rounds, and when the deletion itself has been forgotten.
    let rounds = Rounds::on(&database, &service.clock, RETENTION).await;
    service.clock.advance(WINDOW);
    rounds.run().await;
    assert_eq!(restore().await.encode_to_vec(), first.encode_to_vec());
    assert_eq!(
        service.sight("alice", &[c2c("bob"), c2c("carol")]).await,
        stood
    );
}

async fn a_retried_undo_outlives_the_record_of_its_deletion(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 2).await;
    let deletion = client.delete("alice", [c2c("bob")]).await;
    service.clock.advance(WINDOW / 2);
    let first = client.restore("alice", &deletion.deletion_id, NAME).await;
    let first = first.expect("it can be undone").encode_to_vec();
    let rounds = Rounds::on(&database, &service.clock, RETENTION).await;
    service.clock.advance(RETENTION);
    service.clock.set_back(WINDOW / 4);
    assert_eq!(
        rounds.run().await.changes,
        1,
        "the deletion is forgotten, its undoing is not"
    );
    let again = client.restore("alice", &deletion.deletion_id, NAME).await;
    let again = again.expect("a retry within the retention is answered");
    assert_eq!(again.encode_to_vec(), first);
    let unnamed = client
        .restore("alice", &deletion.deletion_id, OTHER_NAME)
        .await;
    refused(unnamed, Code::FailedPrecondition, "RESTORE_WINDOW_EXPIRED");
}

on_every_database!(
    retries_that_race_are_answered_alike_and_undo_once,
    a_retried_undo_is_answered_word_for_word_and_undoes_nothing_more,
    a_retried_undo_outlives_the_record_of_its_deletion,
);
