//! One user's view of one conversation: the rules, on sequence numbers and settings alone.

use std::{collections::BTreeSet, ops::RangeInclusive};

use conversation_service::proto::{
    ChangeOutcome, DeletionOutcome, DeletionState, RestorationOutcome, ShowOutcome,
};

use super::folders::Place;

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

/// The effects of a deletion beside taking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct How {
    /// Newer messages do not list the conversation.
    pub(crate) never: bool,
    /// The settings go, too.
    pub(crate) forget: bool,
}

/// The record of a deletion that changed something: how things stood before it, and the pin that it
/// has taken away.
#[derive(Clone, Debug)]
struct Taken {
    by: u64,
    hidden: u64,
    cleared: u64,
    pinned_at: Option<u64>,
    stayed_away: bool,
    forgotten: Forgotten,
}

/// The settings that a deletion has taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Forgotten {
    muted: bool,
    marks: u64,
    custom_data: Vec<u8>,
    pub(super) places: Vec<Place>,
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
    /// Whether newer messages of others do not list it.
    stays_away: bool,
    /// The revision that has pinned it, if it is pinned.
    pub(super) pinned_at: Option<u64>,
    pub(super) muted: bool,
    pub(super) marks: u64,
    pub(super) custom_data: Vec<u8>,
    /// The revision that has last changed a setting of it, a pin and a folder included, or has shown it again.
    pub(super) set_by: u64,
    /// The deletions that can be undone, the last one last: that is the next to be undone.
    taken: Vec<Taken>,
    /// Those that have been undone.
    undone: BTreeSet<u64>,
    /// Those that took something and have not been undone, also those that can be no more.
    in_force: BTreeSet<u64>,
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
        self.in_force.clear();
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
        !self.stays_away && self.has_newer(head)
    }

    /// Whether something has come since the last deletion.
    fn has_newer(&self, head: u64) -> bool {
        self.last(head) > self.hidden_through.max(self.joined())
    }

    /// The user has sent a message.
    pub(super) fn sent(&mut self, seq: u64) {
        self.read_through = seq;
        self.stays_away = false;
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
        how: How,
        head: u64,
        seen: Option<u64>,
        unfile: impl FnOnce() -> Vec<Place>,
    ) -> (DeletionOutcome, bool) {
        let last = self.last(head);
        let reach = seen.map_or(last, |seen| seen.min(last));
        if !self.ever_reached(head) {
            return (DeletionOutcome::NotFound, false);
        }
        let was_listed = self.is_listed(head);
        let (hidden, cleared) = (self.hidden_through, self.cleared_through);
        let stayed_away = self.stays_away;
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
        if hides {
            let is_kept = was_listed && self.has_newer(head);
            self.stays_away = how.never && !is_kept;
        }
        let outcome = if hides && self.is_listed(head) || was_listed && reach < last {
            DeletionOutcome::NewerMessagesKept
        } else if was_listed {
            DeletionOutcome::Deleted
        } else {
            DeletionOutcome::AlreadyDeleted
        };
        let mut forgotten = Forgotten::default();
        if how.forget && outcome != DeletionOutcome::NewerMessagesKept {
            forgotten = Forgotten {
                muted: std::mem::take(&mut self.muted),
                marks: std::mem::take(&mut self.marks),
                custom_data: std::mem::take(&mut self.custom_data),
                places: unfile(),
            };
        }
        let took = (hidden, cleared, stayed_away)
            != (self.hidden_through, self.cleared_through, self.stays_away)
            || forgotten != Forgotten::default();
        if took {
            self.in_force.insert(by);
            self.taken.push(Taken {
                by,
                hidden,
                cleared,
                pinned_at,
                stayed_away,
                forgotten,
            });
        }
        (outcome, took)
    }

    /// The outcome of leaving it alone, because it has changed since it was shown.
    pub(super) fn left_alone(&self, head: u64) -> DeletionOutcome {
        if !self.ever_reached(head) {
            DeletionOutcome::NotFound
        } else if self.is_listed(head) {
            DeletionOutcome::ChangedSincePlan
        } else {
            DeletionOutcome::AlreadyDeleted
        }
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
    pub(super) fn restore(&mut self, deletion: u64, head: u64) -> (RestorationOutcome, Forgotten) {
        let mut forgotten = Forgotten::default();
        let outcome = match self.taken.last().cloned() {
            Some(last) if last.by == deletion => {
                self.stays_away = last.stayed_away && !self.is_listed(head);
                self.hidden_through = self.hidden_through.min(last.hidden);
                self.cleared_through = last.cleared;
                self.pinned_at = self.pinned_at.or(last.pinned_at);
                forgotten = last.forgotten;
                self.muted |= forgotten.muted;
                self.marks |= forgotten.marks;
                if self.custom_data.is_empty() {
                    self.custom_data.clone_from(&forgotten.custom_data);
                }
                self.taken.pop();
                self.in_force.remove(&deletion);
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
        };
        (outcome, forgotten)
    }

    /// The state that undoing a deletion that took something would find; its window is open, or not.
    pub(super) fn state(&self, deletion: u64, is_open: bool) -> DeletionState {
        let is_last = self.in_force.last().is_none_or(|last| *last <= deletion);
        if !is_last {
            DeletionState::Superseded
        } else if self.undone.contains(&deletion) {
            DeletionState::Restored
        } else if !self.in_force.contains(&deletion) {
            // From before the user joined again.
            DeletionState::Superseded
        } else if !is_open {
            DeletionState::Expired
        } else if self.taken.iter().any(|taken| taken.by == deletion) {
            DeletionState::Restorable
        } else {
            // Its undo was given up, and the clock was set back since.
            DeletionState::Superseded
        }
    }

    /// Lists it again, if it is hidden. Up to where it was hidden nothing is unread.
    pub(super) fn show(&mut self, head: u64) -> ShowOutcome {
        let last = self.last(head);
        if last <= self.joined() {
            return ShowOutcome::NotFound;
        }
        if self.is_listed(head) {
            return ShowOutcome::AlreadyListed;
        }
        self.stays_away = false;
        if !self.has_newer(head) {
            self.read_through = self.read_through.max(self.hidden_through);
            self.hidden_through = last - 1;
        }
        ShowOutcome::Shown
    }

    /// Whether it is off the list although something has reached the user.
    pub(super) fn is_hidden(&self, head: u64) -> bool {
        self.last(head) > self.joined() && !self.is_listed(head)
    }

    pub(super) fn stays_away(&self) -> bool {
        self.stays_away
    }

    /// Whether what is hidden was cleared.
    pub(super) fn is_cleared(&self) -> bool {
        self.cleared_through > self.joined() && self.cleared_through >= self.hidden_through
    }

    /// The deletion to be undone next.
    pub(super) fn last_deletion(&self) -> Option<u64> {
        self.taken.last().map(|taken| taken.by)
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

    /// Whether a deletion that took something can never be undone, and was not: some of what it has cleared may be
    /// for nobody now.
    pub(super) fn is_over(&self, deletion: u64) -> bool {
        let is_open = self.taken.iter().any(|taken| taken.by == deletion);
        !is_open && !self.undone.contains(&deletion)
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
