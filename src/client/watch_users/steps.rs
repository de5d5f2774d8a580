//! The users that the caller wants to follow, and the messages that make the server follow them.
//!
//! Each user waits at most once to be added or removed. So the queue is bounded by the number of users, however
//! often they are added and removed.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use prost::Message as _;
use tonic::{Code, Status, codegen::tokio_stream::Stream};

use crate::proto::{
    AddWatchedUser, RemoveWatchedUser, WatchConversationsResponse, WatchUsersRequest,
    WatchUsersResponse, WatchedUserEnded, WatchedUserEvent, watch_users_request::Step,
    watch_users_response::Entry,
};

/// The users of one watch.
#[derive(Debug)]
pub(super) struct Shared {
    client_id: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    users: HashMap<String, Followed>,
    /// Users whose adding or removing is to be sent, each once.
    waiting: VecDeque<String>,
    is_waiting: HashSet<String>,
    /// The number of the stream that sends them; those before send nothing more.
    stream: u64,
    waker: Option<Waker>,
    is_closed: bool,
}

/// A user that is to be followed.
#[derive(Debug, Clone, Copy)]
struct Followed {
    /// The last revision that is known.
    after: Option<u64>,
    /// Whether the present stream has answered the adding. Until then entries may be those of before.
    is_answered: bool,
}

/// A message for the caller.
#[derive(Debug)]
pub(super) enum Heard {
    Entry(String, WatchConversationsResponse),
    Ended(String, Status),
}

/// The messages of one stream.
#[derive(Debug)]
pub(super) struct Steps {
    shared: Arc<Shared>,
    stream: u64,
    /// To be sent first.
    first: Option<WatchUsersRequest>,
}

impl Shared {
    pub(super) fn new(client_id: String) -> Self {
        Self {
            client_id,
            state: Mutex::default(),
        }
    }

    pub(super) fn add(&self, user_id: String, after: Option<u64>) {
        let followed = Followed {
            after,
            is_answered: false,
        };
        let mut state = self.state();
        state.users.insert(user_id.clone(), followed);
        state.send(user_id);
    }

    /// Adds users again that have ended, unless they were removed meanwhile.
    pub(super) fn add_again(&self, users: Vec<String>) {
        let mut state = self.state();
        for user_id in users {
            if state.users.contains_key(&user_id) {
                state.send(user_id);
            }
        }
    }

    pub(super) fn remove(&self, user_id: &str) {
        let mut state = self.state();
        if state.users.remove(user_id).is_some() {
            state.send(user_id.to_owned());
        }
    }

