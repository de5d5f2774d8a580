//! Requests of every method.

use prost::Message;
use prost_types::Timestamp as ProtoTimestamp;

use crate::domain::{Plan, PlanScope, Planned, Revision, Seq, Timestamp};
use crate::grpc::plan;
use crate::proto::{
    AddGroupMembersRequest, AddToFolderRequest, AddWatchedUser, ClearHistoryRequest,
    ConversationId, ConversationType, CreateFolderRequest, DeleteConversationsRequest,
    DeleteFolderRequest, DeleteMatchingConversationsRequest, GetConversationsRequest,
    GetUnreadCountRequest, ListConversationsRequest, ListDeletionsRequest, ListFilter,
    ListFoldersRequest, ListHiddenConversationsRequest, ListMessagesRequest,
    MarkConversationsReadRequest, MarkConversationsRequest, Membership, MessageBody,
    MuteConversationsRequest, Payload, PinConversationsRequest, Reappearance,
    RemoveFromFolderRequest, RemoveGroupMembersRequest, RenameFolderRequest,
    RestoreConversationsRequest, SeenThrough, Selector, SendMessageRequest,
    SendSystemMessageRequest, SetCustomDataRequest, ShowConversationsRequest, SystemConversation,
    WatchConversationsRequest, WatchUsersRequest, conversation_id::Id, message_body::Content,
    watch_users_request::Step,
};

/// A method, what is particular about the request, and its bytes.
type Seed = (&'static str, &'static str, Vec<u8>);

/// Requests that are valid, one for each method.
pub(in crate::grpc) fn valid() -> Vec<Seed> {
    [lists(), matching(), settings(), folders(), feeding()].concat()
}

/// Requests that are refused, for more than one reason.
pub(super) fn refused() -> Vec<Seed> {
    let too_many = DeleteConversationsRequest {
        conversation_ids: vec![ConversationId { id: None }; 101],
        ..DeleteConversationsRequest::default()
    };
    let of_no_type = ListConversationsRequest {
        user_id: " alice".to_owned(),
        page_size: -1,
        page_token: "AAAA".to_owned(),
        filter: Some(ListFilter {
            types: vec![0, 9],
            mark: 3,
            folder: "\n".to_owned(),
            active_since: Some(time(-1)),
            without_marks: 16,
            membership: 9,
            ..ListFilter::default()
        }),
    };
    let to_the_system = SendMessageRequest {
        conversation_id: Some(system()),
        body: Some(MessageBody {
            content: Some(Content::Payload(Payload::default())),
        }),
        ..SendMessageRequest::default()
    };
    vec![
        seed("DeleteConversations", ".refused", &too_many),
        seed("ListConversations", ".refused", &of_no_type),
        seed("SendMessage", ".refused", &to_the_system),
    ]
}

fn seed(method: &'static str, kind: &'static str, request: &impl Message) -> Seed {
    (method, kind, request.encode_to_vec())
}

fn user() -> String {
    "alice".to_owned()
}

fn client() -> String {
    "phone".to_owned()
}

fn request_id() -> String {
    "0194f3a2-7c1e-7b7a-8d6e-000000000001".to_owned()
}

fn name() -> String {
    "work".to_owned()
}

fn c2c() -> ConversationId {
    ConversationId {
        id: Some(Id::C2cUserId("bob".to_owned())),
    }
}

fn system() -> ConversationId {
    ConversationId {
        id: Some(Id::System(SystemConversation {})),
    }
}

fn ids() -> Vec<ConversationId> {
    let group = Id::GroupId("friends".to_owned());
    let text = Id::Text("C2Ccarol".to_owned());
    let [group, text] = [group, text].map(|id| ConversationId { id: Some(id) });
    vec![c2c(), group, text, system()]
}

fn seen_through() -> Vec<SeenThrough> {
    vec![SeenThrough {
        conversation_id: Some(c2c()),
        seq: 7,
    }]
}

fn filter() -> ListFilter {
    ListFilter {
        types: vec![ConversationType::C2c.into(), ConversationType::Group.into()],
        unread_only: true,
        mark: 1,
        folder: name(),
        without_marks: 8,
        membership: Membership::Member.into(),
        active_since: Some(time(0)),
    }
}

