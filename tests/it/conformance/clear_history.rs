//! Clearing keeps the entry in the list, and is otherwise a deletion like any other.

use conversation_service::proto::{
    ClearHistoryRequest, DeletionOutcome, DeletionResult, RestorationOutcome,
    RestoreConversationsRequest, WatchConversationsRequest, change::Kind,
};
use prost::Message as _;
use tonic::Code;

use super::restore_conversations::Service;
use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::c2c,
};

on_every_database!(
    a_clearing_keeps_the_entry_and_its_undo_brings_the_history_back,
    a_clearing_of_what_is_deleted_says_so_and_can_be_undone_by_itself,
    a_name_belongs_to_one_request_of_one_kind,
    other_clients_learn_of_clearings_when_asked_and_of_undoing_always,
);

const NAME: &str = "6f1c1d0e-8c0b-4a53-9d7a-000000000001";
const RESTORED: RestorationOutcome = RestorationOutcome::Restored;
const NOTHING_TAKEN: RestorationOutcome = RestorationOutcome::NothingTaken;

async fn a_clearing_keeps_the_entry_and_its_undo_brings_the_history_back(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 3).await;
    let before = service.sight("alice", &[c2c("bob")]).await;
    let clearing = client
        .clear_history("alice", [c2c("bob"), c2c("nobody")])
        .await;
    let result = |conversation_id, outcome: DeletionOutcome, cleared_through| DeletionResult {
        conversation_id: Some(conversation_id),
        outcome: outcome.into(),
        hidden_through: 0,
        cleared_through,
    };
    let expected = [
        result(c2c("bob"), DeletionOutcome::Deleted, 3),
        result(c2c("nobody"), DeletionOutcome::NotFound, 0),
    ];
    assert_eq!(clearing.results, expected);
    let emptied = service.sight("alice", &[c2c("bob")]).await;
    assert_eq!(emptied.histories, [[]]);
    let [entry] = emptied.list.as_slice() else {
        panic!("the conversation stays listed: {emptied:?}");
    };
    let stood = &before.list[0];
    assert_eq!((&entry.last_message, entry.unread_count), (&None, 0));
    assert_eq!(
        (entry.last_seq, entry.update_time),
        (3, stood.update_time),
        "its place in the list stays"
    );
    assert_eq!(service.client.history("bob", c2c("alice")).await.len(), 3);

    let outcomes = client.restored("alice", &clearing.deletion_id).await;
    assert_eq!(outcomes, [RESTORED, NOTHING_TAKEN]);
    assert_eq!(service.sight("alice", &[c2c("bob")]).await, before);
}

async fn a_clearing_of_what_is_deleted_says_so_and_can_be_undone_by_itself(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 3).await;
    client.delete("alice", [c2c("bob")]).clear(false).await;
    let deleted = service.sight("alice", &[c2c("bob")]).await;
    let clearing = client.clear_history("alice", [c2c("bob")]).await;
    assert_eq!(
        (
            clearing.results[0].outcome(),
            clearing.results[0].cleared_through
        ),
        (DeletionOutcome::AlreadyDeleted, 3)
    );
    let outcomes = client.restored("alice", &clearing.deletion_id).await;
    assert_eq!(outcomes, [RESTORED]);
    assert_eq!(service.sight("alice", &[c2c("bob")]).await, deleted);
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
