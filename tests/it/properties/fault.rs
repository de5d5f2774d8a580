//! Requests that must be refused, each for one reason, and what the refusal must say.

mod change;
mod setting;

use conversation_service::proto::{
    GetUnreadCountRequest, ListConversationsRequest, ListFilter, MessageBody, SendMessageRequest,
};
use proptest::{
    prelude::{Just, Strategy, prop_oneof},
    sample::select,
};
use prost_types::Timestamp;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::operation::{Target, targets, user};
use crate::{
    model::{
        Model,
        compare::{Difference, same},
    },
    support::{
        client::Client,
        errors::{reason, violated},
        ids::{c2c, system, text},
    },
};
pub(super) use change::Asked;
use change::WrongChange;
use setting::WrongSetting;

/// A request that is valid but for one thing.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// A fault that all changes can have, or most.
    Change {
        user: &'static str,
        asked: Asked,
        wrong: WrongChange,
    },
    /// A fault that one kind of change can have.
    Setting {
        user: &'static str,
        targets: Vec<Target>,
        wrong: WrongSetting,
    },
    Send {
        from: &'static str,
        wrong: WrongMessage,
    },
    List {
        user: &'static str,
        wrong: WrongList,
    },
    CountUnread {
        user: &'static str,
        wrong: WrongFilter,
    },
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
    Filter(WrongFilter),
    Token,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum WrongFilter {
    UnknownType,
    TwoMarks,
    UnknownMark,
    LongFolder,
    UnknownMarks,
    UnknownMembership,
    NoTime,
}

impl Fault {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let message = select(&[
            WrongMessage::ToSystem,
            WrongMessage::NoBody,
            WrongMessage::LongBody,
            WrongMessage::NoConversation,
        ]);
        let filter = select(&[
            WrongFilter::UnknownType,
            WrongFilter::TwoMarks,
            WrongFilter::UnknownMark,
            WrongFilter::LongFolder,
            WrongFilter::UnknownMarks,
            WrongFilter::UnknownMembership,
            WrongFilter::NoTime,
        ]);
        let list = prop_oneof![
            Just(WrongList::PageSize(-1)),
            Just(WrongList::PageSize(501)),
            Just(WrongList::Token),
            filter.clone().prop_map(WrongList::Filter),
        ];
        prop_oneof![
            6 => (user(), Asked::any(), WrongChange::any())
                .prop_map(|(user, asked, wrong)| Self::Change { user, asked, wrong }),
            3 => (user(), targets(), WrongSetting::any())
                .prop_map(|(user, targets, wrong)| Self::Setting { user, targets, wrong }),
            1 => (user(), message).prop_map(|(from, wrong)| Self::Send { from, wrong }),
            1 => (user(), list).prop_map(|(user, wrong)| Self::List { user, wrong }),
            1 => (user(), filter).prop_map(|(user, wrong)| Self::CountUnread { user, wrong }),
        ]
    }

    /// Asks, and checks the refusal. That nothing has changed, the comparisons afterwards show.
    pub(super) async fn commit(&self, client: &Client, model: &Model) -> Result<(), Difference> {
        match self {
            Self::Change { user, asked, wrong } => {
                let Some((request, path)) = wrong.request(asked.request(model, user)) else {
                    return Ok(());
                };
                is_refused(request.send(client).await, "INVALID_REQUEST", &path)
            }
            Self::Setting {
                user,
                targets,
                wrong,
            } => {
                let (request, path) = wrong.request(user, targets);
                is_refused(request.send(client).await, "INVALID_REQUEST", path)
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
            Self::CountUnread { user, wrong } => {
                let (filter, path) = wrong.filter();
                let request = GetUnreadCountRequest {
                    user_id: (*user).to_owned(),
                    filter: Some(filter),
                };
                let response = client.conversations.clone().get_unread_count(request).await;
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
        let path = match self {
            Self::PageSize(size) => {
                request.page_size = size;
                "page_size"
            }
            Self::Filter(wrong) => {
                let (filter, path) = wrong.filter();
                request.filter = Some(filter);
                path
            }
            Self::Token => {
                "next, please".clone_into(&mut request.page_token);
                "page_token"
            }
        };
        (request, path)
    }
}

impl WrongFilter {
    fn filter(self) -> (ListFilter, &'static str) {
        let mut filter = ListFilter::default();
        let path = match self {
            Self::UnknownType => {
                filter.types = vec![1, 99];
                "filter.types[1]"
            }
            Self::TwoMarks => {
                filter.mark = 3;
                "filter.mark"
            }
            Self::UnknownMark => {
                filter.mark = 1 << 31;
                "filter.mark"
            }
            Self::LongFolder => {
                filter.folder = "x".repeat(33);
                "filter.folder"
            }
            Self::UnknownMarks => {
                filter.without_marks = 1 << 31 | 1;
                "filter.without_marks"
            }
            Self::UnknownMembership => {
                filter.membership = 3;
                "filter.membership"
            }
            Self::NoTime => {
                filter.active_since = Some(Timestamp {
                    seconds: 0,
                    nanos: -1,
                });
                "filter.active_since"
            }
        };
        (filter, path)
    }
}
