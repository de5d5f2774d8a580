//! The steps that can happen next. A step is what one statement or one transaction does, all at once.

use stateright::{Model, Property};

use super::{
    promises,
    world::{
        AHEAD, Change, Client, Deletion, Eraser, LEASE, Mistake, Positions, Sender, State, World,
    },
};

/// The kinds of deletions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Takes {
    Entry,
    EntryAndHistory,
}

/// A replica's clock, as it differs from the database's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Clock {
    Behind,
    Right,
}

/// A step, by whom it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    Tick,
    /// A sender locks the head and takes the next position.
    Number(usize),
    /// It stores the message and lets go of the head.
    Commit(usize),
    /// It dies, and the database lets go of the head.
    Die(usize),
    /// A replica reads how far the conversation goes.
    ReadHead(usize),
    /// It deletes that far, under the member's lock.
    Delete(usize, Takes),
    /// A replica undoes the latest deletion, under the member's lock.
    Undo(Clock),
    /// A replica takes the lease of the erasing job.
    Claim(usize),
    /// It says what can be undone no more, under the member's lock, and sees how far it may erase.
    EndUndo(usize),
    Erase(usize),
    /// The end of undo comes too late, by mistake.
    EndUndoLate(usize),
    /// It dies. The lease stays until its time is up.
    Crash(usize),
}

impl World {
    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}

impl Model for World {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, _: &State, steps: &mut Vec<Step>) {
        steps.push(Step::Tick);
        for sender in 0..self.senders {
            steps.extend([Step::Number, Step::Commit, Step::Die].map(|step| step(sender)));
        }
        for client in 0..self.clients {
            steps.push(Step::ReadHead(client));
            steps.push(Step::Delete(client, Takes::Entry));
            steps.push(Step::Delete(client, Takes::EntryAndHistory));
        }
        steps.extend([Clock::Behind, Clock::Right].map(Step::Undo));
        for eraser in 0..self.erasers {
            let all = [
                Step::Claim,
                Step::EndUndo,
                Step::Erase,
                Step::EndUndoLate,
                Step::Crash,
            ];
            steps.extend(all.map(|step| step(eraser)));
        }
    }

    /// `None` where the step cannot be made.
    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        let made = match step {
            Step::Tick => self.tick(&mut state),
            Step::Number(sender) => self.number(&mut state, sender),
            Step::Commit(sender) => commit(&mut state, sender),
            Step::Die(sender) => die(&mut state, sender),
            Step::ReadHead(client) => read_head(&mut state, client),
            Step::Delete(client, takes) => self.delete(&mut state, client, takes),
            Step::Undo(clock) => self.undo(&mut state, clock),
            Step::Claim(eraser) => claim(&mut state, eraser),
            Step::EndUndo(eraser) => self.end_undo(&mut state, eraser),
            Step::Erase(eraser) => self.erase(&mut state, eraser),
            Step::EndUndoLate(eraser) => end_undo_late(&mut state, eraser),
            Step::Crash(eraser) => crash(&mut state, eraser),
        };
        made.map(|()| state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promises::all()
    }
}

impl World {
    fn tick(&self, state: &mut State) -> Option<()> {
        (state.now < self.last_time).then(|| state.now += 1)
    }

    fn number(&self, state: &mut State, sender: usize) -> Option<()> {
        if state.senders[sender] != Sender::Ready {
            return None;
        }
        if self.makes(Mistake::NumbersBeforeTheLock) {
            state.numbered += 1;
            state.senders[sender] = Sender::Sending(state.numbered);
            return Some(());
        }
        if state.head_lock.is_some() {
            return None;
        }
        state.head_lock = Some(sender);
        state.senders[sender] = Sender::Sending(state.head + 1);
        Some(())
    }
}

fn commit(state: &mut State, sender: usize) -> Option<()> {
    let Sender::Sending(position) = state.senders[sender] else {
        return None;
    };
    state.head = state.head.max(position);
    state.stored = state.stored.with(position);
    state.head_lock = None;
    state.senders[sender] = Sender::Done;
    Some(())
}

fn die(state: &mut State, sender: usize) -> Option<()> {
    let Sender::Sending(_) = state.senders[sender] else {
        return None;
    };
    state.head_lock = None;
    state.senders[sender] = Sender::Done;
    Some(())
}

fn read_head(state: &mut State, client: usize) -> Option<()> {
    if state.clients[client] != Client::Idle || state.head == 0 {
        return None;
    }
    state.clients[client] = Client::Deleting {
        head: state.head,
        revision: state.revision,
        seen: state.stored,
    };
    Some(())
}

