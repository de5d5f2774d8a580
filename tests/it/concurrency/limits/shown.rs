//! Whether lists and refusals are right, given the user's view at their revision.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use conversation_service::{
    domain::{MAX_FOLDER_CONVERSATIONS, MAX_FOLDERS},
    proto::{Conversation, ConversationId, ListConversationsResponse, conversation_id::Id},
};

use super::{
    PIN_LIMIT,
    request::{Request, Wish},
    state::State,
};

impl State {
    /// That a list of this revision says the same. Its newest messages are those that it shows.
    pub(super) fn shows_list(&self, list: &ListConversationsResponse) {
        let at = list.revision;
        let ids: HashSet<_> = list.conversations.iter().map(id_of).collect();
        assert_eq!(
            ids.len(),
            list.conversations.len(),
            "twice in the list at {at}"
        );
        for shown in &list.conversations {
            let id = id_of(shown);
            let entry = &self.entries[id];
            assert!(shown.last_seq > entry.hidden, "at {at}, hidden: {shown:?}");
            let seen = entry.read.max(entry.hidden).max(entry.cleared);
            let unread = shown.last_seq.saturating_sub(seen);
            let said = (
                shown.muted,
                shown.marks,
                &shown.custom_data,
                shown.unread_count,
            );
            let expected = (entry.muted, entry.marks, &entry.data, unread);
            assert_eq!(said, expected, "at {at}: {shown:?}");
            let is_readable = shown.last_seq > entry.cleared;
            assert_eq!(
                shown.last_message.is_some(),
                is_readable,
                "at {at}: {shown:?}"
            );
            assert_eq!(
                shown.pinned,
                entry.pinned_at.is_some(),
                "at {at}: {shown:?}"
            );
            assert_eq!(shown.folders, self.folders_of(id), "at {at}: {shown:?}");
        }
        let pinned = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.pinned_at.is_some());
        for (id, _) in pinned {
            assert!(ids.contains(id), "at {at}, pinned and not listed: {id:?}");
        }
        let place = |shown: &Conversation| {
            let active = shown.update_time.expect("an entry has a time");
            let pinned_at = self.entries[id_of(shown)].pinned_at;
            Reverse((pinned_at, active.seconds, active.nanos))
        };
        assert!(
            list.conversations.is_sorted_by_key(place),
            "the order at {at}"
        );
    }

    /// That a list is exactly this, with these newest messages.
    pub(super) fn is_listed_as(
        &self,
        list: &ListConversationsResponse,
        heads: &HashMap<ConversationId, u64>,
    ) {
        self.shows_list(list);
        let listed = list.conversations.iter();
        let listed: HashMap<_, _> = listed.map(|shown| (id_of(shown), shown.last_seq)).collect();
        let expected = heads
            .iter()
            .filter(|(id, head)| **head > self.entries[id].hidden);
        assert_eq!(listed, expected.map(|(id, head)| (id, *head)).collect());
    }

    /// How much is unread with these newest messages, without muted and system conversations.
    pub(super) fn unread(&self, heads: &HashMap<ConversationId, u64>) -> u64 {
        let counted = self.entries.iter().filter(|(id, entry)| {
            !entry.muted && !matches!(id.id, Some(Id::System(_))) && heads[id] > entry.hidden
        });
        let unread = counted.map(|(id, entry)| {
            heads[id].saturating_sub(entry.read.max(entry.hidden).max(entry.cleared))
        });
        unread.sum()
    }

    /// Whether this request could be refused here for this reason.
    pub(super) fn justifies(&self, request: &Request, reason: &str) -> bool {
        let Request {
            wish, ids, folder, ..
        } = request;
        let exists = |name: &String| self.folders.iter().any(|(known, _)| known == name);
        let contents = self.folders.iter().find(|(name, _)| name == folder);
        let contents = contents.map_or(&[][..], |(_, ids)| ids);
        match (reason, wish) {
            ("PIN_LIMIT_REACHED", Wish::Pin(true)) => {
                let is_new = |id: &&ConversationId| {
                    let entry = self.entries.get(id);
                    entry.is_some_and(|entry| entry.pinned_at.is_none())
                };
                self.pins() + ids.iter().filter(is_new).count() > PIN_LIMIT
            }
            ("FOLDER_LIMIT_REACHED", Wish::CreateFolder) => {
                !exists(folder) && self.folders.len() >= usize::from(MAX_FOLDERS)
            }
            ("FOLDER_CONVERSATION_LIMIT_REACHED", Wish::CreateFolder | Wish::AddToFolder) => {
                let known = ids.iter().filter(|id| self.entries.contains_key(id));
                let new = known.filter(|id| !contents.contains(id)).count();
                self.filed() + new > usize::from(MAX_FOLDER_CONVERSATIONS)
            }
            ("FOLDER_ALREADY_EXISTS", Wish::CreateFolder) => exists(folder),
            ("FOLDER_ALREADY_EXISTS", Wish::RenameFolder(new_name)) => {
                exists(folder) && exists(new_name)
            }
            (
                "FOLDER_NOT_FOUND",
                Wish::DeleteFolder
                | Wish::RenameFolder(_)
                | Wish::AddToFolder
                | Wish::RemoveFromFolder,
            ) => !exists(folder),
            _ => false,
        }
    }
}

fn id_of(shown: &Conversation) -> &ConversationId {
    shown.conversation_id.as_ref().expect("an entry has an ID")
}
