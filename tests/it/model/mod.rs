//! The answers that the service must give, from a program that is too simple to be wrong.
//!
//! The model is written from the contract alone and shares nothing with the service but the protocol's
//! message types. It keeps every message of every conversation in a plain vector and derives every
//! answer from the rules, each time again. It is told when the service stored a message, which is the
//! only thing that it cannot know.
//!
//! Every test that needs all of the rules asks this model: `replay`, `properties`, `history`,
//! `conformance::sequences` and `concurrency::limits`. Three others look alike and are something else.
//! `convergence::copy` applies events, as a client does. The users in `erasure::traffic` know only what each of
//! them was told. `tests/protocol` has the steps within a call, in every order.
//!
//! Requests are taken to be valid; what refuses them is tested elsewhere. The exceptions are those
//! that depend on what was before: membership of a group, folders, and the room for pins and in folders.

pub(crate) mod compare;
mod folders;
mod hindsight;
mod listing;
mod matching;
mod past;
mod settings;
mod tests;
mod trash;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use conversation_service::proto::{
    ConversationId, DeletionResult, Message, MessageBody, SystemConversation, conversation_id::Id,
};
use prost_types::Timestamp;

pub(crate) use folders::NotFiled;
use folders::Shelf;
pub(crate) use hindsight::shared_name;
pub(crate) use matching::{NotPlanned, restated};
use past::{Change, Kind};
pub(crate) use past::{NotRestored, Policy, Removed};
pub(crate) use settings::TooManyPins;
use view::View;
pub(crate) use view::{How, Taking};

/// A conversation, named the same for all who are in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// Two users, in byte order.
    C2c(String, String),
    Group(String),
    /// The user whom the notifications are for.
    System(String),
}

/// A message as it was stored; its sequence number is its position, counted from 1.
#[derive(Clone, Debug)]
struct Stored {
    sender: String,
    send_time: Timestamp,
    body: MessageBody,
}

/// The sender is not in the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAMember;

/// All that the service knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// Shared with its clones, because there are many.
    messages: Arc<BTreeMap<Key, Vec<Stored>>>,
    /// How far conversations have gone, where that is not as far as there are messages.
    heads: BTreeMap<Key, u64>,
    views: BTreeMap<(String, Key), View>,
    /// Every user's folders, oldest first.
    shelves: BTreeMap<String, Vec<Shelf>>,
    revisions: BTreeMap<String, u64>,
    /// The present settings of the deployment, which may change.
    pub(crate) policy: Policy,
    /// The time, in microseconds. It is told, too.
    pub(crate) now: i64,
    /// Changes by user and revision, as long as they are remembered.
    past: BTreeMap<(String, u64), Change>,
    /// Groups that somebody has joined again, and when.
    rejoined: BTreeMap<Key, i64>,
    /// Messages that are gone.
    erased: BTreeSet<(Key, u64)>,
    /// The looks that were answered, by their plans.
    plans: BTreeMap<String, matching::Plan>,
}

impl Model {
    /// A user sends a message to a one-to-one or group conversation.
    pub(crate) fn send(
        &mut self,
        sender: &str,
        conversation: &ConversationId,
        body: MessageBody,
        send_time: Timestamp,
    ) -> Result<Message, NotAMember> {
        let key = key(sender, conversation);
        match &key {
            Key::C2c(one, other) => {
                self.view(one, &key).begin(0);
                self.view(other, &key).begin(0);
            }
            Key::Group(_) if !self.view(sender, &key).is_member() => return Err(NotAMember),
            Key::Group(_) => {}
            Key::System(_) => panic!("a user does not send system messages"),
        }
        let seq = self.store(&key, sender, body, send_time);
        self.view(sender, &key).sent(seq);
        Ok(self.message(sender, &key, seq))
    }

    /// The product sends a system message to a user.
    pub(crate) fn send_system(
        &mut self,
        user: &str,
        body: MessageBody,
        send_time: Timestamp,
    ) -> Message {
        let key = Key::System(user.to_owned());
        self.view(user, &key).begin(0);
        let seq = self.store(&key, "", body, send_time);
        self.message(user, &key, seq)
    }

