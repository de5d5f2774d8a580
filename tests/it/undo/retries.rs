//! Retries of clearings and of undoing, and what is said of them to other clients.

use conversation_service::proto::{
    ClearHistoryRequest, RestorationOutcome, RestoreConversationsRequest,
    RestoreConversationsResponse, WatchConversationsRequest, change::Kind,
};
use prost::Message as _;
use tonic::Code;

use super::{RETENTION, Service, WINDOW};
use crate::support::{
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
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

async fn a_name_belongs_to_one_request_of_one_kind(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 2).await;
    let clear = ClearHistoryRequest {
        user_id: "alice".to_owned(),
        conversation_ids: vec![c2c("bob")],
        request_id: NAME.to_owned(),
        ..ClearHistoryRequest::default()
    };
    let first = client
        .conversations
        .clone()
        .clear_history(clear.clone())
        .await;
    let first = first.expect("it is accepted").into_inner();
    service.chat("bob", &c2c("alice"), 1).await;
    let again = client.conversations.clone().clear_history(clear).await;
    let again = again.expect("it is answered").into_inner();
    assert_eq!(again.encode_to_vec(), first.encode_to_vec());
    assert_eq!(service.readable("alice", c2c("bob")).await, [3]);

    // A deletion of the same wire content is another request; and so is an undo.
    let deletion = client
        .delete("alice", [c2c("bob")])
        .request_id(NAME)
        .result()
        .await;
    let restoration = client.restore("alice", &first.deletion_id, NAME).await;
    for refusal in [deletion.map(drop), restoration.map(drop)] {
        let status = refused(refusal, Code::InvalidArgument, "REQUEST_ID_REUSED");
        assert_eq!(violated(&status), ["request_id"]);
    }
    let outcomes = client.restored("alice", &first.deletion_id).await;
    assert_eq!(outcomes, [RestorationOutcome::Restored]);
}

async fn other_clients_learn_of_clearings_when_asked_and_of_undoing_always(database: TestDatabase) {
    let service = Service::start(&database).await;
    let mut calls = service.client.conversations.clone();
    service.chat("bob", &c2c("alice"), 2).await;
    let mut ids = Vec::new();
    for sync in [None, Some(false), Some(true)] {
        service.chat("bob", &c2c("alice"), 1).await;
        let clear = ClearHistoryRequest {
            user_id: "alice".to_owned(),
            conversation_ids: vec![c2c("bob"), c2c("nobody")],
            client_id: "phone".to_owned(),
            sync_to_other_clients: sync,
            ..ClearHistoryRequest::default()
        };
        let cleared = calls.clear_history(clear).await.expect("it is accepted");
        ids.push(cleared.into_inner().deletion_id);
    }
    let restore = RestoreConversationsRequest {
        user_id: "alice".to_owned(),
        deletion_id: ids[2].clone(),
        client_id: "phone".to_owned(),
        ..RestoreConversationsRequest::default()
    };
    calls
        .restore_conversations(restore)
        .await
        .expect("it can be undone");
    // By another client, so that the phone's stream has an end to look for.
    service
        .client
        .restore("alice", &ids[2], "")
        .await
        .expect("again");

    for (client_id, expected) in [("tablet", vec![3, 4, 5]), ("phone", vec![5])] {
        let watch = WatchConversationsRequest {
            user_id: "alice".to_owned(),
            client_id: client_id.to_owned(),
            after_revision: Some(0),
        };
        let mut stream = calls
            .watch_conversations(watch)
            .await
            .expect("it begins")
            .into_inner();
        let mut seen = Vec::new();
        while seen.last() != Some(&5) {
            let event = stream
                .message()
                .await
                .expect("it goes on")
                .expect("it does not end");
            let Some(kind) = event.change.and_then(|change| change.kind) else {
                continue;
            };
            seen.push(event.revision);
            let (conversations, id) = match kind {
                Kind::HistoryCleared(cleared) => (cleared.conversations, cleared.deletion_id),
                Kind::ConversationsRestored(back) => (back.conversations, back.deletion_id),
                other => panic!("nothing else was done: {other:?}"),
            };
            assert_eq!(id, ids[2]);
            let [bob] = conversations.as_slice() else {
                panic!("only what changed is told: {conversations:?}");
            };
            let cleared = if event.revision == 3 { 5 } else { 4 };
            assert_eq!((bob.hidden_through, bob.cleared_through), (0, cleared));
        }
        assert_eq!(seen, expected, "{client_id}");
    }
}

on_every_database!(
    retries_that_race_are_answered_alike_and_undo_once,
    a_retried_undo_is_answered_word_for_word_and_undoes_nothing_more,
    a_retried_undo_outlives_the_record_of_its_deletion,
    a_name_belongs_to_one_request_of_one_kind,
    other_clients_learn_of_clearings_when_asked_and_of_undoing_always,
);
