//! The order of a user's list, and how a listing goes on from page to page.
//!
//! A page begins after the position at which the previous page ended, in the list as it is by then. So a
//! conversation that keeps its position is listed exactly once, whatever else changes. One that moves up
//! meanwhile, because a message arrived, may be missing from later pages; [`ListFilter::active_since`]
//! with the listing's [`ListBeginning::as_of`] finds it. One that moves down because it was unpinned may come
//! twice.
//!
//! A pin that is newer than the first page moves nothing: until the listing ends, the conversation keeps its
//! position by activity. Otherwise a conversation that is pinned between two pages would be on neither of
//! them, and `active_since` would not find it.

use std::cmp::Reverse;

use super::{
    ConversationId, ConversationKind, CustomData, FolderName, Mark, Marks, Membership, Revision,
    Seq, Timestamp, View,
};

/// One of a user's conversations with all that its list entry says, but for the message itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// The conversation, as its user sees it.
    pub conversation_id: ConversationId,
    /// The user's watermarks.
    pub view: View,
    /// The conversation's newest position, or the newest that has reached this user.
    pub head: Seq,
    /// When the newest message that has reached the user was stored.
    pub activity: Timestamp,
    /// The revision that pinned it, if it is pinned.
    pub pinned_at: Option<Revision>,
    /// Whether it is muted.
    pub muted: bool,
    /// The user's marks.
    pub marks: Marks,
    /// The product's own data.
    pub custom_data: CustomData,
    /// The folders that it is in, oldest first.
    pub folders: Vec<FolderName>,
}

/// Chooses conversations; what is set must all hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListFilter {
    /// The kinds to list; empty for all.
    pub kinds: Vec<ConversationKind>,
    /// Only with unread messages.
    pub unread_only: bool,
    /// Only with this mark.
    pub mark: Option<Mark>,
    /// Only in the folder of this name.
    pub folder: Option<FolderName>,
    /// Only with none of these marks; the empty set leaves all.
    pub without_marks: Marks,
    /// Only with this membership.
    pub membership: Option<Membership>,
    /// Only with a message that the user can see and that was stored at this time or later.
    pub active_since: Option<Timestamp>,
}

/// How much is unread in what a filter leaves of a user's list, without system conversations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UnreadTotals {
    /// The unread messages of what is not muted.
    pub messages: u64,
    /// The conversations that have them.
    pub conversations: u64,
    /// The unread messages of what is muted.
    pub muted_messages: u64,
}

/// A place in the list. Places are totally ordered: pinned first (newest pin first), then by latest
/// activity, then by the key under which the conversation is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListPosition {
    /// The revision that pinned it. `Reverse(None)` comes after every `Reverse(Some(_))`.
    pub pinned_at: Reverse<Option<Revision>>,
    /// When the newest message came.
    pub activity: Reverse<Timestamp>,
    /// The bytes of the key. They tell conversations of the same time apart, and never change.
    pub key: [u8; 16],
}

/// Where a listing stands between two pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCursor {
    /// When it began.
    pub beginning: ListBeginning,
    /// The place of the last conversation that was listed.
    pub after: ListPosition,
}

/// The first page of a listing, as every page of it tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListBeginning {
    /// The user's revision at the first page. A newer pin has no effect on the listing.
    pub revision: Revision,
    /// No message that the first page could not show has an earlier time.
    pub as_of: Timestamp,
}

impl ListPosition {
    /// The place of a conversation in a listing in which pins count through this revision; in one where
    /// none is given, all pins do.
    #[must_use]
    pub fn new(
        pinned_at: Option<Revision>,
        pins_through: Option<Revision>,
        activity: Timestamp,
        key: [u8; 16],
    ) -> Self {
        let counts = |pinned: &Revision| pins_through.is_none_or(|newest| *pinned <= newest);
        Self {
            pinned_at: Reverse(pinned_at.filter(counts)),
            activity: Reverse(activity),
            key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(pinned_at: Option<i64>, activity: i64, key: u8) -> ListPosition {
        let pinned_at = pinned_at.and_then(Revision::from_stored);
        ListPosition::new(pinned_at, None, Timestamp::from_micros(activity), [key; 16])
    }

    #[test]
    fn pinned_come_first_and_newest_pins_before_older_ones_then_the_latest_active() {
        let expected = vec![
            position(Some(9), 1, 0xff),
            position(Some(3), 7, 0xfe),
            position(None, 8, 1),
            position(None, 5, 2),
            position(None, 5, 3),
        ];
        let mut sorted: Vec<_> = expected.iter().rev().cloned().collect();
        sorted.sort();
        assert_eq!(sorted, expected);
    }

    #[test]
    fn a_pin_that_is_newer_than_the_listing_does_not_count() {
        let pinned_at = Revision::from_stored(9);
        let place = |pins_through| {
            let pins_through = Revision::from_stored(pins_through);
            ListPosition::new(pinned_at, pins_through, Timestamp::from_micros(5), [2; 16])
        };
        assert_eq!(place(9), position(Some(9), 5, 2));
        assert_eq!(place(8), position(None, 5, 2));
    }
}