fn time(nanos: i32) -> ProtoTimestamp {
    ProtoTimestamp {
        seconds: 1_700_000_000,
        nanos,
    }
}

fn text() -> MessageBody {
    MessageBody {
        content: Some(Content::Text("Lunch on Friday?".to_owned())),
    }
}

fn lists() -> Vec<Seed> {
    let delete = DeleteConversationsRequest {
        user_id: user(),
        conversation_ids: ids(),
        clear_history: Some(false),
        request_id: request_id(),
        client_id: client(),
        sync_to_other_clients: Some(true),
        seen_through: seen_through(),
        reappearance: Reappearance::Never.into(),
        forget_settings: true,
    };
    let restore = RestoreConversationsRequest {
        user_id: user(),
        deletion_id: "7".to_owned(),
        request_id: request_id(),
        client_id: client(),
        conversation_ids: ids(),
    };
    let clear = ClearHistoryRequest {
        user_id: user(),
        conversation_ids: ids(),
        request_id: request_id(),
        client_id: client(),
        sync_to_other_clients: Some(false),
        seen_through: seen_through(),
    };
    let watch = WatchConversationsRequest {
        user_id: user(),
        client_id: client(),
        after_revision: Some(7),
    };
    let watch_users = WatchUsersRequest {
        client_id: client(),
        step: Some(Step::Add(AddWatchedUser {
            user_id: user(),
            after_revision: Some(7),
        })),
    };
    let list = ListConversationsRequest {
        user_id: user(),
        page_size: 50,
        page_token: String::new(),
        filter: Some(filter()),
    };
    let get = GetConversationsRequest {
        user_id: user(),
        conversation_ids: ids(),
    };
    let unread = GetUnreadCountRequest {
        user_id: user(),
        filter: Some(filter()),
    };
    let trash = ListDeletionsRequest {
        user_id: user(),
        page_size: 20,
        page_token: String::new(),
        restorable_only: true,
    };
    let show = ShowConversationsRequest {
        user_id: user(),
        conversation_ids: ids(),
        request_id: request_id(),
        client_id: client(),
    };
    let hidden = ListHiddenConversationsRequest {
        user_id: user(),
        page_size: 50,
        page_token: String::new(),
        types: vec![ConversationType::Group.into()],
    };
    vec![
        seed("ShowConversations", "", &show),
        seed("ListHiddenConversations", "", &hidden),
        seed("DeleteConversations", "", &delete),
        seed("RestoreConversations", "", &restore),
        seed("ClearHistory", "", &clear),
        seed("WatchConversations", "", &watch),
        seed("ListConversations", "", &list),
        seed("GetConversations", "", &get),
        seed("GetUnreadCount", "", &unread),
        seed("ListDeletions", "", &trash),
        seed("WatchUsers", "", &watch_users),
    ]
}

/// A request that looks, and one that deletes what another one has shown.
fn matching() -> Vec<Seed> {
    let look = DeleteMatchingConversationsRequest {
        user_id: user(),
        selector: Some(Selector {
            filter: Some(filter()),
            inactive_before: Some(time(1)),
            all: true,
            include_pinned: true,
            include_unread: true,
            excluded: ids(),
        }),
        clear_history: Some(false),
        limit: 7,
        dry_run: true,
        plan: String::new(),
        reappearance: Reappearance::Never.into(),
        forget_settings: true,
        request_id: request_id(),
        client_id: client(),
        sync_to_other_clients: Some(true),
    };
    let planned = Planned {
        key: [7; 16],
        last: Seq::saturating(7),
    };
    let plan = Plan {
        scope: PlanScope([3; 16]),
        made_at: Timestamp::from_micros(1_700_000_000_000_000),
        revision: Revision::saturating(7),
        matched: 1,
        conversations: vec![planned],
    };
    let delete = DeleteMatchingConversationsRequest {
        dry_run: false,
        plan: plan::encode(&plan),
        ..look.clone()
    };
    vec![
        seed("DeleteMatchingConversations", "", &look),
        seed("DeleteMatchingConversations", ".planned", &delete),
    ]
}

