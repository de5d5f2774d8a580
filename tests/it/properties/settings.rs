//! Changes of what a user has set on conversations, and how they are drawn.

use conversation_service::proto::{
    ConversationId, MarkConversationsReadRequest, MarkConversationsRequest,
    MuteConversationsRequest, PinConversationsRequest, SetCustomDataRequest,
};
use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::{Index, select},
};

use super::{
    filter::Filter,
    operation::{Target, Victim, ids, targets, victims},
    requests::{Request, seen, uuid},
};
use crate::{model::Model, support::ids::system};

/// The named marks, and the lowest and the highest of the product's own with one between them.
pub(super) const MARKS: [u64; 7] = [1, 2, 4, 8, 1 << 32, 1 << 40, 1 << 63];

#[derive(Clone, Debug)]
pub(super) enum Setting {
    Read(Vec<Victim>),
    /// All that is unread, and mostly that a filter leaves; the victims are what the user says to have seen.
    ReadAll(Vec<Victim>, Option<Filter>),
    Pin(Vec<Target>, bool),
    /// So many of the user's list, from one of its entries on.
    PinListed(Index, usize, bool),
    Mute(Vec<Target>, bool),
    Mark {
        targets: Vec<Target>,
        add: u64,
        remove: u64,
    },
    /// A byte, and how often the data repeats it.
    CustomData(Vec<Target>, (u8, usize)),
}

impl Setting {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let mostly = || prop_oneof![3 => Just(true), 1 => Just(false)];
        prop_oneof![
            4 => victims().prop_map(Self::Read),
            2 => (victims(), option::weighted(0.6, Filter::any()))
                .prop_map(|(victims, filter)| Self::ReadAll(victims, filter)),
            3 => (targets(), mostly()).prop_map(|(targets, pinned)| Self::Pin(targets, pinned)),
            // Few at a time, so that there is often room for all of them.
            8 => (any::<Index>(), 1..3_usize, mostly())
                .prop_map(|(from, count, pinned)| Self::PinListed(from, count, pinned)),
            4 => (targets(), mostly()).prop_map(|(targets, muted)| Self::Mute(targets, muted)),
            4 => (targets(), marks()).prop_map(|(targets, (add, remove))| Self::Mark {
                targets,
                add,
                remove,
            }),
            3 => (targets(), custom_data()).prop_map(|(targets, data)| Self::CustomData(targets, data)),
        ]
    }

    /// How it is asked for.
    pub(super) fn request(&self, model: &Model, user: &str, name: Option<u8>) -> Request {
        let (user_id, request_id, client_id) = (user.to_owned(), uuid(name), String::new());
        match self {
            Self::Read(victims) => Request::Read(MarkConversationsReadRequest {
                user_id,
                conversation_ids: victims.iter().map(|(target, _)| target.id()).collect(),
                all: false,
                seen_through: seen(model, user, victims),
                request_id,
                client_id,
                filter: None,
            }),
            Self::ReadAll(victims, filter) => Request::Read(MarkConversationsReadRequest {
                user_id,
                conversation_ids: Vec::new(),
                all: true,
                seen_through: seen(model, user, victims),
                request_id,
                client_id,
                filter: filter.as_ref().map(|filter| filter.message(model.now)),
            }),
            Self::Pin(targets, pinned) => Request::Pin(PinConversationsRequest {
                user_id,
                conversation_ids: ids(targets),
                pinned: *pinned,
                request_id,
                client_id,
            }),
            Self::PinListed(from, count, pinned) => Request::Pin(PinConversationsRequest {
                user_id,
                conversation_ids: some_listed(model, user, *from, *count),
                pinned: *pinned,
                request_id,
                client_id,
            }),
            Self::Mute(targets, muted) => Request::Mute(MuteConversationsRequest {
                user_id,
                conversation_ids: ids(targets),
                muted: *muted,
                request_id,
                client_id,
            }),
            Self::Mark {
                targets,
                add,
                remove,
            } => Request::Mark(MarkConversationsRequest {
                user_id,
                conversation_ids: ids(targets),
                add_marks: *add,
                remove_marks: *remove,
                request_id,
                client_id,
            }),
            Self::CustomData(targets, (byte, times)) => {
                Request::SetCustomData(SetCustomDataRequest {
                    user_id,
                    conversation_ids: ids(targets),
                    custom_data: vec![*byte; *times],
                    request_id,
                    client_id,
                })
            }
        }
    }
}

/// Conversations of the user's list; one that is not there if the list is empty.
fn some_listed(model: &Model, user: &str, from: Index, count: usize) -> Vec<ConversationId> {
    let list: Vec<_> = model.list(user);
    let mut ids: Vec<_> = list
        .into_iter()
        .filter_map(|entry| entry.conversation_id)
        .collect();
    if ids.is_empty() {
        return vec![system()];
    }
    let from = from.index(ids.len());
    ids.drain(from..).take(count).collect()
}

/// Marks to put on and to take off: at least one, and none that is both.
fn marks() -> impl Strategy<Value = (u64, u64)> {
    let mark = (select(&MARKS), any::<bool>());
    vec(mark, 1..4).prop_map(|marks| {
        let mut change = (0, 0);
        for (mark, is_put_on) in marks {
            if (change.0 | change.1) & mark == 0 {
                *(if is_put_on {
                    &mut change.0
                } else {
                    &mut change.1
                }) |= mark;
            }
        }
        change
    })
}

/// Few, so that the same is set again, and odd.
fn custom_data() -> impl Strategy<Value = (u8, usize)> {
    select(&[(b'x', 0), (0, 1), (b'\'', 3), (0xff, 256)])
}
