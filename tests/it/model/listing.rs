//! A user's overview: the list, in its order, and how much of it is unread.

use std::cmp::Reverse;

use conversation_service::proto::{
    Conversation, ConversationId, ConversationType, GetConversationsResponse,
    GetUnreadCountResponse, HiddenConversation, ListFilter, Membership, Reappearance,
    conversation_id::Id,
};
use prost_types::Timestamp;

use super::{Key, Model, id, key};

impl Model {
    /// The user's whole list.
    pub(crate) fn list(&self, user: &str) -> Vec<Conversation> {
        self.list_filtered(user, &ListFilter::default())
    }

    /// The part of the user's list that the filter keeps: pinned entries, the newest pin first, and then the
    /// rest, the latest active first.
    pub(crate) fn list_filtered(&self, user: &str, filter: &ListFilter) -> Vec<Conversation> {
        let mut list = self.by_activity(user, filter);
        list.sort_by_cached_key(|entry| {
            let id = entry.conversation_id.as_ref().expect("an entry has an ID");
            Reverse(self.views[&(user.to_owned(), key(user, id))].pinned_at)
        });
        list
    }

    /// The same as if nothing were pinned.
    pub(super) fn by_activity(&self, user: &str, filter: &ListFilter) -> Vec<Conversation> {
        let mut list: Vec<Conversation> = self
            .keys_of(user)
            .filter_map(|key| self.entry(user, key))
            .filter(|entry| passes(entry, filter))
            .collect();
        list.sort_by_cached_key(|entry| {
            let time = entry.update_time.expect("an entry has a time");
            let id = entry.conversation_id.as_ref().expect("an entry has an ID");
            (Reverse((time.seconds, time.nanos)), key(user, id).hash())
        });
        list
    }

    /// How much is unread in what the filter leaves of the user's list; what is muted has a count of its own,
    /// and system notifications do not count.
    pub(crate) fn unread_count(&self, user: &str, filter: &ListFilter) -> GetUnreadCountResponse {
        let mut list = self.by_activity(user, filter);
        list.retain(|entry| entry.unread_count > 0 && kind(entry) != ConversationType::System);
        let (muted, loud): (Vec<_>, Vec<_>) = list.into_iter().partition(|entry| entry.muted);
        let sum = |entries: &[Conversation]| entries.iter().map(|entry| entry.unread_count).sum();
        GetUnreadCountResponse {
            unread_count: sum(&loud),
            unread_conversations: loud.len() as u64,
            muted_unread_count: sum(&muted),
        }
    }

    /// Those of the conversations that are in the user's list, and those that are not.
    pub(crate) fn get(
        &self,
        user: &str,
        conversations: &[ConversationId],
    ) -> GetConversationsResponse {
        let mut answer = GetConversationsResponse::default();
        for id in conversations {
            match self.entry(user, &key(user, id)) {
                Some(entry) => answer.conversations.push(entry),
                None => answer.missing.push(id.clone()),
            }
        }
        answer
    }

    /// Whether it is in the user's list.
    pub(super) fn is_listed(&self, user: &str, key: &Key) -> bool {
        self.views
            .get(&(user.to_owned(), key.clone()))
            .is_some_and(|view| view.is_listed(self.head(key)))
    }

    /// The entry of the user's list, if it is listed.
    fn entry(&self, user: &str, key: &Key) -> Option<Conversation> {
        let listed = self.is_listed(user, key);
        listed.then(|| self.as_shown(user, key))
    }

    /// It as it shows, or would show.
    fn as_shown(&self, user: &str, key: &Key) -> Conversation {
        let view = &self.views[&(user.to_owned(), key.clone())];
        let head = self.head(key);
        let last = view.last(head);
        let newest = self.message(user, key, last);
        let is_visible = view.visible(head).contains(&last);
        Conversation {
            conversation_id: Some(id(user, key)),
            update_time: newest.send_time,
            last_message: is_visible.then_some(newest),
            last_seq: last,
            unread_count: view.unread(head),
            pinned: view.pinned_at.is_some(),
            muted: view.muted,
            marks: view.marks,
            custom_data: view.custom_data.clone(),
            folders: self.folders_with(user, key),
            membership: if view.is_member() {
                Membership::Member
            } else {
                Membership::Left
            }
            .into(),
        }
    }

    /// The hidden conversations of these types, the latest active first.
    pub(crate) fn hidden(&self, user: &str, types: &[ConversationType]) -> Vec<HiddenConversation> {
        let mut hidden: Vec<_> = self
            .keys_of(user)
            .filter_map(|key| {
                let view = &self.views[&(user.to_owned(), key.clone())];
                if !view.is_hidden(self.head(key)) {
                    return None;
                }
                let deletion = view.last_deletion().and_then(|by| {
                    let until = self.restorable_until(user, by)?;
                    let micros = until.seconds * 1_000_000 + i64::from(until.nanos / 1_000);
                    (self.now < micros).then_some((by, until))
                });
                let hidden = HiddenConversation {
                    conversation: Some(self.as_shown(user, key)),
                    deletion_id: deletion.map_or_else(String::new, |(by, _)| by.to_string()),
                    restorable_until: deletion.map(|(_, until)| until),
                    reappearance: if view.stays_away() {
                        Reappearance::Never
                    } else {
                        Reappearance::OnMessage
                    }
                    .into(),
                    history_cleared: view.is_cleared(),
                };
                Some((key, hidden))
            })
            .collect();
        hidden.retain(|(_, one)| {
            let entry = one.conversation.as_ref().expect("it is set");
            types.is_empty() || types.contains(&kind(entry))
        });
        hidden.sort_by_cached_key(|(key, one)| {
            let entry = one.conversation.as_ref().expect("it is set");
            let time = entry.update_time.expect("an entry has a time");
            (Reverse((time.seconds, time.nanos)), key.hash())
        });
        hidden.into_iter().map(|(_, one)| one).collect()
    }
}

/// Whether an entry has everything that the filter asks for.
fn passes(entry: &Conversation, filter: &ListFilter) -> bool {
    (filter.types.is_empty() || filter.types.contains(&i32::from(kind(entry))))
        && (!filter.unread_only || entry.unread_count > 0)
        && (filter.mark == 0 || entry.marks & filter.mark != 0)
        && (filter.folder.is_empty() || entry.folders.contains(&filter.folder))
        && entry.marks & filter.without_marks == 0
        && [0, entry.membership].contains(&filter.membership)
        && filter
            .active_since
            .is_none_or(|since| is_active(entry, since))
}

/// Whether a message that the user can see was sent at this time or later. The newest one tells.
pub(super) fn is_active(entry: &Conversation, since: Timestamp) -> bool {
    let newest = entry.last_message.as_ref();
    let newest = newest.and_then(|message| message.send_time);
    newest.is_some_and(|time| (time.seconds, time.nanos) >= (since.seconds, since.nanos))
}

fn kind(entry: &Conversation) -> ConversationType {
    let id = entry.conversation_id.as_ref().expect("an entry has an ID");
    match id.id.as_ref().expect("a valid ID is set") {
        Id::C2cUserId(_) => ConversationType::C2c,
        Id::GroupId(_) => ConversationType::Group,
        Id::System(_) => ConversationType::System,
        Id::Text(_) => unreachable!("answers have typed IDs"),
    }
}
