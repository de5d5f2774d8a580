//! Rows of the log that a former version has written are read as events, as retries and as settings.

use conversation_service::proto::{
    DeleteConversationsRequest, DeletionOutcome, SeenThrough, change::Kind,
};
use prost::Message as _;
use ring::digest::{SHA256, digest};

use super::former::{Former, canonical};
use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::c2c,
    rows::Rows,
};

const PIN: i64 = 6;
const SET_CUSTOM_DATA: i64 = 11;
const CREATE_FOLDER: i64 = 12;

async fn data_that_was_cleared_together_with_others_is_read_as_empty(database: TestDatabase) {
    let former = Former::on(&database).await;
    former.chat("alice", "bob", 1).await;
    let bob = (&["bob"][..], "[[1]]");
    let data = [("detail", "aGk=".into())];
    former
        .change(("alice", 1), SET_CUSTOM_DATA, bob, data)
        .await;
    // An empty text came to PostgreSQL as NULL.
    former.change(("alice", 2), SET_CUSTOM_DATA, bob, []).await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    let mut watcher = client.follow("alice", "tablet", Some(0)).await;
    for expected in ["hi", ""] {
        let event = watcher.change().await;
        let kind = event.change.and_then(|change| change.kind);
        let Some(Kind::CustomDataSet(set)) = kind else {
            panic!("{kind:?} sets no data");
        };
        assert_eq!(set.custom_data, expected.as_bytes());
        assert_eq!(set.conversation_ids, [c2c("bob")]);
    }
}

async fn pins_and_folders_are_as_they_were(database: TestDatabase) {
    let former = Former::on(&database).await;
    for friend in ["bob", "carol"] {
        former.chat("alice", friend, 1).await;
    }
    former
        .change(("alice", 1), PIN, (&["bob"], "[[1]]"), [])
        .await;
    former
        .set("alice", "bob", "pinned_at = 1, changed_by = 1")
        .await;
    let detail = r#"{"name":"work","conversations":["C2Ccarol"]}"#;
    let detail = [("detail", detail.into())];
    former
        .change(("alice", 2), CREATE_FOLDER, (&["carol"], "[[1]]"), detail)
        .await;
    let folder = [
        ("user_id", "alice".into()),
        ("folder_id", 2.into()),
        ("name", "work".into()),
    ];
    former.insert("folders", folder).await;
    let filed = [
        ("user_id", "alice".into()),
        ("folder_id", 2.into()),
        ("conversation_key", former.key(&canonical("alice", "carol"))),
        ("added_by", 2.into()),
        ("ord", 0.into()),
    ];
    former.insert("folder_conversations", filed).await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    assert_eq!(client.listed("alice").await, ["bob", "carol"].map(c2c));
    assert!(client.entry("alice", c2c("bob")).await.pinned);
    assert_eq!(client.entry("alice", c2c("carol")).await.folders, ["work"]);
    let mut watcher = client.follow("alice", "tablet", Some(0)).await;
    for revision in [1, 2] {
        assert_eq!(watcher.change().await.revision, revision);
    }
    Rows::of(&database).await.assert_whole().await;
}

/// Former versions recognised a request by its bytes.
async fn a_retry_of_a_request_of_before_is_answered_from_its_record(database: TestDatabase) {
    let request = DeleteConversationsRequest {
        user_id: "alice".to_owned(),
        conversation_ids: vec![c2c("bob")],
        client_id: "phone".to_owned(),
        seen_through: vec![SeenThrough {
            conversation_id: Some(c2c("bob")),
            seq: 2,
        }],
        ..DeleteConversationsRequest::default()
    };
    let bytes = [b"DeleteConversations\0", &request.encode_to_vec()[..]].concat();
    let name = uuid::Uuid::from_u128(7);

    let former = Former::on(&database).await;
    former.chat("alice", "bob", 3).await;
    let more = [
        ("client_id", "phone".into()),
        ("request_id", former.bytes(name.as_bytes())),
        (
            "request_digest",
            former.bytes(&digest(&SHA256, &bytes).as_ref()[..16]),
        ),
    ];
    let bob = (&["bob"][..], "[[3, 2, 2, 1, 0]]");
    former.change(("alice", 1), 2, bob, more).await;
    former
        .set(
            "alice",
            "bob",
            "hidden_through = 2, cleared_through = 2, taken_by = 1, \
             prev_hidden_through = 0, prev_cleared_through = 0",
        )
        .await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    let named = DeleteConversationsRequest {
        request_id: name.to_string(),
        ..request
    };
    let mut calls = client.conversations.clone();
    let answer = calls.delete_conversations(named).await;
    let answer = answer.expect("it is a retry").into_inner();
    assert_eq!(answer.revision, 1);
    assert_eq!(
        (
            answer.results[0].outcome(),
            answer.results[0].hidden_through
        ),
        (DeletionOutcome::NewerMessagesKept, 2)
    );
    assert_eq!(client.revision("alice").await, 1);
}

on_every_database!(
    from create_on_one_server:
    data_that_was_cleared_together_with_others_is_read_as_empty,
    pins_and_folders_are_as_they_were,
    a_retry_of_a_request_of_before_is_answered_from_its_record,
);
