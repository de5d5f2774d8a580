//! One user's view of one conversation: the rules, on sequence numbers and settings alone.

use std::{collections::BTreeSet, ops::RangeInclusive};

use conversation_service::proto::{ChangeOutcome, DeletionOutcome, RestorationOutcome};

/// A stretch of membership: from the head at joining to the head at leaving. In a conversation that
/// nobody joins or leaves there is one, from 0 on.
#[derive(Clone, Copy, Debug)]
struct Stint {
    joined: u64,
    left: Option<u64>,
}

impl Stint {
    /// The last message that reaches the user in this stint; that of the start if none does. A head that
    /// was read before the user left may be below that.
    fn last(self, head: u64) -> u64 {
        self.left.map_or(head, |left| left.min(head))
    }
}

/// The parts of a conversation that are to be deleted or cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    Entry,
    EntryAndHistory,
    History,
}

/// The record of a deletion that changed something: how things stood before it, and the pin that it
/// has taken away.
#[derive(Clone, Copy, Debug)]
struct Taken {
    by: u64,
    hidden: u64,
    cleared: u64,
    pinned_at: Option<u64>,
}

/// One user's view of one conversation. Every `head` below is the sequence number of the
/// conversation's newest message.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// In the order of time; only the last one counts for what can be seen.
    stints: Vec<Stint>,
    pub(super) hidden_through: u64,
    pub(super) cleared_through: u64,
    pub(super) read_through: u64,
    /// The revision that has pinned it, if it is pinned.
    pub(super) pinned_at: Option<u64>,
    pub(super) muted: bool,
    pub(super) marks: u64,
    pub(super) custom_data: Vec<u8>,
    /// The deletions that can be undone, the last one last: that is the next to be undone.
    taken: Vec<Taken>,
    /// Those that have been undone.
    undone: BTreeSet<u64>,
}

impl View {
    /// Starts a stint, unless one lasts; returns whether it did. It begins with nothing of what was
    /// before: no message, no pin, no deletion to undo.
    pub(super) fn begin(&mut self, head: u64) -> bool {
        if self.is_member() {
            return false;
        }
        self.pinned_at = None;
        self.taken.clear();
        self.undone.clear();
        self.hidden_through = self.hidden_through.max(head);
        self.cleared_through = self.cleared_through.max(head);
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

    /// Whether the user has it, if only for having been added to a group.
    pub(super) fn is_known(&self) -> bool {
        !self.stints.is_empty()
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

    /// The messages that the user can read.
    pub(super) fn visible(&self, head: u64) -> RangeInclusive<u64> {
        self.cleared_through.max(self.joined()) + 1..=self.last(head)
    }

    /// The messages that the user can read, or could after an undo.
    pub(super) fn kept(&self, head: u64) -> RangeInclusive<u64> {
        let before = self.taken.iter().map(|taken| taken.cleared);
        let cleared = before.min().unwrap_or(self.cleared_through);
        cleared.max(self.joined()) + 1..=self.last(head)
    }

    pub(super) fn unread(&self, head: u64) -> u64 {
        let seen = self.read_through.max(self.hidden_through);
        let gone = self.cleared_through.max(self.joined());
        self.last(head).saturating_sub(seen.max(gone))
    }

    /// Takes what is to be taken, as far as the user has seen. `by` is the revision of the deletion.
    /// Returns, too, whether it took anything.
    pub(super) fn take(
        &mut self,
        by: u64,
        taking: Taking,
        head: u64,
        seen: Option<u64>,
    ) -> (DeletionOutcome, bool) {
        let last = self.last(head);
        let reach = seen.map_or(last, |seen| seen.min(last));
        let outcome = if !self.ever_reached(head) {
            return (DeletionOutcome::NotFound, false);
        } else if !self.is_listed(head) {
            DeletionOutcome::AlreadyDeleted
        } else if reach < last {
            DeletionOutcome::NewerMessagesKept
        } else {
            DeletionOutcome::Deleted
        };
        let (hidden, cleared) = (self.hidden_through, self.cleared_through);
        let (hides, clears) = match taking {
            Taking::Entry => (true, false),
            Taking::EntryAndHistory => (true, true),
            Taking::History => (false, true),
        };
        let mut pinned_at = None;
        if hides && reach > hidden.max(self.joined()) {
            self.hidden_through = reach;
            pinned_at = self.pinned_at.take();
        }
        if clears && reach > cleared.max(self.joined()) {
            self.cleared_through = reach;
        }
        let took = (hidden, cleared) != (self.hidden_through, self.cleared_through);
        if took {
            self.taken.push(Taken {
                by,
                hidden,
                cleared,
                pinned_at,
            });
        }
        (outcome, took)
    }

    /// Reads it as far as the user has seen.
    pub(super) fn read(&mut self, head: u64, seen: Option<u64>) -> ChangeOutcome {
        let last = self.last(head);
        let reach = seen.map_or(last, |seen| seen.min(last));
        if reach > self.read_through.max(self.joined()) {
            self.read_through = reach;
            ChangeOutcome::Changed
        } else {
            ChangeOutcome::Unchanged
        }
    }

    /// Undoes a deletion that took something, unless another one has come since. A newer pin stays where
    /// it is, and what is listed stays listed.
    pub(super) fn restore(&mut self, deletion: u64) -> RestorationOutcome {
        match self.taken.last().copied() {
            Some(last) if last.by == deletion => {
                self.hidden_through = self.hidden_through.min(last.hidden);
                self.cleared_through = last.cleared;
                self.pinned_at = self.pinned_at.or(last.pinned_at);
                self.taken.pop();
                self.undone.insert(deletion);
                RestorationOutcome::Restored
            }
            last => {
                let is_last = last.is_none_or(|last| last.by < deletion);
                if is_last && self.undone.contains(&deletion) {
                    RestorationOutcome::Restored
                } else {
                    RestorationOutcome::Superseded
                }
            }
        }
    }

    /// Gives up the undo of a deletion, and of those that would have to be undone after it.
    pub(super) fn forget(&mut self, deletion: u64) {
        let place = self.taken.iter().position(|taken| taken.by == deletion);
        if let Some(place) = place {
            self.taken.drain(..=place);
            // An earlier one that was undone is not unchanged since: this one lies on it for good.
            self.undone.retain(|undone| *undone > deletion);
        }
    }

    fn joined(&self) -> u64 {
        self.stints.last().map_or(0, |stint| stint.joined)
    }

    /// Whether any message ever reached the user.
    pub(super) fn ever_reached(&self, head: u64) -> bool {
        self.stints
            .iter()
            .any(|stint| stint.last(head) > stint.joined)
    }
}
