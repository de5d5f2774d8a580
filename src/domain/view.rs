//! A user's view of one conversation, derived from watermarks and the conversation's head.
//!
//! Every number that a user is shown (what is listed, what is visible, how much is unread) is computed
//! here from these few stored positions, so none of them can drift.

use std::ops::RangeInclusive;

use super::{Membership, Reappearance, Seq};

/// A user's watermarks in one conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    /// Where the membership began: only what is newer was ever meant for this user. 0 except in groups.
    pub joined_after: Seq,
    /// Where the membership ended, if it did: nothing newer reaches this user.
    pub left_at: Option<Seq>,
    /// Deleted through here: the conversation is listed only for something newer.
    pub hidden_through: Seq,
    /// Cleared through here: only what is newer can be read.
    pub cleared_through: Seq,
    /// Read through here.
    pub read_through: Seq,
    /// Whether something newer lists it.
    pub reappearance: Reappearance,
}

impl View {
    /// The newest position that has reached this user, when the conversation's newest is `head`.
    #[must_use]
    pub fn last(&self, head: Seq) -> Seq {
        self.left_at.map_or(head, |left| left.min(head))
    }

    /// Whether new messages reach this user.
    #[must_use]
    pub const fn membership(&self) -> Membership {
        match self.left_at {
            None => Membership::Member,
            Some(_) => Membership::Left,
        }
    }

    /// Whether the conversation is in the user's list.
    #[must_use]
    pub fn is_listed(&self, head: Seq) -> bool {
        self.reappearance == Reappearance::OnMessage
            && self.last(head) > self.hidden_through.max(self.joined_after)
    }

    /// Whether the conversation is off the user's list although something has reached the user in this
    /// membership.
    #[must_use]
    pub fn is_hidden(&self, head: Seq) -> bool {
        self.last(head) > self.joined_after && !self.is_listed(head)
    }

    /// Whether the history up to where the conversation is hidden was cleared.
    #[must_use]
    pub fn is_cleared(&self) -> bool {
        self.cleared_through > self.joined_after && self.cleared_through >= self.hidden_through
    }

    /// The positions of the messages that the user can read; `None` if there are none.
    #[must_use]
    pub fn visible(&self, head: Seq) -> Option<RangeInclusive<Seq>> {
        let last = self.last(head);
        let first = self.cleared_through.max(self.joined_after).next();
        (first <= last).then_some(first..=last)
    }

    /// How many messages are unread: those that are visible, not read, and newer than the last
    /// deletion.
    #[must_use]
    pub fn unread(&self, head: Seq) -> u64 {
        let seen = self
            .read_through
            .max(self.hidden_through)
            .max(self.cleared_through)
            .max(self.joined_after);
        self.last(head).get().saturating_sub(seen.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(number: u64) -> Seq {
        Seq::saturating(number)
    }

    #[test]
    fn a_new_member_sees_nothing_until_something_arrives() {
        let view = View {
            joined_after: seq(5),
            ..View::default()
        };
        assert!(!view.is_listed(seq(5)));
        assert_eq!(view.visible(seq(5)), None);
        assert_eq!(view.unread(seq(5)), 0);

        assert!(view.is_listed(seq(6)));
        assert_eq!(view.visible(seq(6)), Some(seq(6)..=seq(6)));
        assert_eq!(view.unread(seq(6)), 1);
    }

    #[test]
    fn what_comes_after_leaving_never_arrives() {
        let view = View {
            left_at: Some(seq(3)),
            ..View::default()
        };
        assert_eq!(view.last(seq(9)), seq(3));
        assert_eq!(view.visible(seq(9)), Some(seq(1)..=seq(3)));
        assert_eq!(view.unread(seq(9)), 3);
    }

    #[test]
    fn hiding_without_clearing_keeps_the_history_readable() {
        let view = View {
            hidden_through: seq(4),
            ..View::default()
        };
        assert!(!view.is_listed(seq(4)));
        assert_eq!(view.visible(seq(4)), Some(seq(1)..=seq(4)));
        assert_eq!(view.unread(seq(4)), 0);
        assert_eq!(view.unread(seq(6)), 2);
    }

    #[test]
    fn what_stays_away_is_not_listed_and_counts_what_came_since() {
        let view = View {
            hidden_through: seq(4),
            reappearance: Reappearance::Never,
            ..View::default()
        };
        assert!(!view.is_listed(seq(6)));
        assert_eq!(view.visible(seq(6)), Some(seq(1)..=seq(6)));
        assert_eq!(view.unread(seq(6)), 2);
    }

    #[test]
    fn clearing_without_hiding_keeps_the_conversation_listed() {
        let view = View {
            cleared_through: seq(4),
            ..View::default()
        };
        assert!(view.is_listed(seq(4)));
        assert_eq!(view.visible(seq(4)), None);
        assert_eq!(view.unread(seq(4)), 0);
    }
}