    /// Adds users to a group, a change of each who was not in it; returns how many were not.
    pub(crate) fn join<'a>(
        &mut self,
        group: &str,
        users: impl IntoIterator<Item = &'a str>,
    ) -> usize {
        let key = Key::Group(group.to_owned());
        let head = self.head(&key);
        let mut begun = 0;
        for user in users {
            let view = self.view(user, &key);
            if view.begin(head) {
                begun += 1;
                // Messages that they have lost sight of may now be visible to nobody.
                if view.ever_reached(head) {
                    self.rejoined.insert(key.clone(), self.now);
                }
                self.record(user, Kind::Plain, None);
            }
        }
        begun
    }

    /// Removes users from a group, a change of each who was in it; returns how many were.
    pub(crate) fn leave<'a>(
        &mut self,
        group: &str,
        users: impl IntoIterator<Item = &'a str>,
    ) -> usize {
        let key = Key::Group(group.to_owned());
        let head = self.head(&key);
        let mut ended = 0;
        for user in users {
            if self.view(user, &key).end(head) {
                ended += 1;
                self.record(user, Kind::Plain, None);
            }
        }
        ended
    }

    /// Deletes conversations from a user's list, as far as `seen` says where it says something.
    pub(crate) fn delete(
        &mut self,
        user: &str,
        conversations: &[ConversationId],
        clear: bool,
        seen: &[(ConversationId, u64)],
    ) -> Vec<DeletionResult> {
        let taking = if clear {
            Taking::EntryAndHistory
        } else {
            Taking::Entry
        };
        self.take(user, conversations, taking, How::default(), seen)
    }

    /// Takes something from conversations, as far as `seen` says where it says something.
    pub(crate) fn take(
        &mut self,
        user: &str,
        conversations: &[ConversationId],
        taking: Taking,
        how: How,
        seen: &[(ConversationId, u64)],
    ) -> Vec<DeletionResult> {
        self.take_unless(user, conversations, taking, how, seen, &[])
    }

    /// The same, but those that have changed are left alone.
    fn take_unless(
        &mut self,
        user: &str,
        conversations: &[ConversationId],
        taking: Taking,
        how: How,
        seen: &[(ConversationId, u64)],
        changed: &[ConversationId],
    ) -> Vec<DeletionResult> {
        let by = self.revision(user) + 1;
        let mut took = Vec::new();
        let mut results = Vec::new();
        for id in conversations {
            let key = key(user, id);
            let head = self.head(&key);
            let seen = seen.iter().find(|(seen, _)| seen == id);
            // A user has few folders: those are taken out first and put back if nothing is forgotten.
            let places = if how.forget {
                self.unfile(user, &key)
            } else {
                Vec::new()
            };
            let mut is_unfiled = false;
            let view = self.view(user, &key);
            let (outcome, something) = if changed.contains(id) {
                (view.left_alone(head), false)
            } else {
                view.take(by, taking, how, head, seen.map(|(_, seq)| *seq), || {
                    is_unfiled = true;
                    places.clone()
                })
            };
            took.push((id.clone(), something));
            results.push(DeletionResult {
                conversation_id: Some(id.clone()),
                outcome: outcome.into(),
                hidden_through: view.hidden_through,
                cleared_through: view.cleared_through,
            });
            if !is_unfiled {
                self.put_back(user, &key, &places);
            }
        }
        let window = i64::try_from(self.policy.window.as_micros()).unwrap_or(i64::MAX);
        let until = (window > 0).then(|| self.now.saturating_add(window));
        let due = (taking != Taking::Entry).then_some(until.unwrap_or(self.now));
        let conversations = took;
        self.record(
            user,
            Kind::Taken {
                taking,
                how,
                until,
                conversations,
            },
            due,
        );
        results
    }

    /// How many changes the user has made.
    pub(crate) fn revision(&self, user: &str) -> u64 {
        self.revisions.get(user).copied().unwrap_or_default()
    }

    /// The messages of a conversation that the user can still read, newest first.
    pub(crate) fn history(&self, user: &str, conversation: &ConversationId) -> Vec<Message> {
        let key = key(user, conversation);
        let Some(view) = self.views.get(&(user.to_owned(), key.clone())) else {
            return Vec::new();
        };
        let visible = view.visible(self.head(&key));
        visible
            .rev()
            .map(|seq| self.message(user, &key, seq))
            .collect()
    }

    /// The highest sequence number that has reached the user; 0 if none ever did.
    pub(crate) fn last_seq(&self, user: &str, conversation: &ConversationId) -> u64 {
        let key = key(user, conversation);
        self.views
            .get(&(user.to_owned(), key.clone()))
            .map_or(0, |view| view.last(self.head(&key)))
    }

    /// Whether the user is in the group now.
    pub(crate) fn is_member(&self, user: &str, group: &str) -> bool {
        self.views
            .get(&(user.to_owned(), Key::Group(group.to_owned())))
            .is_some_and(View::is_member)
    }

    /// Everybody who has a conversation or has asked for a change.
    pub(crate) fn users(&self) -> BTreeSet<String> {
        let with_views = self.views.keys().map(|(user, _)| user.clone());
        with_views.chain(self.revisions.keys().cloned()).collect()
    }

    /// Every conversation that the user has a part in, listed or not.
    pub(crate) fn conversations_of(&self, user: &str) -> Vec<ConversationId> {
        self.keys_of(user).map(|key| id(user, key)).collect()
    }

    fn keys_of(&self, user: &str) -> impl Iterator<Item = &Key> {
        self.views
            .keys()
            .filter(move |(owner, _)| owner == user)
            .map(|(_, key)| key)
    }

    fn view(&mut self, user: &str, key: &Key) -> &mut View {
        self.views
            .entry((user.to_owned(), key.clone()))
            .or_default()
    }

    fn head(&self, key: &Key) -> u64 {
        let all = self.messages.get(key).map_or(0, Vec::len) as u64;
        self.heads.get(key).map_or(all, |head| *head)
    }

    fn store(&mut self, key: &Key, sender: &str, body: MessageBody, send_time: Timestamp) -> u64 {
        let messages = Arc::make_mut(&mut self.messages);
        let messages = messages.entry(key.clone()).or_default();
        if let Some(last) = messages.last() {
            let (last, this) = (last.send_time, send_time);
            assert!(
                (last.seconds, last.nanos) <= (this.seconds, this.nanos),
                "the times of {key:?} decrease from {last} to {this}"
            );
        }
        messages.push(Stored {
            sender: sender.to_owned(),
            send_time,
            body,
        });
        messages.len() as u64
    }

    fn message(&self, reader: &str, key: &Key, seq: u64) -> Message {
        let index = usize::try_from(seq - 1).expect("a test has few messages");
        let stored = &self.messages[key][index];
        Message {
            conversation_id: Some(id(reader, key)),
            seq,
            sender_user_id: stored.sender.clone(),
            send_time: Some(stored.send_time),
            body: Some(stored.body.clone()),
        }
    }
}

/// The conversation that `user` calls `id`.
fn key(user: &str, id: &ConversationId) -> Key {
    match id.id.as_ref().expect("a valid ID is set") {
        Id::C2cUserId(other) if user <= other.as_str() => Key::C2c(user.to_owned(), other.clone()),
        Id::C2cUserId(other) => Key::C2c(other.clone(), user.to_owned()),
        Id::GroupId(group) => Key::Group(group.clone()),
        Id::System(_) => Key::System(user.to_owned()),
        Id::Text(text) => key(user, &text.parse().expect("a valid ID is set")),
    }
}

/// The ID of the conversation for `user`.
fn id(user: &str, key: &Key) -> ConversationId {
    let id = match key {
        Key::C2c(one, other) if one == user => Id::C2cUserId(other.clone()),
        Key::C2c(one, _) => Id::C2cUserId(one.clone()),
        Key::Group(group) => Id::GroupId(group.clone()),
        Key::System(_) => Id::System(SystemConversation {}),
    };
    ConversationId { id: Some(id) }
}
