//! Well-formed requests that break a rule: each violation is named by its path.

use std::fmt::Debug;

use conversation_service::proto::{
    AddGroupMembersRequest, ConversationId, DeleteConversationsRequest, GetConversationsRequest,
    ListConversationsRequest, ListDeletionsRequest, ListFilter, ListMessagesRequest, MessageBody,
    Payload, RemoveGroupMembersRequest, RestoreConversationsRequest, SeenThrough,
    SendMessageRequest, SendSystemMessageRequest, message_body::Content,
};
use prost_types::Timestamp;
use tonic::{Code, Response, Status};

use super::assert_ours;
use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated, violations},
    ids::{c2c, group, system, text},
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    every_field_of_the_deletion_requests_is_checked_and_nothing_is_changed,
    every_field_of_the_list_requests_is_checked_and_nothing_is_changed,
    every_field_of_the_message_requests_is_checked_and_nothing_is_changed,
    every_field_of_the_group_requests_is_checked_and_nothing_is_changed,
    at_most_twenty_violations_are_named,
    a_violation_says_what_is_expected,
);

pub(super) fn check<T: Debug>(result: Result<Response<T>, Status>, paths: &[&str]) {
    let status = refused(result, Code::InvalidArgument, "INVALID_REQUEST");
    assert_ours(&status);
    assert_eq!(violated(&status), paths);
}

