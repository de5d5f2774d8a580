//! A client's copy of its user's list, and the check that the server says the same.
//!
//! Messages are not changes, so the stream does not report them, nor that sending marks a conversation read: a
//! client learns both from the messages themselves. So the check takes the newest message of an entry from the
//! list that it compares with, and compares unread counts exactly only when nothing is under way.

use std::collections::BTreeMap;

use conversation_service::proto::{
    Conversation, ConversationId, ConversationSettings, ConversationWatermarks, Folder,
    ListFoldersResponse, Membership, Reappearance, WatchConversationsResponse, change::Kind,
};

use super::{conversations, shared_name};
use crate::support::client::Listing;

/// The list of a user, as far as it can be told from outside.
pub(super) struct Copy {
    user: &'static str,
    /// Everything up to here is in it.
    pub(super) revision: u64,
    entries: Vec<Entry>,
    /// In the order in which they were made, with all that is in them, deleted at present or not.
    folders: Vec<Folder>,
    /// The entries that deletions have unpinned, and their pins: undoing pins them there again.
    unpinned: Vec<(String, ConversationId, Pin)>,
}

/// The revision that pinned an entry; `None` for a pin that is older than the copy.
type Pin = Option<u64>;

struct Entry {
    id: ConversationId,
    hidden: u64,
    cleared: u64,
    stays_away: bool,
    /// The last message that has reached a user who has left.
    left: Option<u64>,
    /// Own messages may have brought it further.
    read: u64,
    pin: Option<Pin>,
    muted: bool,
    marks: u64,
    data: Vec<u8>,
}

/// The messages that have been stored, by conversation and for its senders: see
/// [`shared_name`].
#[derive(Clone, Default)]
pub(super) struct Messages {
    /// The newest message that is known to be stored.
    pub(super) heads: BTreeMap<String, u64>,
    /// The newest message of each sender.
    pub(super) own: BTreeMap<(String, String), u64>,
}

impl Copy {
    /// Made from what was read while nobody wrote, everything was listed and all of it was read: so
    /// nothing is left that a list does not show.
    pub(super) fn of(user: &'static str, list: &Listing, folders: ListFoldersResponse) -> Self {
        assert_eq!(list.revision, folders.revision, "nobody writes");
        let entries = conversations(user).into_iter().map(|id| {
            let shown = entry(list, &id).expect("everything is listed");
            assert_eq!(shown.membership(), Membership::Member, "nobody has left");
            assert_eq!(shown.unread_count, 0, "everything is read: {shown:?}");
            Entry {
                // All that was cleared or hidden is below the last message.
                hidden: 0,
                cleared: 0,
                stays_away: false,
                left: None,
                read: shown.last_seq,
                pin: shown.pinned.then_some(None),
                muted: shown.muted,
                marks: shown.marks,
                data: shown.custom_data.clone(),
                id,
            }
        });
        Self {
            user,
            revision: list.revision,
            entries: entries.collect(),
            folders: folders.folders,
            unpinned: Vec::new(),
        }
    }

