//! What a client knows of its user's list, and that the server says the same.

use std::collections::BTreeMap;

use conversation_service::proto::{
    Conversation, ConversationId, WatchConversationsResponse, change::Kind,
};

use super::{conversations, shared_name};
use crate::support::client::Listing;

/// The watermarks of all conversations of a user, as far as they can be told from outside.
pub(super) struct Copy {
    user: &'static str,
    /// Everything up to here is in it.
    pub(super) revision: u64,
    /// Hidden through and cleared through.
    marks: Vec<(ConversationId, u64, u64)>,
}

impl Copy {
    /// Made from a list that was read while nobody wrote.
    pub(super) fn of(user: &'static str, list: &Listing, heads: &BTreeMap<String, u64>) -> Self {
        let marks = conversations(user).into_iter().map(|id| {
            let (hidden, cleared) = match entry(list, &id) {
                // What was cleared is below the last message, or everything.
                Some(entry) if entry.last_message.is_some() => (0, 0),
                Some(entry) => (0, entry.last_seq),
                None => (head(user, &id, heads), 0),
            };
            (id, hidden, cleared)
        });
        Self {
            user,
            revision: list.revision,
            marks: marks.collect(),
        }
    }

    /// Takes a change in.
    pub(super) fn apply(&mut self, event: &WatchConversationsResponse) {
        let change = event.change.clone().and_then(|change| change.kind);
        let changed = match change.expect("a change, no bookmark") {
            Kind::ConversationsDeleted(deleted) => deleted.conversations,
            Kind::HistoryCleared(cleared) => cleared.conversations,
            Kind::ConversationsRestored(restored) => restored.conversations,
            other => panic!("nobody changes that: {other:?}"),
        };
        for watermarks in changed {
            let of = |(id, ..): &&mut (ConversationId, u64, u64)| {
                Some(id) == watermarks.conversation_id.as_ref()
            };
            let known = self.marks.iter_mut().find(of);
            let (_, hidden, cleared) = known.expect("nobody else writes to the user");
            (*hidden, *cleared) = (watermarks.hidden_through, watermarks.cleared_through);
        }
        self.revision = event.revision;
    }

    /// That a list of this revision says the same. Its heads are those that it shows; of what it does
    /// not show, that nothing newer was stored `before` it was asked for.
    pub(super) fn agrees_with(&self, list: &Listing, before: &BTreeMap<String, u64>) {
        for (id, hidden, cleared) in &self.marks {
            let at = format!("{id:?} of {} at {}", self.user, list.revision);
            if let Some(entry) = entry(list, id) {
                assert!(
                    entry.last_seq > *hidden,
                    "{at}: listed, hidden through {hidden}"
                );
                let readable = entry.last_message.is_some();
                assert_eq!(readable, entry.last_seq > *cleared, "{at}: the history");
            } else {
                let head = head(self.user, id, before);
                assert!(
                    head <= *hidden,
                    "{at}: {head} is not listed, hidden through {hidden}"
                );
            }
        }
    }

    /// That a list which was read while nobody wrote is exactly what this copy says.
    pub(super) fn is(&self, list: &Listing, heads: &BTreeMap<String, u64>) {
        assert_eq!(self.revision, list.revision);
        let mut expected: Vec<_> = self
            .marks
            .iter()
            .map(|(id, hidden, cleared)| (id, head(self.user, id, heads), *hidden, *cleared))
            .filter(|(_, head, hidden, _)| head > hidden)
            .map(|(id, head, _, cleared)| (format!("{id:?}"), head, head > cleared))
            .collect();
        let entries = list.conversations.iter();
        let mut listed: Vec<_> = entries
            .map(|entry| {
                let id = entry.conversation_id.as_ref().expect("an entry has an ID");
                (
                    format!("{id:?}"),
                    entry.last_seq,
                    entry.last_message.is_some(),
                )
            })
            .collect();
        expected.sort();
        listed.sort();
        assert_eq!(listed, expected, "the list of {}", self.user);
    }
}

fn entry<'a>(list: &'a Listing, id: &ConversationId) -> Option<&'a Conversation> {
    let mut entries = list.conversations.iter();
    entries.find(|entry| entry.conversation_id.as_ref() == Some(id))
}

fn head(user: &str, id: &ConversationId, heads: &BTreeMap<String, u64>) -> u64 {
    heads.get(&shared_name(user, id)).copied().unwrap_or(0)
}