    /// A user has ended for good.
    pub(super) fn forget(&self, user_id: &str) {
        self.state().users.remove(user_id);
    }

    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.wake();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    /// Notes what a message says. `None` if it is nothing for the caller: of a user that was removed, or of
    /// the time before a user was added again.
    pub(super) fn take(&self, message: WatchUsersResponse) -> Option<Heard> {
        let mut state = self.state();
        // A message of a newer service that this client does not know is passed over.
        match message.entry? {
            Entry::Event(WatchedUserEvent {
                user_id,
                revision,
                time,
                client_id,
                change,
            }) => {
                let followed = state.users.get_mut(&user_id)?;
                if !followed.is_answered {
                    let is_answer = followed.after.is_none_or(|after| after == revision);
                    if change.is_some() || !is_answer {
                        return None;
                    }
                    followed.is_answered = true;
                } else if followed.after.is_some_and(|after| {
                    // Of a user that was added twice.
                    revision < after || (revision == after && change.is_some())
                }) {
                    return None;
                }
                followed.after = Some(revision);
                let entry = WatchConversationsResponse {
                    revision,
                    time,
                    client_id,
                    change,
                };
                Some(Heard::Entry(user_id, entry))
            }
            Entry::Ended(WatchedUserEnded { user_id, status }) => {
                let followed = state.users.get_mut(&user_id)?;
                followed.is_answered = false;
                let status = status.unwrap_or_default();
                let details = status.encode_to_vec().into();
                let status = Status::with_details(Code::from(status.code), status.message, details);
                Some(Heard::Ended(user_id, status))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn send(&mut self, user_id: String) {
        if self.is_waiting.insert(user_id.clone()) {
            self.waiting.push_back(user_id);
        }
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Steps {
    /// Begins a stream that adds all users again. The stream before ends.
    pub(super) fn begin(shared: &Arc<Shared>) -> Self {
        let mut state = shared.state();
        state.stream += 1;
        state.wake();
        let users: Vec<_> = state.users.keys().cloned().collect();
        state.waiting = users.iter().cloned().collect();
        state.is_waiting = users.into_iter().collect();
        for followed in state.users.values_mut() {
            followed.is_answered = false;
        }
        let stream = state.stream;
        drop(state);
        let named = WatchUsersRequest {
            client_id: shared.client_id.clone(),
            step: None,
        };
        Self {
            shared: Arc::clone(shared),
            stream,
            first: (!shared.client_id.is_empty()).then_some(named),
        }
    }
}

impl Stream for Steps {
    type Item = WatchUsersRequest;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<WatchUsersRequest>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let mut state = self.shared.state();
        if state.stream != self.stream {
            return Poll::Ready(None);
        }
        let Some(user_id) = state.waiting.pop_front() else {
            if state.is_closed {
                return Poll::Ready(None);
            }
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        state.is_waiting.remove(&user_id);
        let step = match state.users.get(&user_id) {
            Some(followed) => Step::Add(AddWatchedUser {
                after_revision: followed.after,
                user_id,
            }),
            None => Step::Remove(RemoveWatchedUser { user_id }),
        };
        Poll::Ready(Some(WatchUsersRequest {
            client_id: String::new(),
            step: Some(step),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Change;

    fn shared() -> Arc<Shared> {
        Arc::new(Shared::new(String::new()))
    }

    /// The messages that wait to be sent, in the order of their texts.
    fn sent(steps: &mut Steps) -> Vec<String> {
        let mut context = Context::from_waker(Waker::noop());
        let mut sent = Vec::new();
        while let Poll::Ready(Some(message)) = Pin::new(&mut *steps).poll_next(&mut context) {
            sent.push(match message.step {
                Some(Step::Add(add)) => format!("add {} {:?}", add.user_id, add.after_revision),
                Some(Step::Remove(remove)) => format!("remove {}", remove.user_id),
                None => continue,
            });
        }
        sent.sort();
        sent
    }

    /// Whether the caller hears of it.
    fn hears(shared: &Shared, revision: u64, change: Option<Change>) -> bool {
        let event = WatchedUserEvent {
            user_id: "alice".to_owned(),
            revision,
            change,
            ..WatchedUserEvent::default()
        };
        let entry = Some(Entry::Event(event));
        shared.take(WatchUsersResponse { entry }).is_some()
    }

    #[test]
    fn a_new_stream_adds_each_user_with_the_last_revision_that_was_returned() {
        let shared = shared();
        shared.add("alice".to_owned(), Some(3));
        shared.add("bob".to_owned(), None);
        shared.add("carol".to_owned(), Some(1));
        shared.remove("carol");
        let mut first = Steps::begin(&shared);
        assert_eq!(sent(&mut first), ["add alice Some(3)", "add bob None"]);
        assert!(hears(&shared, 3, None) && hears(&shared, 4, Some(Change::default())));

        let mut second = Steps::begin(&shared);
        shared.remove("bob");
        shared.add("dora".to_owned(), None);
        let mut context = Context::from_waker(Waker::noop());
        let ended = Pin::new(&mut first).poll_next(&mut context);
        assert!(
            matches!(ended, Poll::Ready(None)),
            "it was the first's turn"
        );
        let expected = ["add alice Some(4)", "add dora None", "remove bob"];
        assert_eq!(sent(&mut second), expected);
    }

    #[test]
    fn entries_of_the_time_before_a_user_was_added_again_are_passed_over() {
        let shared = shared();
        shared.add("alice".to_owned(), Some(7));
        assert!(hears(&shared, 7, None) && hears(&shared, 8, Some(Change::default())));
        shared.add("alice".to_owned(), Some(5));
        assert!(!hears(&shared, 9, Some(Change::default())));
        assert!(!hears(&shared, 9, None));
        assert!(hears(&shared, 5, None) && hears(&shared, 6, Some(Change::default())));
        shared.remove("alice");
        assert!(!hears(&shared, 7, Some(Change::default())));
    }

    #[test]
    fn nothing_is_returned_twice_of_a_user_that_was_added_twice() {
        let shared = shared();
        shared.add("alice".to_owned(), Some(5));
        assert!(hears(&shared, 5, None) && hears(&shared, 6, Some(Change::default())));
        assert!(!hears(&shared, 5, None) && !hears(&shared, 6, Some(Change::default())));
        assert!(hears(&shared, 6, None) && hears(&shared, 7, Some(Change::default())));
    }

    #[test]
    fn a_user_that_is_added_and_removed_again_and_again_waits_once() {
        let shared = shared();
        let mut steps = Steps::begin(&shared);
        for _ in 0..100 {
            shared.add("alice".to_owned(), None);
            shared.remove("alice");
        }
        assert_eq!(sent(&mut steps), ["remove alice"]);
        shared.close();
        let mut context = Context::from_waker(Waker::noop());
        let ended = Pin::new(&mut steps).poll_next(&mut context);
        assert!(matches!(ended, Poll::Ready(None)));
    }
}