fn payload(kind: &str, bytes: usize) -> MessageBody {
    MessageBody {
        content: Some(Content::Payload(Payload {
            r#type: kind.to_owned(),
            data: vec![0; bytes],
        })),
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

async fn every_field_of_the_deletion_requests_is_checked_and_nothing_is_changed(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    let mut conversations = client.conversations.clone();
    let nothing = ConversationId { id: None };

    let request = DeleteConversationsRequest {
        user_id: " ".to_owned(),
        conversation_ids: vec![c2c("bob"), nothing.clone(), group("")],
        client_id: "x".repeat(129),
        request_id: "no uuid".to_owned(),
        seen_through: vec![SeenThrough {
            conversation_id: Some(system()),
            seq: 1,
        }],
        clear_history: None,
        sync_to_other_clients: None,
        reappearance: 3,
        forget_settings: false,
    };
    check(
        conversations.delete_conversations(request).await,
        &[
            "user_id",
            "client_id",
            "request_id",
            "reappearance",
            "conversation_ids[1]",
            "conversation_ids[2].group_id",
            "seen_through[0].conversation_id",
        ],
    );
    let request = RestoreConversationsRequest {
        user_id: String::new(),
        deletion_id: "-1".to_owned(),
        conversation_ids: vec![group("crew"), nothing, group("crew")],
        request_id: "1".to_owned(),
        client_id: " ".to_owned(),
    };
    check(
        conversations.restore_conversations(request).await,
        &[
            "user_id",
            "client_id",
            "request_id",
            "deletion_id",
            "conversation_ids[1]",
            "conversation_ids[2]",
        ],
    );
    assert_nothing_is_stored(&database).await;
}

async fn every_field_of_the_list_requests_is_checked_and_nothing_is_changed(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    let mut conversations = client.conversations.clone();

    let request = ListConversationsRequest {
        user_id: "a\nb".to_owned(),
        page_size: 501,
        page_token: "?".to_owned(),
        filter: Some(ListFilter {
            types: vec![1, 0, 4, -1, i32::MAX],
            unread_only: false,
            mark: 3,
            folder: String::new(),
            without_marks: 1 << 20,
            membership: -1,
            active_since: Some(Timestamp {
                seconds: 253_402_300_800,
                nanos: 0,
            }),
        }),
    };
    check(
        conversations.list_conversations(request).await,
        &[
            "user_id",
            "page_size",
            "page_token",
            "filter.types[1]",
            "filter.types[2]",
            "filter.types[3]",
            "filter.types[4]",
            "filter.mark",
            "filter.without_marks",
            "filter.membership",
            "filter.active_since",
        ],
    );
    let request = GetConversationsRequest {
        user_id: String::new(),
        conversation_ids: vec![],
    };
    check(
        conversations.get_conversations(request).await,
        &["user_id", "conversation_ids"],
    );
    let request = ListDeletionsRequest {
        user_id: "a ".to_owned(),
        page_size: 101,
        page_token: "AAAA".to_owned(),
        restorable_only: true,
    };
    check(
        conversations.list_deletions(request).await,
        &["user_id", "page_size", "page_token"],
    );
    assert_nothing_is_stored(&database).await;
}

async fn every_field_of_the_message_requests_is_checked_and_nothing_is_changed(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    let mut messages = client.messages.clone();
    let nothing = ConversationId { id: None };

    let request = SendMessageRequest {
        sender_user_id: String::new(),
        conversation_id: Some(system()),
        body: Some(text("x".repeat(12_289))),
        client_message_id: "x".repeat(129),
    };
    check(
        messages.send_message(request).await,
        &[
            "sender_user_id",
            "conversation_id.system",
            "body.text",
            "client_message_id",
        ],
    );
    for (conversation_id, body, paths) in [
        (None, None, &["conversation_id", "body"][..]),
        (
            Some(nothing.clone()),
            Some(MessageBody { content: None }),
            &["conversation_id", "body"],
        ),
        (Some(c2c("b")), Some(payload("", 0)), &["body.payload.type"]),
        (
            Some(c2c("b")),
            Some(payload("x", 12_288)),
            &["body.payload"],
        ),
        (
            Some(c2c("b\u{7f}")),
            Some(payload("a\tb", 12_289)),
            &[
                "conversation_id.c2c_user_id",
                "body.payload.type",
                "body.payload",
            ],
        ),
    ] {
        let request = SendMessageRequest {
            sender_user_id: "a".to_owned(),
            conversation_id,
            body,
            client_message_id: String::new(),
        };
        check(messages.send_message(request).await, paths);
    }
    let request = SendSystemMessageRequest {
        user_ids: owned(&["a", "", "a"]),
        body: None,
        client_message_id: " x".to_owned(),
    };
    check(
        messages.send_system_message(request).await,
        &["user_ids[1]", "user_ids[2]", "body", "client_message_id"],
    );
    let request = ListMessagesRequest {
        user_id: "\u{a0}".to_owned(),
        conversation_id: None,
        page_size: -1,
        page_token: "AAAA".to_owned(),
    };
    check(
        messages.list_messages(request).await,
        &["user_id", "conversation_id", "page_size", "page_token"],
    );
    assert_nothing_is_stored(&database).await;
}

async fn every_field_of_the_group_requests_is_checked_and_nothing_is_changed(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    let mut groups = client.groups.clone();

    let request = AddGroupMembersRequest {
        group_id: String::new(),
        user_ids: owned(&["a", "b", "b", "c "]),
        request_id: String::new(),
    };
    check(
        groups.add_group_members(request).await,
        &["group_id", "user_ids[2]", "user_ids[3]"],
    );
    let request = RemoveGroupMembersRequest {
        group_id: "g".to_owned(),
        user_ids: vec![],
        request_id: String::new(),
    };
    check(groups.remove_group_members(request).await, &["user_ids"]);
    assert_nothing_is_stored(&database).await;
}

pub(super) async fn assert_nothing_is_stored(database: &TestDatabase) {
    let rows = Rows::of(database).await;
    for table in [
        "conversations",
        "messages",
        "members",
        "users",
        "changes",
        "folders",
        "folder_conversations",
        "group_requests",
    ] {
        let count = rows.number(&format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(count, 0, "{table}");
    }
}

async fn at_most_twenty_violations_are_named(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for bad in [19, 20, 21, 100, 5_000] {
        let result = client.delete("alice", vec![c2c(""); bad]).result().await;
        let status = refused(result, Code::InvalidArgument, "INVALID_REQUEST");
        assert_ours(&status);
        assert_eq!(violations(&status).len(), bad.min(20));
    }
    let request = AddGroupMembersRequest {
        group_id: "g".to_owned(),
        user_ids: vec!["same".to_owned(); 100],
        request_id: String::new(),
    };
    let result = client.groups.clone().add_group_members(request).await;
    let status = refused(result, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violations(&status).len(), 20);
    let filter = ListFilter {
        types: vec![9; 10_000],
        ..ListFilter::default()
    };
    let result = client
        .list_page("alice", Some(filter), 1, String::new())
        .await;
    let status = refused(result, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violations(&status).len(), 20);
}

async fn a_violation_says_what_is_expected(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let ids = [c2c("x".repeat(129)), c2c("bob"), c2c("bob")];
    let result = client.delete("alice", ids).result().await;
    let status = refused(result, Code::InvalidArgument, "INVALID_REQUEST");
    let said: Vec<_> = violations(&status)
        .into_iter()
        .map(|(_, said)| said)
        .collect();
    assert_eq!(
        said,
        [
            "must be at most 128 bytes long",
            "repeats conversation_ids[1]"
        ]
    );
    assert!(
        status.message().contains("conversation_ids[0].c2c_user_id"),
        "{status:?}"
    );
}