impl World {
    fn delete(&self, state: &mut State, client: usize, takes: Takes) -> Option<()> {
        let Client::Deleting {
            head,
            revision,
            seen,
        } = state.clients[client]
        else {
            return None;
        };
        if state.changes.len() == self.changes {
            return None;
        }
        state.clients[client] = Client::Idle;
        let revision = if self.makes(Mistake::RevisionIsReadWithoutTheLock) {
            revision + 1
        } else {
            state.revision + 1
        };
        let before = state.row;
        let row = &mut state.row;
        row.hidden_through = row.hidden_through.max(head);
        if takes == Takes::EntryAndHistory && head > row.cleared_through {
            row.kept_after = row.kept_after.or(Some(row.cleared_through));
            row.cleared_through = head;
        }
        // A repeat that takes nothing supersedes nothing.
        if *row != before {
            row.taken_by = revision;
        }
        // The window was set to something shorter after the first change.
        let window = if state.changes.is_empty() { 2 } else { 1 };
        state.revision = revision;
        state.changes.push(Change {
            revision,
            deletion: Some(Deletion {
                through: head,
                before,
                until: state.now + window,
                seen,
            }),
        });
        Some(())
    }

    fn undo(&self, state: &mut State, clock: Clock) -> Option<()> {
        let latest = state.row.taken_by;
        let deletion = state.deletion(latest)?;
        let time = match clock {
            Clock::Behind => state.now.saturating_sub(1),
            Clock::Right => state.now,
        };
        let is_ended = latest <= state.row.undo_ended;
        if time >= deletion.until
            || (is_ended && !self.makes(Mistake::UndoDoesNotAskWhatEnded))
            || state.changes.len() == self.changes
        {
            return None;
        }
        let row = &mut state.row;
        row.hidden_through = row.hidden_through.min(deletion.before.hidden_through);
        row.cleared_through = deletion.before.cleared_through;
        row.kept_after = row.kept_after.filter(|kept| *kept < row.cleared_through);
        row.taken_by = if self.makes(Mistake::UndoForgetsWhatWasBelow) {
            0
        } else {
            deletion.before.taken_by
        };
        state.revision += 1;
        state.changes.push(Change {
            revision: state.revision,
            deletion: None,
        });
        Some(())
    }
}

fn claim(state: &mut State, eraser: usize) -> Option<()> {
    let is_free = state.lease.is_none_or(|(_, until)| until <= state.now);
    if state.erasers[eraser] != Eraser::Idle || !is_free {
        return None;
    }
    state.lease = Some((eraser, state.now + LEASE));
    state.erasers[eraser] = Eraser::Claimed;
    Some(())
}

impl World {
    /// The highest revision that can be undone no more, as far as the job can tell.
    fn ended(&self, state: &State) -> u8 {
        let time = if self.makes(Mistake::ErasesByItsOwnClock) {
            state.now + AHEAD
        } else {
            state.now
        };
        let stack = state.stack();
        let is_over = |(_, deletion): &&(u8, Deletion)| deletion.until <= time;
        // From the bottom on. One that is over and stands on one that is not keeps its place.
        let ended = stack.iter().rev().take_while(is_over).last();
        ended.map_or(0, |(revision, _)| *revision)
    }

    fn end_undo(&self, state: &mut State, eraser: usize) -> Option<()> {
        if state.erasers[eraser] != Eraser::Claimed {
            return None;
        }
        let ended = self.ended(state).max(state.row.undo_ended);
        let through = kept_through(state, ended);
        if !self.makes(Mistake::ErasesBeforeUndoEnds) {
            state.row.undo_ended = ended;
            state.row.kept_after = (through < state.row.cleared_through).then_some(through);
        }
        state.erasers[eraser] = Eraser::Erasing(through);
        Some(())
    }

    fn erase(&self, state: &mut State, eraser: usize) -> Option<()> {
        let Eraser::Erasing(through) = state.erasers[eraser] else {
            return None;
        };
        let gone = Positions::up_to(through).and(state.stored);
        state.erased = state.erased.or(gone);
        state.erasers[eraser] = if self.makes(Mistake::ErasesBeforeUndoEnds) {
            Eraser::Late(self.ended(state))
        } else {
            Eraser::Idle
        };
        Some(())
    }
}

/// How far the history can never come back once deletions up to `ended` cannot be undone.
fn kept_through(state: &State, ended: u8) -> u8 {
    let undoable = state.stack().into_iter().filter(|(it, _)| *it > ended);
    let kept = undoable.map(|(_, deletion)| deletion.before.cleared_through);
    kept.min().unwrap_or(state.row.cleared_through)
}

fn end_undo_late(state: &mut State, eraser: usize) -> Option<()> {
    let Eraser::Late(ended) = state.erasers[eraser] else {
        return None;
    };
    state.row.undo_ended = state.row.undo_ended.max(ended);
    state.erasers[eraser] = Eraser::Idle;
    Some(())
}

fn crash(state: &mut State, eraser: usize) -> Option<()> {
    if state.erasers[eraser] == Eraser::Idle {
        return None;
    }
    state.erasers[eraser] = Eraser::Idle;
    Some(())
}