    /// Takes a change in.
    #[expect(clippy::too_many_lines, reason = "a few lines for each kind of change")]
    pub(super) fn apply(&mut self, event: &WatchConversationsResponse) {
        let revision = event.revision;
        let change = event.change.clone().and_then(|change| change.kind);
        match change.expect("a change, no bookmark") {
            Kind::ConversationsDeleted(deleted) => {
                self.take(deleted.conversations, &deleted.deletion_id);
            }
            Kind::HistoryCleared(cleared) => {
                self.take(cleared.conversations, &cleared.deletion_id);
            }
            Kind::ConversationsRestored(restored) => {
                self.put_back(restored.conversations, &restored.deletion_id);
                for settings in restored.settings {
                    self.set(settings);
                }
            }
            Kind::ConversationsShown(shown) => {
                for one in shown.conversations {
                    let watermarks = one.conversation.expect("of a conversation");
                    let entry = self.entry(watermarks.conversation_id.as_ref());
                    entry.stand(&watermarks);
                    assert!(one.read_through >= entry.read, "{event:?} forgets");
                    entry.read = one.read_through;
                }
            }
            Kind::ConversationsRead(read) => {
                for one in read.conversations {
                    let entry = self.entry(one.conversation_id.as_ref());
                    assert!(one.read_through > entry.read, "{event:?} is no news");
                    entry.read = one.read_through;
                }
            }
            Kind::ConversationsPinned(pinned) => {
                for id in &pinned.conversation_ids {
                    let entry = self.entry(Some(id));
                    assert_ne!(entry.pin.is_some(), pinned.pinned, "{event:?} is no news");
                    entry.pin = pinned.pinned.then_some(Some(revision));
                }
            }
            Kind::ConversationsMuted(muted) => {
                for id in &muted.conversation_ids {
                    let entry = self.entry(Some(id));
                    assert_ne!(entry.muted, muted.muted, "{event:?} is no news");
                    entry.muted = muted.muted;
                }
            }
            Kind::ConversationsMarked(marked) => {
                for one in marked.conversations {
                    let entry = self.entry(one.conversation_id.as_ref());
                    assert_ne!(entry.marks, one.marks, "{event:?} is no news");
                    entry.marks = one.marks;
                }
            }
            Kind::CustomDataSet(set) => {
                for id in &set.conversation_ids {
                    let entry = self.entry(Some(id));
                    assert_ne!(entry.data, set.custom_data, "{event:?} is no news");
                    entry.data.clone_from(&set.custom_data);
                }
            }
            Kind::FolderCreated(created) => {
                assert_eq!(self.place(&created.name), None, "{event:?} is no news");
                self.folders.push(Folder {
                    name: created.name,
                    conversation_ids: created.conversation_ids,
                });
            }
            Kind::FolderDeleted(deleted) => drop(self.folders.remove(self.known(&deleted.name))),
            Kind::FolderRenamed(renamed) => {
                assert_eq!(self.place(&renamed.new_name), None, "{event:?} is no news");
                let place = self.known(&renamed.name);
                self.folders[place].name = renamed.new_name;
            }
            Kind::AddedToFolder(added) => {
                let place = self.known(&added.name);
                let ids = &mut self.folders[place].conversation_ids;
                let is_new = |id| !ids.contains(id);
                assert!(
                    added.conversation_ids.iter().all(is_new),
                    "{event:?} is no news"
                );
                ids.extend(added.conversation_ids);
            }
            Kind::RemovedFromFolder(removed) => {
                let place = self.known(&removed.name);
                let ids = &mut self.folders[place].conversation_ids;
                for id in &removed.conversation_ids {
                    let place = ids.iter().position(|known| known == id);
                    ids.remove(place.unwrap_or_else(|| panic!("{event:?} is no news")));
                }
            }
            Kind::MembershipChanged(changed) => {
                let left = (changed.membership() == Membership::Left).then_some(changed.last_seq);
                let watermarks = changed.conversation.clone().expect("of a conversation");
                let entry = self.entry(watermarks.conversation_id.as_ref());
                assert_ne!(entry.left.is_some(), left.is_some(), "{event:?} is no news");
                entry.left = left;
                entry.stand(&watermarks);
                if left.is_none() {
                    entry.pin = None;
                    assert_eq!(entry.hidden, changed.last_seq, "{event:?} lists it");
                }
                assert_eq!(entry.pin.is_some(), watermarks.pinned, "{event:?}: the pin");
            }
        }
        self.revision = revision;
    }

    fn take(&mut self, conversations: Vec<ConversationWatermarks>, deletion_id: &str) {
        for watermarks in conversations {
            let entry = self.entry(watermarks.conversation_id.as_ref());
            entry.stand(&watermarks);
            if watermarks.pinned {
                assert!(entry.pin.is_some(), "pinned by a deletion: {watermarks:?}");
            } else if let Some(pin) = entry.pin.take() {
                let id = entry.id.clone();
                self.unpinned.push((deletion_id.to_owned(), id, pin));
            }
            if watermarks.settings_forgotten {
                let entry = self.entry(watermarks.conversation_id.as_ref());
                (entry.muted, entry.marks) = (false, 0);
                entry.data.clear();
                let id = entry.id.clone();
                for folder in &mut self.folders {
                    folder.conversation_ids.retain(|one| *one != id);
                }
            }
        }
    }

