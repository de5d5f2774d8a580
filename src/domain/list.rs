//! The order of a user's list, and how a listing goes on from page to page.
//!
//! A listing follows the list as it stood at its first page. Nothing is copied for that: the cursor
//! remembers the first page's revision and what had been active most recently, and a conversation that
//! has moved since is put back to where it was. So what others send meanwhile makes no conversation
//! appear twice or not at all.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    ConversationId, ConversationKind, CustomData, FolderName, Mark, Marks, Revision, Seq,
    Timestamp, View,
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
}

/// A place in the list. Places are totally ordered: pinned first (newest pin first), then by latest
/// activity, then by the name under which the conversation is stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListPosition {
    /// The revision that pinned it. `Reverse(None)` comes after every `Reverse(Some(_))`.
    pub pinned_at: Reverse<Option<Revision>>,
    /// When the newest message came.
    pub activity: Reverse<Timestamp>,
    /// What tells conversations of the same time apart: a name that is always the same and says
    /// nothing.
    pub name: String,
}

/// Where a listing stands between two pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCursor {
    /// How the list was at the first page.
    pub beginning: ListBeginning,
    /// The place of the last conversation that was listed.
    pub after: ListPosition,
}

/// What is remembered of a list as it was at the first page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListBeginning {
    /// The user's revision at the first page.
    pub revision: Revision,
    /// What was pinned at the first page, by a short name: the revision that pinned it, and when it
    /// had been active. What was taken down before it was listed is no longer among it.
    pub pinned: BTreeMap<String, (Revision, Timestamp)>,
    /// Whatever is active later than this was so at the first page if it is in `recent`, and has moved
    /// since if it is not. It lies well before the first page, because messages that were under way
    /// then may carry earlier times than those that had arrived.
    pub as_of: Timestamp,
    /// What had been active after `as_of` at the first page, by a short name, and when.
    pub recent: BTreeMap<String, Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(pinned_at: Option<i64>, activity: i64, id: &str) -> ListPosition {
        ListPosition {
            pinned_at: Reverse(pinned_at.and_then(Revision::from_stored)),
            activity: Reverse(Timestamp::from_micros(activity)),
            name: id.to_owned(),
        }
    }

    #[test]
    fn pinned_come_first_and_newest_pins_before_older_ones_then_the_latest_active() {
        let expected = vec![
            position(Some(9), 1, "C2Cz"),
            position(Some(3), 7, "C2Cy"),
            position(None, 8, "C2Ca"),
            position(None, 5, "C2Cb"),
            position(None, 5, "GROUPa"),
        ];
        let mut sorted: Vec<_> = expected.iter().rev().cloned().collect();
        sorted.sort();
        assert_eq!(sorted, expected);
    }
}
