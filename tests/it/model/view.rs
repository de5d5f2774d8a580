//! One user's view of one conversation: the rules, on sequence numbers alone.

use std::ops::RangeInclusive;

use conversation_service::proto::DeletionOutcome;

/// A stretch of membership: from the head at joining to the head at leaving. In a conversation that
/// nobody joins or leaves there is one, from 0 on.
#[derive(Clone, Copy, Debug)]
struct Stint {
    joined: u64,
    left: Option<u64>,
}

impl Stint {
    /// The last message that reaches the user in this stint; that of the start if none does.
    fn last(self, head: u64) -> u64 {
        self.left.unwrap_or(head)
    }
}

/// What one user has done with one conversation. Every `head` below is the sequence number of the
/// conversation's newest message.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// In the order of time; only the last one counts for what can be seen.
    stints: Vec<Stint>,
    pub(super) hidden_through: u64,
    pub(super) cleared_through: u64,
    pub(super) read_through: u64,
}

impl View {
    /// Starts a stint, unless one lasts; returns whether it did.
    pub(super) fn begin(&mut self, head: u64) -> bool {
        if self.is_member() {
            return false;
        }
        self.stints.push(Stint {
            joined: head,
            left: None,
        });
        true
    }

    /// Ends the stint that lasts; returns whether there was one.
    pub(super) fn end(&mut self, head: u64) -> bool {
        match self.stints.last_mut() {
            Some(Stint {
                left: left @ None, ..
            }) => {
                *left = Some(head);
                true
            }
            _ => false,
        }
    }

    pub(super) fn is_member(&self) -> bool {
        self.stints.last().is_some_and(|stint| stint.left.is_none())
    }

    /// The newest message that has reached the user.
    pub(super) fn last(&self, head: u64) -> u64 {
        self.stints.last().map_or(0, |stint| stint.last(head))
    }

    pub(super) fn is_listed(&self, head: u64) -> bool {
        self.last(head) > self.hidden_through.max(self.joined())
    }

    /// What the user can read.
    pub(super) fn visible(&self, head: u64) -> RangeInclusive<u64> {
        self.cleared_through.max(self.joined()) + 1..=self.last(head)
    }

    pub(super) fn unread(&self, head: u64) -> u64 {
        let seen = self.read_through.max(self.hidden_through);
        let gone = self.cleared_through.max(self.joined());
        self.last(head).saturating_sub(seen.max(gone))
    }

    /// Hides, and clears if told so, as far as the user has seen.
    pub(super) fn delete(&mut self, head: u64, clear: bool, seen: Option<u64>) -> DeletionOutcome {
        let last = self.last(head);
        let reach = seen.map_or(last, |seen| seen.min(last));
        let outcome = if !self.ever_reached(head) {
            return DeletionOutcome::NotFound;
        } else if !self.is_listed(head) {
            DeletionOutcome::AlreadyDeleted
        } else if reach < last {
            DeletionOutcome::NewerMessagesKept
        } else {
            DeletionOutcome::Deleted
        };
        if reach > self.hidden_through.max(self.joined()) {
            self.hidden_through = reach;
        }
        if clear && reach > self.cleared_through.max(self.joined()) {
            self.cleared_through = reach;
        }
        outcome
    }

    fn joined(&self) -> u64 {
        self.stints.last().map_or(0, |stint| stint.joined)
    }

    /// Whether any message ever reached the user.
    fn ever_reached(&self, head: u64) -> bool {
        self.stints
            .iter()
            .any(|stint| stint.last(head) > stint.joined)
    }
}