    fn set(&mut self, settings: ConversationSettings) {
        let entry = self.entry(settings.conversation_id.as_ref());
        (entry.muted, entry.marks) = (settings.muted, settings.marks);
        entry.data = settings.custom_data;
        let id = entry.id.clone();
        for folder in &mut self.folders {
            let is_in = folder.conversation_ids.contains(&id);
            let shall_be = settings.folders.contains(&folder.name);
            assert!(
                shall_be || !is_in,
                "{id:?} leaves {} by undoing",
                folder.name
            );
            if shall_be && !is_in {
                folder.conversation_ids.push(id.clone());
            }
        }
    }

    fn put_back(&mut self, conversations: Vec<ConversationWatermarks>, deletion_id: &str) {
        for watermarks in conversations {
            let id = watermarks.conversation_id.as_ref();
            let mut unpinned = self.unpinned.iter();
            let was_pinned = unpinned.find(|(by, of, _)| by == deletion_id && Some(of) == id);
            // A deletion that is older than the copy may have unpinned it.
            let pin = was_pinned.and_then(|(.., pin)| *pin);
            let entry = self.entry(id);
            entry.stand(&watermarks);
            if watermarks.pinned {
                entry.pin.get_or_insert(pin);
            } else {
                assert_eq!(entry.pin, None, "unpinned by undoing: {watermarks:?}");
            }
        }
    }

    fn entry(&mut self, id: Option<&ConversationId>) -> &mut Entry {
        let known = self.entries.iter_mut().find(|entry| Some(&entry.id) == id);
        known.expect("nobody else writes to the user")
    }

    fn place(&self, folder: &str) -> Option<usize> {
        let mut folders = self.folders.iter();
        folders.position(|known| known.name == folder)
    }

    fn known(&self, folder: &str) -> usize {
        let place = self.place(folder);
        place.unwrap_or_else(|| panic!("{folder} of {} is not known", self.user))
    }

    /// That a list of this revision says the same. Its heads are those that it shows; of what it does
    /// not show, that nothing newer was stored `before` it was asked for.
    pub(super) fn agrees_with(&self, list: &Listing, before: &Messages) {
        for known in &self.entries {
            let Entry {
                id,
                hidden,
                cleared,
                stays_away,
                left,
                ..
            } = known;
            let at = format!("{id:?} of {} at {}", self.user, list.revision);
            let Some(shown) = entry(list, id) else {
                let head = known.last(head(self.user, id, &before.heads));
                assert!(
                    *stays_away || head <= *hidden,
                    "{at}: {head} is not listed, hidden through {hidden}"
                );
                assert_eq!(known.pin, None, "{at}: pinned, but not listed");
                continue;
            };
            assert!(
                shown.last_seq > *hidden,
                "{at}: listed, hidden through {hidden}"
            );
            assert_eq!(
                shown.membership() == Membership::Left,
                left.is_some(),
                "{at}: the membership"
            );
            assert!(
                left.is_none_or(|left| left == shown.last_seq),
                "{at}: the last message"
            );
            let readable = shown.last_message.is_some();
            assert_eq!(readable, shown.last_seq > *cleared, "{at}: the history");
            // Own messages are read, and not all of them are known yet.
            let most = shown.last_seq.saturating_sub(known.seen());
            assert!(shown.unread_count <= most, "{at}: more than {most} unread");
            assert_eq!(shown.pinned, known.pin.is_some(), "{at}: the pin");
            assert_eq!(shown.muted, known.muted, "{at}: muted");
            assert_eq!(shown.marks, known.marks, "{at}: the marks");
            assert_eq!(shown.custom_data, known.data, "{at}: the data");
            assert_eq!(shown.folders, self.folders_of(id), "{at}: the folders");
        }
        let at = format!("of {} at {}", self.user, list.revision);
        let pinned_first = list.conversations.is_sorted_by_key(|shown| !shown.pinned);
        assert!(pinned_first, "a pin is not at the top {at}: {list:?}");
        let pins = list.conversations.iter().filter_map(|shown| {
            let mut known = self.entries.iter();
            known
                .find(|entry| shown.conversation_id.as_ref() == Some(&entry.id))?
                .pin?
        });
        let pins: Vec<_> = pins.collect();
        assert!(
            pins.is_sorted_by(|above, below| above >= below),
            "pins {at}: {pins:?}"
        );
    }