fn settings() -> Vec<Seed> {
    let read = MarkConversationsReadRequest {
        user_id: user(),
        conversation_ids: ids(),
        all: false,
        seen_through: seen_through(),
        request_id: request_id(),
        client_id: client(),
        filter: None,
    };
    let read_all = MarkConversationsReadRequest {
        conversation_ids: Vec::new(),
        all: true,
        filter: Some(filter()),
        ..read.clone()
    };
    let pin = PinConversationsRequest {
        user_id: user(),
        conversation_ids: ids(),
        pinned: true,
        request_id: request_id(),
        client_id: client(),
    };
    let mute = MuteConversationsRequest {
        user_id: user(),
        conversation_ids: ids(),
        muted: true,
        request_id: request_id(),
        client_id: client(),
    };
    let mark = MarkConversationsRequest {
        user_id: user(),
        conversation_ids: ids(),
        add_marks: 1 << 40,
        remove_marks: 4,
        request_id: request_id(),
        client_id: client(),
    };
    let custom = SetCustomDataRequest {
        user_id: user(),
        conversation_ids: ids(),
        custom_data: b"{}".to_vec(),
        request_id: request_id(),
        client_id: client(),
    };
    vec![
        seed("MarkConversationsRead", "", &read),
        seed("MarkConversationsRead", ".all", &read_all),
        seed("PinConversations", "", &pin),
        seed("MuteConversations", "", &mute),
        seed("MarkConversations", "", &mark),
        seed("SetCustomData", "", &custom),
    ]
}

fn folders() -> Vec<Seed> {
    let create = CreateFolderRequest {
        user_id: user(),
        name: name(),
        conversation_ids: ids(),
        request_id: request_id(),
        client_id: client(),
    };
    let delete = DeleteFolderRequest {
        user_id: user(),
        name: name(),
        request_id: request_id(),
        client_id: client(),
    };
    let rename = RenameFolderRequest {
        user_id: user(),
        name: name(),
        new_name: "home".to_owned(),
        request_id: request_id(),
        client_id: client(),
    };
    let add = AddToFolderRequest {
        user_id: user(),
        name: name(),
        conversation_ids: ids(),
        request_id: request_id(),
        client_id: client(),
    };
    let remove = RemoveFromFolderRequest {
        user_id: user(),
        name: name(),
        conversation_ids: ids(),
        request_id: request_id(),
        client_id: client(),
    };
    let list = ListFoldersRequest { user_id: user() };
    vec![
        seed("CreateFolder", "", &create),
        seed("DeleteFolder", "", &delete),
        seed("RenameFolder", "", &rename),
        seed("AddToFolder", "", &add),
        seed("RemoveFromFolder", "", &remove),
        seed("ListFolders", "", &list),
    ]
}

fn feeding() -> Vec<Seed> {
    let users = || vec![user(), "bob".to_owned()];
    let join = AddGroupMembersRequest {
        group_id: "friends".to_owned(),
        user_ids: users(),
        request_id: request_id(),
    };
    let leave = RemoveGroupMembersRequest {
        group_id: "friends".to_owned(),
        user_ids: users(),
        request_id: request_id(),
    };
    let send = SendMessageRequest {
        sender_user_id: user(),
        conversation_id: Some(c2c()),
        body: Some(text()),
        client_message_id: "m1".to_owned(),
    };
    let payload = Payload {
        r#type: "image/png".to_owned(),
        data: vec![0x89, b'P', b'N', b'G'],
    };
    let send_system = SendSystemMessageRequest {
        user_ids: users(),
        body: Some(MessageBody {
            content: Some(Content::Payload(payload)),
        }),
        client_message_id: "m2".to_owned(),
    };
    let list = ListMessagesRequest {
        user_id: user(),
        conversation_id: Some(c2c()),
        page_size: 50,
        page_token: String::new(),
    };
    vec![
        seed("AddGroupMembers", "", &join),
        seed("RemoveGroupMembers", "", &leave),
        seed("SendMessage", "", &send),
        seed("SendSystemMessage", "", &send_system),
        seed("ListMessages", "", &list),
    ]
}
