//! Selectors choose conversations of a user's list to delete. A plan holds the choice, to delete it later.
//!
//! The order is by activity, the longest inactive first: the list from its end, as if nothing were pinned.

use std::cmp::Reverse;

use super::{ConversationId, ConversationKind, ListFilter, Revision, Seq, Timestamp, View};

/// The most conversations that one deletion by selector takes.
pub const MAX_MATCHING: usize = 1000;
/// The most conversations that a deletion by selector counts.
pub const MAX_COUNTED: usize = 10_000;
/// For how many microseconds a plan can be carried out.
const PLAN_LIFETIME: i64 = 60 * 60 * 1_000_000;

/// Chooses conversations of a user's list; what is set must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Only what this filter of the list leaves.
    pub filter: ListFilter,
    /// Only without a message that the user can see and that was stored at this time or later.
    pub inactive_before: Option<Timestamp>,
    /// Whether pinned conversations are chosen, too.
    pub pinned: Spared,
    /// Whether conversations with unread messages are chosen, too.
    pub unread: Spared,
    /// Never these: at most 100, each once.
    pub excluded: Vec<ConversationId>,
}

/// The treatment of conversations that a user would rather not lose by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spared {
    /// They are left alone.
    Spared,
    /// They are treated like others.
    Included,
}

/// A digest of a user and of a selector's meaning: whose plan it is, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanScope(pub [u8; 16]);

/// The conversations that a deletion would have taken at one moment, to be deleted as they were then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The user and the selector.
    pub scope: PlanScope,
    /// When it was made.
    pub made_at: Timestamp,
    /// The user's revision at that moment.
    pub revision: Revision,
    /// How many conversations matched then.
    pub matched: u64,
    /// Those that would have been deleted, in order. No conversation is there twice.
    pub conversations: Vec<Planned>,
}

/// A conversation of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// The bytes of its key.
    pub key: [u8; 16],
    /// The newest position that had reached the user.
    pub last: Seq,
}

impl Selector {
    /// Whether it chooses a conversation of this user's list that is listed, whose newest message has this
    /// position and time. What the filter asks of the kind, the settings and the folder, and what is excluded,
    /// is not looked at.
    #[must_use]
    pub fn chooses(&self, view: &View, head: Seq, activity: Timestamp, is_pinned: bool) -> bool {
        let is_unread = view.unread(head) > 0;
        let is_active = |since| activity >= since && view.visible(head).is_some();
        (!self.filter.unread_only || is_unread)
            && self.filter.active_since.is_none_or(is_active)
            && !self.inactive_before.is_some_and(is_active)
            && (self.pinned == Spared::Included || !is_pinned)
            && (self.unread == Spared::Included || !is_unread)
    }
}

/// The place of a conversation among those that a selector chooses: by its activity and the bytes of its key.
#[must_use]
pub const fn place_by_age(activity: Timestamp, key: [u8; 16]) -> (Timestamp, Reverse<[u8; 16]>) {
    (activity, Reverse(key))
}

impl Plan {
    /// Whether it is too old to be carried out.
    #[must_use]
    pub fn has_expired(&self, now: Timestamp) -> bool {
        now.as_micros().saturating_sub(self.made_at.as_micros()) >= PLAN_LIFETIME
    }
}

impl ListFilter {
    /// The kinds that it leaves: each once, in the order of the protocol.
    #[must_use]
    pub fn kinds_left(&self) -> Vec<ConversationKind> {
        const ALL: [ConversationKind; 3] = [
            ConversationKind::C2c,
            ConversationKind::Group,
            ConversationKind::System,
        ];
        ALL.into_iter()
            .filter(|kind| self.kinds.is_empty() || self.kinds.contains(kind))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector() -> Selector {
        Selector {
            filter: ListFilter::default(),
            inactive_before: None,
            pinned: Spared::Spared,
            unread: Spared::Spared,
            excluded: Vec::new(),
        }
    }

    fn view(read_through: u64, cleared_through: u64) -> View {
        View {
            read_through: Seq::saturating(read_through),
            cleared_through: Seq::saturating(cleared_through),
            ..View::default()
        }
    }

    const HEAD: u64 = 5;

    fn chooses(selector: &Selector, view: &View, is_pinned: bool) -> bool {
        let activity = Timestamp::from_micros(70);
        selector.chooses(view, Seq::saturating(HEAD), activity, is_pinned)
    }

    #[test]
    fn pinned_and_unread_conversations_are_spared_unless_included() {
        let (read, unread) = (view(HEAD, 0), view(HEAD - 1, 0));
        assert!(chooses(&selector(), &read, false));
        assert!(!chooses(&selector(), &read, true));
        assert!(!chooses(&selector(), &unread, false));
        let mut including = selector();
        (including.pinned, including.unread) = (Spared::Included, Spared::Included);
        assert!(chooses(&including, &unread, true));
    }

    #[test]
    fn inactive_is_what_has_no_visible_message_since() {
        let inactive = |micros| Selector {
            inactive_before: Some(Timestamp::from_micros(micros)),
            ..selector()
        };
        assert!(!chooses(&inactive(70), &view(HEAD, 0), false));
        assert!(chooses(&inactive(71), &view(HEAD, 0), false));
        assert!(chooses(&inactive(1), &view(HEAD, HEAD), false), "cleared");
    }

    #[test]
    fn a_plan_lasts_for_an_hour() {
        let plan = Plan {
            scope: PlanScope([0; 16]),
            made_at: Timestamp::from_micros(5),
            revision: Revision::saturating(1),
            matched: 0,
            conversations: Vec::new(),
        };
        assert!(!plan.has_expired(Timestamp::from_micros(PLAN_LIFETIME + 4)));
        assert!(plan.has_expired(Timestamp::from_micros(PLAN_LIFETIME + 5)));
    }
}