    /// That what was read while nobody wrote is exactly what this copy says.
    pub(super) fn is(&self, list: &Listing, folders: &ListFoldersResponse, messages: &Messages) {
        assert_eq!(self.revision, list.revision);
        assert_eq!(self.revision, folders.revision);
        self.agrees_with(list, messages);
        let heads = &messages.heads;
        let mut expected: Vec<_> = self
            .entries
            .iter()
            .map(|entry| (entry, entry.last(head(self.user, &entry.id, heads))))
            .map(|(entry, head)| {
                let name = (self.user.to_owned(), shared_name(self.user, &entry.id));
                let own = messages.own.get(&name).copied().unwrap_or(0);
                (entry, head, own)
            })
            // An own message lists what stays away, unless it was stored while the deletion was under way:
            // then only the list tells.
            .filter(|(known, head, own)| {
                let may_be_listed = *own > known.hidden && entry(list, &known.id).is_some();
                *head > known.hidden && (!known.stays_away || may_be_listed)
            })
            .map(|(entry, head, own)| {
                let unread = head.saturating_sub(entry.seen().max(own));
                (format!("{:?}", entry.id), head, unread)
            })
            .collect();
        let entries = list.conversations.iter();
        let mut listed: Vec<_> = entries
            .map(|entry| {
                let id = entry.conversation_id.as_ref().expect("an entry has an ID");
                (format!("{id:?}"), entry.last_seq, entry.unread_count)
            })
            .collect();
        expected.sort();
        listed.sort();
        assert_eq!(listed, expected, "the list of {}", self.user);

        let is_listed = |id: &&ConversationId| entry(list, id).is_some();
        let expected = self.folders.iter().map(|folder| Folder {
            name: folder.name.clone(),
            conversation_ids: folder
                .conversation_ids
                .iter()
                .filter(is_listed)
                .cloned()
                .collect(),
        });
        // Undoing puts a conversation back in its place, which no event tells.
        let in_any_order = |mut folder: Folder| {
            folder.conversation_ids.sort_by_key(|id| format!("{id:?}"));
            folder
        };
        let expected: Vec<_> = expected.map(in_any_order).collect();
        let folders: Vec<_> = folders.folders.iter().cloned().map(in_any_order).collect();
        assert_eq!(folders, expected, "the folders of {}", self.user);
    }

    fn folders_of(&self, id: &ConversationId) -> Vec<&str> {
        let folders = self.folders.iter();
        let folders = folders.filter(|folder| folder.conversation_ids.contains(id));
        folders.map(|folder| folder.name.as_str()).collect()
    }
}

impl Entry {
    fn stand(&mut self, watermarks: &ConversationWatermarks) {
        self.hidden = watermarks.hidden_through;
        self.cleared = watermarks.cleared_through;
        self.stays_away = watermarks.reappearance() == Reappearance::Never;
    }

    /// The newest message that has reached the user.
    fn last(&self, head: u64) -> u64 {
        self.left.map_or(head, |left| left.min(head))
    }

    /// Nothing up to here is unread.
    fn seen(&self) -> u64 {
        self.read.max(self.hidden).max(self.cleared)
    }
}

fn entry<'a>(list: &'a Listing, id: &ConversationId) -> Option<&'a Conversation> {
    let mut entries = list.conversations.iter();
    entries.find(|entry| entry.conversation_id.as_ref() == Some(id))
}

fn head(user: &str, id: &ConversationId, heads: &BTreeMap<String, u64>) -> u64 {
    heads.get(&shared_name(user, id)).copied().unwrap_or(0)
}
