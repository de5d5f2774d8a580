//! Requests that must be refused, each for one reason, and what the refusal must say.

use conversation_service::proto::{
    ConversationId, DeleteConversationsRequest, ListConversationsRequest, ListFilter, MessageBody,
    SeenThrough, SendMessageRequest,
};
use proptest::{
    prelude::{Strategy, prop_oneof},
    sample::select,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::operation::{Target, target, targets, user};
use crate::{
    model::compare::{Difference, same},
    support::{
        client::Client,
        errors::{reason, violated},
        ids::{c2c, group, system, text},
    },
};

/// A request that is valid but for one thing.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    Delete {
        user: &'static str,
        targets: Vec<Target>,
        wrong: WrongDeletion,
    },
    Send {
        from: &'static str,
        wrong: WrongMessage,
    },
    List {
        user: &'static str,
        wrong: WrongList,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum WrongDeletion {
    NoUser,
    NoConversation,
    TooManyConversations,
    Duplicate,
    UnsetId,
    EmptyUserId,
    SpaceAroundUserId,
    ControlCharacterInGroupId,
    LongGroupId,
    RequestIdIsNoUuid,
    LongClientId,
    SeenUnrelated(Target),
    SeenTwice,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum WrongMessage {
    ToSystem,
    NoBody,
    LongBody,
    NoConversation,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum WrongList {
    PageSize(i32),
    UnknownType,
    TwoMarks,
    Token,
}

impl Fault {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let deletion = prop_oneof![
            12 => select(&[
                WrongDeletion::NoUser,
                WrongDeletion::NoConversation,
                WrongDeletion::TooManyConversations,
                WrongDeletion::Duplicate,
                WrongDeletion::UnsetId,
                WrongDeletion::EmptyUserId,
                WrongDeletion::SpaceAroundUserId,
                WrongDeletion::ControlCharacterInGroupId,
                WrongDeletion::LongGroupId,
                WrongDeletion::RequestIdIsNoUuid,
                WrongDeletion::LongClientId,
                WrongDeletion::SeenTwice,
            ]),
            1 => target().prop_map(WrongDeletion::SeenUnrelated),
        ];
        let message = select(&[
            WrongMessage::ToSystem,
            WrongMessage::NoBody,
            WrongMessage::LongBody,
            WrongMessage::NoConversation,
        ]);
        let list = select(&[
            WrongList::PageSize(-1),
            WrongList::PageSize(501),
            WrongList::UnknownType,
            WrongList::TwoMarks,
            WrongList::Token,
        ]);
        prop_oneof![
            3 => (user(), targets(), deletion)
                .prop_map(|(user, targets, wrong)| Self::Delete { user, targets, wrong }),
            1 => (user(), message).prop_map(|(from, wrong)| Self::Send { from, wrong }),
            1 => (user(), list).prop_map(|(user, wrong)| Self::List { user, wrong }),
        ]
    }

    /// Asks, and checks the refusal. That nothing has changed, the comparisons afterwards show.
    pub(super) async fn commit(&self, client: &Client) -> Result<(), Difference> {
        match self {
            Self::Delete {
                user,
                targets,
                wrong,
            } => {
                let Some((request, path)) = wrong.request(user, targets) else {
                    return Ok(());
                };
                let response = client
                    .conversations
                    .clone()
                    .delete_conversations(request)
                    .await;
                is_refused(response, "INVALID_REQUEST", &path)
            }
            Self::Send { from, wrong } => {
                let (request, path) = wrong.request(from);
                let response = client.messages.clone().send_message(request).await;
                is_refused(response, "INVALID_REQUEST", path)
            }
            Self::List { user, wrong } => {
                let (request, path) = wrong.request(user);
                let response = client
                    .conversations
                    .clone()
                    .list_conversations(request)
                    .await;
                is_refused(response, "INVALID_REQUEST", path)
            }
        }
    }
}

/// Checks code, reason and domain, and that the only violation is at `path` or within it.
pub(super) fn is_refused<T>(
    response: Result<T, Status>,
    reason: &str,
    path: &str,
) -> Result<(), Difference> {
    let Err(status) = response else {
        return Err(format!("accepted in spite of {path}"));
    };
    let details = status.get_error_details();
    let info = details
        .error_info()
        .map(|info| (info.reason.as_str(), info.domain.as_str()));
    let expected = (Code::InvalidArgument, Some((reason, "conversation.v1")));
    same(("refusal", path), &(status.code(), info), &expected)?;
    match violated(&status).as_slice() {
        [violated] if violated.starts_with(path) => Ok(()),
        others => Err(format!("{others:?} instead of one violation at {path}")),
    }
}

/// Checks that a message was refused because its sender is not in the group.
pub(super) fn is_no_member(status: &Status) -> Result<(), Difference> {
    let actual = (status.code(), reason(status));
    same(
        "refusal",
        &actual,
        &(Code::FailedPrecondition, "NOT_A_GROUP_MEMBER".to_owned()),
    )
}

impl WrongDeletion {
    /// The request and where it is wrong; `None` if it happens to be right.
    fn request(
        self,
        user: &str,
        targets: &[Target],
    ) -> Option<(DeleteConversationsRequest, String)> {
        let mut request = DeleteConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids: targets.iter().map(|target| target.id()).collect(),
            ..DeleteConversationsRequest::default()
        };
        let next = format!("conversation_ids[{}]", targets.len());
        let ids = &mut request.conversation_ids;
        let seen = |target: ConversationId| SeenThrough {
            conversation_id: Some(target),
            seq: 1,
        };
        let path = match self {
            Self::NoUser => {
                request.user_id.clear();
                "user_id".to_owned()
            }
            Self::NoConversation => {
                ids.clear();
                "conversation_ids".to_owned()
            }
            Self::TooManyConversations => {
                ids.extend((0..101 - targets.len()).map(|number| c2c(format!("extra {number}"))));
                "conversation_ids".to_owned()
            }
            Self::Duplicate => {
                ids.push(targets[0].id());
                next
            }
            Self::UnsetId => {
                ids.push(ConversationId::default());
                next
            }
            Self::EmptyUserId => {
                ids.push(c2c(""));
                format!("{next}.c2c_user_id")
            }
            Self::SpaceAroundUserId => {
                ids.push(c2c("alice "));
                format!("{next}.c2c_user_id")
            }
            Self::ControlCharacterInGroupId => {
                ids.push(group("a\u{0}b"));
                format!("{next}.group_id")
            }
            Self::LongGroupId => {
                ids.push(group("é".repeat(64) + "x"));
                format!("{next}.group_id")
            }
            Self::RequestIdIsNoUuid => {
                "the first".clone_into(&mut request.request_id);
                "request_id".to_owned()
            }
            Self::LongClientId => {
                request.client_id = "x".repeat(129);
                "client_id".to_owned()
            }
            Self::SeenUnrelated(target) => {
                if targets.contains(&target) {
                    return None;
                }
                request.seen_through = vec![seen(target.id())];
                "seen_through[0]".to_owned()
            }
            Self::SeenTwice => {
                request.seen_through = vec![seen(targets[0].id()), seen(targets[0].id())];
                "seen_through[1]".to_owned()
            }
        };
        Some((request, path))
    }
}

impl WrongMessage {
    fn request(self, from: &str) -> (SendMessageRequest, &'static str) {
        let mut request = SendMessageRequest {
            sender_user_id: from.to_owned(),
            conversation_id: Some(c2c("alice")),
            body: Some(text("hi")),
            client_message_id: String::new(),
        };
        let path = match self {
            Self::ToSystem => {
                request.conversation_id = Some(system());
                "conversation_id"
            }
            Self::NoBody => {
                request.body = Some(MessageBody::default());
                "body"
            }
            Self::LongBody => {
                request.body = Some(text("x".repeat(12 * 1024 + 1)));
                "body"
            }
            Self::NoConversation => {
                request.conversation_id = None;
                "conversation_id"
            }
        };
        (request, path)
    }
}

impl WrongList {
    fn request(self, user: &str) -> (ListConversationsRequest, &'static str) {
        let mut request = ListConversationsRequest {
            user_id: user.to_owned(),
            ..ListConversationsRequest::default()
        };
        let mut filter = ListFilter::default();
        let path = match self {
            Self::PageSize(size) => {
                request.page_size = size;
                "page_size"
            }
            Self::UnknownType => {
                filter.types = vec![1, 99];
                "filter.types[1]"
            }
            Self::TwoMarks => {
                filter.mark = 3;
                "filter.mark"
            }
            Self::Token => {
                "next, please".clone_into(&mut request.page_token);
                "page_token"
            }
        };
        request.filter = Some(filter);
        (request, path)
    }
}
