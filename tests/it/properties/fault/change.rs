//! The faults that any change can have: who asks, under which name, and what about.

use conversation_service::proto::{ConversationId, SeenThrough};
use proptest::{
    prelude::{Strategy, prop_oneof},
    sample::select,
};

use crate::{
    model::{How, Model},
    properties::{
        folders::Filing,
        operation::{Target, Victim, target, victims},
        requests::{Fields, Request, clearing, deletion},
        settings::Setting,
    },
    support::ids::{c2c, group},
};

/// A change that could be asked for.
#[derive(Clone, Debug)]
pub(in crate::properties) enum Asked {
    Delete(Vec<Victim>),
    Clear(Vec<Victim>),
    Set(Setting),
    File(Filing),
}

#[derive(Clone, Copy, Debug)]
pub(in crate::properties) enum WrongChange {
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

impl Asked {
    pub(in crate::properties) fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            2 => victims().prop_map(Self::Delete),
            1 => victims().prop_map(Self::Clear),
            4 => Setting::any().prop_map(Self::Set),
            3 => Filing::any().prop_map(Self::File),
        ]
    }

    pub(in crate::properties) fn request(&self, model: &Model, user: &str) -> Request {
        match self {
            Self::Delete(victims) => deletion(model, user, victims, None, How::default(), None),
            Self::Clear(victims) => clearing(model, user, victims, None),
            Self::Set(setting) => setting.request(model, user, None),
            Self::File(filing) => filing.request(model, user, None),
        }
    }
}

impl WrongChange {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            12 => select(&[
                Self::NoUser,
                Self::NoConversation,
                Self::TooManyConversations,
                Self::Duplicate,
                Self::UnsetId,
                Self::EmptyUserId,
                Self::SpaceAroundUserId,
                Self::ControlCharacterInGroupId,
                Self::LongGroupId,
                Self::RequestIdIsNoUuid,
                Self::LongClientId,
                Self::SeenTwice,
            ]),
            1 => target().prop_map(Self::SeenUnrelated),
        ]
    }

    /// The request with this fault, and where it is; `None` if that is not wrong with this request.
    pub(super) fn request(self, mut request: Request) -> Option<(Request, String)> {
        let is_about_all = request.is_about_all();
        let may_be_empty = matches!(request, Request::CreateFolder(_)) || is_about_all;
        let Fields {
            user,
            name,
            client,
            conversations,
            seen,
        } = request.fields();
        let path = match self {
            Self::NoUser => {
                user.clear();
                "user_id".to_owned()
            }
            Self::RequestIdIsNoUuid => {
                "the first".clone_into(name);
                "request_id".to_owned()
            }
            Self::LongClientId => {
                *client = "x".repeat(129);
                "client_id".to_owned()
            }
            Self::SeenUnrelated(target) => {
                if is_about_all || conversations?.contains(&target.id()) {
                    return None;
                }
                *seen? = vec![seen_through(target.id())];
                "seen_through[0]".to_owned()
            }
            Self::SeenTwice => {
                let first = conversations?.first().cloned();
                let one = seen_through(first.unwrap_or_else(|| c2c("alice")));
                *seen? = vec![one.clone(), one];
                "seen_through[1]".to_owned()
            }
            Self::NoConversation => {
                if may_be_empty {
                    return None;
                }
                conversations?.clear();
                seen.into_iter().for_each(Vec::clear);
                "conversation_ids".to_owned()
            }
            Self::TooManyConversations => {
                let ids = conversations.filter(|_| !is_about_all)?;
                ids.extend((0..101 - ids.len()).map(|number| c2c(format!("extra {number}"))));
                "conversation_ids".to_owned()
            }
            Self::Duplicate
            | Self::UnsetId
            | Self::EmptyUserId
            | Self::SpaceAroundUserId
            | Self::ControlCharacterInGroupId
            | Self::LongGroupId => {
                let ids = conversations.filter(|_| !is_about_all)?;
                let path = format!("conversation_ids[{}]", ids.len());
                let (id, field) = self.wrong_id(ids)?;
                ids.push(id);
                path + field
            }
        };
        Some((request, path))
    }

    /// An ID that must not follow these IDs, and the field in it that is wrong.
    fn wrong_id(self, ids: &[ConversationId]) -> Option<(ConversationId, &'static str)> {
        Some(match self {
            Self::Duplicate => (ids.first()?.clone(), ""),
            Self::UnsetId => (ConversationId::default(), ""),
            Self::EmptyUserId => (c2c(""), ".c2c_user_id"),
            Self::SpaceAroundUserId => (c2c("alice "), ".c2c_user_id"),
            Self::ControlCharacterInGroupId => (group("a\u{0}b"), ".group_id"),
            Self::LongGroupId => (group("é".repeat(64) + "x"), ".group_id"),
            _ => return None,
        })
    }
}

fn seen_through(conversation: ConversationId) -> SeenThrough {
    SeenThrough {
        conversation_id: Some(conversation),
        seq: 1,
    }
}
