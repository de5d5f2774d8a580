//! The record of a change says which service asked for it.

use conversation_service::proto::{
    AddGroupMembersRequest, AddToFolderRequest, ClearHistoryRequest, ConversationId,
    CreateFolderRequest, DeleteConversationsRequest, DeleteFolderRequest,
    MarkConversationsReadRequest, MarkConversationsRequest, MuteConversationsRequest,
    PinConversationsRequest, RemoveFromFolderRequest, RemoveGroupMembersRequest,
    RenameFolderRequest, RestoreConversationsRequest, SendMessageRequest, SetCustomDataRequest,
    ShowConversationsRequest, conversation_service_client::ConversationServiceClient,
    group_service_client::GroupServiceClient, message_service_client::MessageServiceClient,
};
use tonic::{Request, metadata::MetadataValue, transport::Channel};

use super::{ADMIN, FEEDER, GATEWAY, connect, server};
use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::{c2c, text},
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    every_kind_of_change_records_its_caller,
    a_retry_through_another_caller_is_a_retry_and_the_first_stays_recorded,
    without_callers_none_is_recorded,
);

/// How many kinds of change there are.
const KINDS: i64 = 19;

fn by<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value: MetadataValue<_> = format!("Bearer {token}").parse().expect("plain text");
    request.metadata_mut().insert("authorization", value);
    request
}

async fn send(channel: &Channel) {
    let request = SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(c2c("alice")),
        body: Some(text("hello")),
        client_message_id: String::new(),
    };
    let mut client = MessageServiceClient::new(channel.clone());
    client.send_message(by(ADMIN, request)).await.expect("sent");
}

/// Makes one change of alice's view.
macro_rules! change {
    ($by:ident.$method:ident($request:ident { $($field:ident: $value:expr),* $(,)? })) => {{
        let request = $request {
            user_id: "alice".to_owned(),
            $($field: $value,)*
            ..$request::default()
        };
        let changing = $by.client.$method(by($by.token, request)).await;
        changing.expect(stringify!($method)).into_inner()
    }};
}

/// A caller that can be asked to make changes.
struct By<'a> {
    client: ConversationServiceClient<Channel>,
    token: &'a str,
}

fn bob() -> Vec<ConversationId> {
    vec![c2c("bob")]
}

async fn change_settings(by: &mut By<'_>) {
    change!(by.mark_conversations_read(MarkConversationsReadRequest { all: true }));
    for pinned in [true, false] {
        change!(by.pin_conversations(PinConversationsRequest {
            conversation_ids: bob(),
            pinned: pinned
        }));
    }
    for muted in [true, false] {
        change!(by.mute_conversations(MuteConversationsRequest {
            conversation_ids: bob(),
            muted: muted
        }));
    }
    change!(by.mark_conversations(MarkConversationsRequest {
        conversation_ids: bob(),
        add_marks: 1
    }));
    change!(by.set_custom_data(SetCustomDataRequest {
        conversation_ids: bob(),
        custom_data: b"x".to_vec()
    }));
}

async fn change_folders(by: &mut By<'_>) {
    let work = || "work".to_owned();
    let play = || "play".to_owned();
    change!(by.create_folder(CreateFolderRequest { name: work() }));
    change!(by.add_to_folder(AddToFolderRequest {
        name: work(),
        conversation_ids: bob()
    }));
    change!(by.remove_from_folder(RemoveFromFolderRequest {
        name: work(),
        conversation_ids: bob()
    }));
    change!(by.rename_folder(RenameFolderRequest {
        name: work(),
        new_name: play()
    }));
    change!(by.delete_folder(DeleteFolderRequest { name: play() }));
}

async fn delete_and_restore(by: &mut By<'_>, channel: &Channel) {
    change!(by.clear_history(ClearHistoryRequest {
        conversation_ids: bob()
    }));
    change!(by.show_conversations(ShowConversationsRequest {
        conversation_ids: bob()
    }));
    for clear_history in [false, true] {
        send(channel).await;
        let deleted = change!(by.delete_conversations(DeleteConversationsRequest {
            conversation_ids: bob(),
            clear_history: Some(clear_history)
        }));
        change!(by.restore_conversations(RestoreConversationsRequest {
            deletion_id: deleted.deletion_id
        }));
    }
}

async fn every_kind_of_change_records_its_caller(database: TestDatabase) {
    let server = server(&database, None).await;
    let channel = connect(server.address(), None).await.expect("it accepts");
    send(&channel).await;
    let mut gateway = By {
        client: ConversationServiceClient::new(channel.clone()),
        token: GATEWAY,
    };
    change_settings(&mut gateway).await;
    change_folders(&mut gateway).await;
    delete_and_restore(&mut gateway, &channel).await;
    let rows = Rows::of(&database).await;
    let kinds = "SELECT count(DISTINCT kind) FROM changes WHERE caller = 'gateway'";
    assert_eq!(rows.number(kinds).await, KINDS - 2);
    let others = "SELECT count(*) FROM changes WHERE caller IS NULL OR caller <> 'gateway'";
    assert_eq!(rows.number(others).await, 0);

    // Joining and leaving a group are for callers of another role.
    let mut groups = GroupServiceClient::new(channel);
    let (group_id, user_ids) = ("crew".to_owned(), vec!["alice".to_owned()]);
    let join = AddGroupMembersRequest {
        group_id: group_id.clone(),
        user_ids: user_ids.clone(),
        request_id: String::new(),
    };
    groups
        .add_group_members(by(FEEDER, join))
        .await
        .expect("added");
    let leave = RemoveGroupMembersRequest {
        group_id,
        user_ids,
        request_id: String::new(),
    };
    let left = groups.remove_group_members(by(FEEDER, leave)).await;
    left.expect("removed");
    let feeders = "SELECT count(DISTINCT kind) FROM changes WHERE caller = 'feeder'";
    assert_eq!(rows.number(feeders).await, 2);
    let kinds = "SELECT count(DISTINCT kind) FROM changes WHERE caller IS NOT NULL";
    assert_eq!(rows.number(kinds).await, KINDS);
}

async fn a_retry_through_another_caller_is_a_retry_and_the_first_stays_recorded(
    database: TestDatabase,
) {
    let server = server(&database, None).await;
    let channel = connect(server.address(), None).await.expect("it accepts");
    send(&channel).await;
    let request = || DeleteConversationsRequest {
        user_id: "alice".to_owned(),
        conversation_ids: vec![c2c("bob")],
        request_id: "0191e1b4-0000-7000-8000-000000000001".to_owned(),
        ..DeleteConversationsRequest::default()
    };
    let mut client = ConversationServiceClient::new(channel);
    let first = client.delete_conversations(by(GATEWAY, request())).await;
    let again = client.delete_conversations(by(ADMIN, request())).await;
    let first = first.expect("deleted").into_inner();
    assert_eq!(again.expect("a retry").into_inner(), first);
    let rows = Rows::of(&database).await;
    let all = "SELECT count(*) FROM changes";
    let gateways = "SELECT count(*) FROM changes WHERE caller = 'gateway'";
    assert_eq!(
        (rows.number(all).await, rows.number(gateways).await),
        (1, 1)
    );
}

async fn without_callers_none_is_recorded(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hello").await;
    client.delete("alice", [c2c("bob")]).await;
    let rows = Rows::of(&database).await;
    let nobodys = "SELECT count(*) FROM changes WHERE caller IS NULL";
    assert_eq!(rows.number(nobodys).await, 1);
}
