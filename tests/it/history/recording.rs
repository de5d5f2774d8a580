//! The calls of a history: each request, its time and its outcome.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use conversation_service::proto::{
    ConversationId, Message, SendMessageRequest, SendSystemMessageRequest,
    WatchConversationsResponse,
};
use tokio::sync::watch;

use crate::{
    model::shared_name,
    properties::requests::{Answer, Request},
    support::ids::system,
};

/// A point in the order of everything that the test has seen.
pub(super) type Moment = u64;

/// Something that a caller asks for. Each has an ID, so that it can be asked again.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Asked {
    Change(Request),
    Message(SendMessageRequest),
    Announcement(SendSystemMessageRequest),
    Membership(Membership),
}

/// Users join or leave a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Membership {
    pub(super) group: &'static str,
    pub(super) users: Vec<&'static str>,
    pub(super) joins: bool,
    pub(super) request_id: String,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    Changed(Answer),
    Stored(Vec<Message>),
    /// How many users have joined or left.
    Members(i32),
}

/// The outcome of a call, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// It may have been done, and may still be.
    InDoubt,
    Done(Told),
    /// It was not done, for this reason.
    Refused(String),
}

/// A call, with all its tries.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) asked: Asked,
    /// When it was asked for the first time.
    pub(super) began: Moment,
    /// The number of times that it was asked for, by any caller.
    pub(super) tries: usize,
    /// When its first answer came.
    pub(super) ended: Option<Moment>,
    pub(super) outcome: Outcome,
    /// The outcomes when it was asked again after that.
    pub(super) again: Vec<Outcome>,
}

/// One stream of a watcher: the revision that it began after, and what it has said.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) after: u64,
    pub(super) events: Vec<WatchConversationsResponse>,
}

/// All streams of a watcher, in the order of time.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) user: String,
    pub(super) streams: Vec<Stream>,
}

/// Everything that was seen from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) calls: Vec<Call>,
    /// How many groups each user had joined before: each is a change.
    pub(super) joined: BTreeMap<String, u64>,
    pub(super) watched: Vec<Watched>,
    /// The events that a watcher of each user receives in the end, from the beginning on.
    pub(super) replayed: BTreeMap<String, Vec<WatchConversationsResponse>>,
    /// Answers that nobody should ever get.
    pub(super) failures: Vec<String>,
}

impl Call {
    pub(super) fn told(&self) -> Option<&Told> {
        match &self.outcome {
            Outcome::Done(told) => Some(told),
            Outcome::InDoubt | Outcome::Refused(_) => None,
        }
    }

    /// The change, and its answer, if it was made.
    pub(super) fn changed(&self) -> Option<(&Request, &Answer)> {
        match (&self.asked, self.told()) {
            (Asked::Change(request), Some(Told::Changed(answer))) => Some((request, answer)),
            _ => None,
        }
    }

    /// The messages that were stored, each with a participant of its conversation.
    pub(super) fn stored(&self) -> Vec<(&str, &Message)> {
        let Some(Told::Stored(messages)) = self.told() else {
            return Vec::new();
        };
        let participants: Vec<&str> = match &self.asked {
            Asked::Message(request) => vec![&request.sender_user_id],
            Asked::Announcement(request) => request.user_ids.iter().map(String::as_str).collect(),
            Asked::Change(_) | Asked::Membership(_) => Vec::new(),
        };
        participants.into_iter().zip(messages).collect()
    }
}

impl History {
    /// The user's revision when the history began.
    pub(super) fn joined(&self, user: &str) -> u64 {
        self.joined.get(user).copied().unwrap_or_default()
    }

    /// In numbers.
    pub(super) fn summary(&self) -> String {
        let count = |is: fn(&Call) -> bool| self.calls.iter().filter(|call| is(call)).count();
        let again: usize = self.calls.iter().map(|call| call.again.len()).sum();
        let streams: usize = self
            .watched
            .iter()
            .map(|watched| watched.streams.len())
            .sum();
        format!(
            "{} calls: {} changes, {} messages, {} joinings and leavings, {} refused, {} never answered; {again} asked again; \
             {streams} streams",
            self.calls.len(),
            count(|call| call.changed().is_some()),
            count(|call| !call.stored().is_empty()),
            count(|call| matches!(call.told(), Some(Told::Members(_)))),
            count(|call| matches!(call.outcome, Outcome::Refused(_))),
            count(|call| call.outcome == Outcome::InDoubt),
        )
    }
}

impl Asked {
    /// The conversations that it may put a message into, as all participants call them.
    pub(super) fn destinations(&self) -> Vec<String> {
        match self {
            Self::Change(_) | Self::Membership(_) => Vec::new(),
            Self::Message(request) => {
                let to = request.conversation_id.as_ref().expect("it is set");
                vec![shared_name(&request.sender_user_id, to)]
            }
            Self::Announcement(request) => {
                let users = request.user_ids.iter();
                users.map(|user| shared_name(user, &system())).collect()
            }
        }
    }
}

/// Takes down what callers and watchers see.
#[derive(Default)]
pub(super) struct Recorder {
    state: Mutex<State>,
    /// How many calls have come to an end.
    pub(super) done: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    now: Moment,
    history: History,
    /// The newest position that is known of each conversation.
    heads: BTreeMap<String, u64>,
}

