//! The world of the model: one conversation, one of its members, and who works on them.

/// The most of each in any world.
pub(crate) const MOST: usize = 2;
/// How long a lease of the erasing job lasts.
pub(crate) const LEASE: u8 = 1;
/// How far an eraser's own clock is ahead of the database's.
pub(crate) const AHEAD: u8 = 2;

/// A mistake that the service could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// A message gets its position before its head is locked.
    NumbersBeforeTheLock,
    /// A change counts on from a revision that it has read before it has the member's lock.
    RevisionIsReadWithoutTheLock,
    /// Undoing puts back the watermarks, and not what was on top of the stack before.
    UndoForgetsWhatWasBelow,
    /// Undoing goes by the window alone, which a replica with a slow clock takes for open.
    UndoDoesNotAskWhatEnded,
    /// The job decides what to erase and only then says what can be undone no more.
    ErasesBeforeUndoEnds,
    /// The job goes by its machine's clock.
    ErasesByItsOwnClock,
}

/// The model: the service, with a mistake or without.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World {
    /// The messages that are sent, one by each sender.
    pub(crate) senders: usize,
    /// The replicas that take requests of the member.
    pub(crate) clients: usize,
    /// The replicas that erase.
    pub(crate) erasers: usize,
    /// The most changes that the member makes.
    pub(crate) changes: usize,
    /// When time ends.
    pub(crate) last_time: u8,
    pub(crate) mistake: Option<Mistake>,
}

/// Changes of several replicas, while messages come in. Time stands still.
pub(crate) const TRAFFIC: World = World {
    senders: 2,
    clients: 2,
    erasers: 0,
    changes: 3,
    last_time: 0,
    mistake: None,
};

/// Deletions are undone one after the other, while windows close and a replica erases.
pub(crate) const UNDOING: World = World {
    senders: 2,
    clients: 1,
    erasers: 1,
    changes: 4,
    last_time: 2,
    mistake: None,
};

/// Replicas take over from each other in the midst of erasing.
pub(crate) const ERASING: World = World {
    senders: 1,
    clients: 1,
    erasers: 2,
    changes: 3,
    last_time: 3,
    mistake: None,
};

/// Everything at one moment. Positions, revisions and times are small numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The database's time.
    pub(crate) now: u8,
    /// The position of the newest message.
    pub(crate) head: u8,
    /// The sender that holds the head's lock.
    pub(crate) head_lock: Option<usize>,
    /// The position that was given out last, where that is not done under the lock.
    pub(crate) numbered: u8,
    /// The positions that are stored.
    pub(crate) stored: Positions,
    /// The positions that have been erased.
    pub(crate) erased: Positions,
    pub(crate) senders: [Sender; MOST],
    /// The member's newest revision.
    pub(crate) revision: u8,
    /// The member's row.
    pub(crate) row: Row,
    /// The member's log, in the order in which it was written.
    pub(crate) changes: Vec<Change>,
    pub(crate) clients: [Client; MOST],
    /// The eraser, and until when nobody else erases.
    pub(crate) lease: Option<(usize, u8)>,
    pub(crate) erasers: [Eraser; MOST],
}

/// A set of positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Positions(u8);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Sender {
    #[default]
    Ready,
    /// It has this position, and has not committed.
    Sending(u8),
    Done,
}

/// The member's row of the conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Row {
    pub(crate) hidden_through: u8,
    pub(crate) cleared_through: u8,
    /// The deletion on top of the stack; 0 if there is none.
    pub(crate) taken_by: u8,
    /// Cleared messages that are newer than this may come back.
    pub(crate) kept_after: Option<u8>,
    /// Deletions up to this revision can be undone no more.
    pub(crate) undo_ended: u8,
}

/// An entry of the member's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Change {
    pub(crate) revision: u8,
    /// The deletion, if it is one; an undo otherwise.
    pub(crate) deletion: Option<Deletion>,
}

/// A deletion, as its entry has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deletion {
    /// How far it reaches.
    pub(crate) through: u8,
    /// The row before it.
    pub(crate) before: Row,
    /// Until when it can be undone.
    pub(crate) until: u8,
    /// The messages that were stored when the head was read: the member has seen nothing else. No part of
    /// the service.
    pub(crate) seen: Positions,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    #[default]
    Idle,
    /// It has read the head, for a deletion.
    Deleting {
        head: u8,
        revision: u8,
        seen: Positions,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Eraser {
    #[default]
    Idle,
    /// It has the lease, or had it.
    Claimed,
    /// It is going to erase this far.
    Erasing(u8),
    /// It has erased, and has yet to say what can be undone no more. Only by mistake.
    Late(u8),
}

impl Positions {
    pub(crate) fn up_to(last: u8) -> Self {
        (1..=last).fold(Self::default(), Self::with)
    }

    pub(crate) fn with(self, position: u8) -> Self {
        Self(self.0 | 1 << position)
    }

    pub(crate) fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    pub(crate) fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(crate) fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl State {
    /// The deletion of this revision.
    pub(crate) fn deletion(&self, revision: u8) -> Option<Deletion> {
        let mut changes = self.changes.iter();
        changes.find(|it| it.revision == revision)?.deletion
    }

    /// The deletions that can be undone one after the other, the latest first.
    pub(crate) fn stack(&self) -> Vec<(u8, Deletion)> {
        let mut stack = Vec::new();
        let mut revision = self.row.taken_by;
        while let Some(deletion) = self.deletion(revision) {
            stack.push((revision, deletion));
            revision = deletion.before.taken_by;
        }
        stack
    }
}