impl Recorder {
    /// A call begins; returns its number.
    pub(super) fn begin(&self, asked: Asked) -> usize {
        let mut state = self.state();
        let began = state.tick();
        state.history.calls.push(Call {
            asked,
            began,
            tries: 0,
            ended: None,
            outcome: Outcome::InDoubt,
            again: Vec::new(),
        });
        state.history.calls.len() - 1
    }

    /// A call is tried. Returns whether it is known to have been carried out, or `None` if it was refused:
    /// then nobody may ask for it any more.
    pub(super) fn tries(&self, call: usize) -> Option<bool> {
        let mut state = self.state();
        let call = &mut state.history.calls[call];
        if matches!(call.outcome, Outcome::Refused(_)) {
            return None;
        }
        call.tries += 1;
        Some(call.told().is_some())
    }

    /// A try of a call was refused, which was done before the try began or not. Where it was not, the refusal
    /// settles the call only if this was its only try: another one may fare better.
    pub(super) fn refused(&self, call: usize, was_done: bool, reason: String) {
        let state = self.state();
        if was_done || state.history.calls[call].tries == 1 {
            self.settle(state, call, Outcome::Refused(reason));
        }
    }

    /// A try of a call was answered.
    pub(super) fn answered(&self, call: usize, told: Told) {
        self.settle(self.state(), call, Outcome::Done(told));
    }

    fn settle(&self, mut state: MutexGuard<'_, State>, call: usize, outcome: Outcome) {
        let now = state.tick();
        let call = &mut state.history.calls[call];
        if call.outcome == Outcome::InDoubt {
            call.ended = Some(now);
            call.outcome = outcome;
            let stored = call.stored().into_iter().map(|(participant, message)| {
                let id = message.conversation_id.as_ref().expect("a message has it");
                (shared_name(participant, id), message.seq)
            });
            for (name, seq) in stored.collect::<Vec<_>>() {
                let head = state.heads.entry(name).or_default();
                *head = seq.max(*head);
            }
            drop(state);
            self.done.send_modify(|done| *done += 1);
        } else {
            call.again.push(outcome);
        }
    }

    /// A call got an answer that it never should.
    pub(super) fn failed(&self, what: String) {
        self.state().history.failures.push(what);
    }

    /// A watcher is done.
    pub(super) fn watched(&self, watched: Watched) {
        self.state().history.watched.push(watched);
    }

    /// How far the conversation has come, as far as is known.
    pub(super) fn head(&self, user: &str, id: &ConversationId) -> u64 {
        let name = shared_name(user, id);
        self.state().heads.get(&name).copied().unwrap_or_default()
    }

    /// The request of the call with this number.
    pub(super) fn asked(&self, call: usize) -> Asked {
        self.state().history.calls[call].asked.clone()
    }

    /// The calls that fulfil a condition.
    pub(super) fn calls(&self, is_wanted: impl Fn(&Call) -> bool) -> Vec<usize> {
        let state = self.state();
        let calls = state.history.calls.iter().zip(0..);
        calls
            .filter_map(|(call, number)| is_wanted(call).then_some(number))
            .collect()
    }

    /// The values of `of` for the changes that are known to have been made, in the order of their calls.
    pub(super) fn history_of_changes<T>(
        &self,
        of: impl Fn(&Request, &Answer) -> Option<T>,
    ) -> Vec<T> {
        let state = self.state();
        let changes = state.history.calls.iter().filter_map(Call::changed);
        changes
            .filter_map(|(request, answer)| of(request, answer))
            .collect()
    }

    /// All that was seen so far.
    pub(super) fn history(&self) -> History {
        self.state().history.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }
}

impl State {
    fn tick(&mut self) -> Moment {
        self.now += 1;
        self.now
    }
}

#[test]
fn a_refusal_settles_a_call_only_if_no_other_try_may_fare_better() {
    let asked = || {
        Asked::Membership(Membership {
            group: "team",
            users: vec!["alice"],
            joins: true,
            request_id: String::new(),
        })
    };
    let recorder = Recorder::default();
    let refuse = |call, was_done| recorder.refused(call, was_done, "refused".to_owned());
    let outcome = |call: usize| recorder.history().calls[call].outcome.clone();

    let alone = recorder.begin(asked());
    assert_eq!(recorder.tries(alone), Some(false));
    refuse(alone, false);
    assert_eq!(outcome(alone), Outcome::Refused("refused".to_owned()));
    assert_eq!(recorder.tries(alone), None);

    let shared = recorder.begin(asked());
    assert_eq!(recorder.tries(shared), Some(false));
    assert_eq!(recorder.tries(shared), Some(false));
    refuse(shared, false);
    assert_eq!(outcome(shared), Outcome::InDoubt);
    recorder.answered(shared, Told::Members(1));
    refuse(shared, false);
    assert_eq!(recorder.history().calls[shared].again, []);
    assert_eq!(recorder.tries(shared), Some(true));
    refuse(shared, true);
    assert_eq!(recorder.history().calls[shared].again.len(), 1);
}
