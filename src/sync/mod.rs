//! Wakes the watchers of a user when the user has changed.
//!
//! Watchers read the log in the database; a wake only says that there is something to read. Four things wake
//! a watcher: a change made by this process; a notification from another replica; the slow poll, which asks
//! the database for the revisions of all watched users and needs no notifications; and the watcher's own first
//! look. Losing one of the first two only causes a delay.
//!
//! Invariant: a watcher subscribes before it looks for the first time, so no change can fall between.

mod ear;
mod tasks;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use smallvec::SmallVec;
use tokio::sync::mpsc;

use self::ear::Woken;
use crate::domain::{Revision, UserId};

pub use ear::{Ear, Listening, Subscription};
pub use tasks::run;

/// The most changed users that wait for other replicas to be notified. Those that do not fit are left to
/// the replicas' slow poll.
const WAITING: usize = 4096;

/// Knows which users are watched. Cloning is cheap.
#[derive(Clone)]
pub struct Wakes {
    watched: Arc<Mutex<Watched>>,
    changed: mpsc::Sender<(UserId, Revision)>,
}

type Watched = HashMap<UserId, Listeners>;

/// The ears of one user, of whom there is at least one.
#[derive(Default)]
struct Listeners {
    /// The highest known revision of the user.
    known: Revision,
    /// Mostly one, so it needs no allocation of its own.
    ears: SmallVec<[(Arc<Woken>, Listening); 1]>,
}

/// The changes of this process, of which other replicas are to be notified.
pub struct Changed(mpsc::Receiver<(UserId, Revision)>);

impl Wakes {
    /// Nobody is watched yet.
    #[must_use]
    pub fn new() -> (Self, Changed) {
        let (changed, receiver) = mpsc::channel(WAITING);
        let wakes = Self {
            watched: Arc::default(),
            changed,
        };
        (wakes, Changed(receiver))
    }

    /// Wakes the watchers of `user`, here and on other replicas.
    pub fn changed(&self, user: &UserId, revision: Revision) {
        self.wake(user, revision);
        // Full means that other replicas find out a little later.
        let _ = self.changed.try_send((user.clone(), revision));
    }

    /// Begins to listen for changes of `user`.
    #[must_use]
    pub fn subscribe(&self, user: &UserId) -> Subscription {
        Subscription::new(self.ear(), user)
    }

    /// An ear that listens to nobody yet.
    #[must_use]
    pub fn ear(&self) -> Ear {
        Ear::new(Arc::clone(&self.watched))
    }

    /// Wakes the watchers of `user` here, if this is news.
    fn wake(&self, user: &UserId, revision: Revision) {
        if let Some(listeners) = lock(&self.watched).get_mut(user)
            && revision > listeners.known
        {
            listeners.known = revision;
            for (woken, listening) in &listeners.ears {
                woken.add(*listening, revision);
            }
        }
    }

    fn watched_users(&self) -> Vec<UserId> {
        lock(&self.watched).keys().cloned().collect()
    }
}

/// The map is changed by single calls only, so a panic elsewhere cannot have left it half changed.
fn lock<T>(map: &Mutex<T>) -> MutexGuard<'_, T> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::new(name).expect("a valid ID")
    }

    fn revision(number: i64) -> Revision {
        Revision::from_stored(number).expect("not negative")
    }

    #[tokio::test]
    async fn a_change_wakes_the_watchers_of_its_user_and_nobody_else() {
        let (wakes, _changed) = Wakes::new();
        let (mut one, mut two) = (wakes.subscribe(&user("a")), wakes.subscribe(&user("a")));
        let mut other = wakes.subscribe(&user("b"));
        wakes.changed(&user("a"), revision(3));
        one.newer_than(revision(2)).await;
        two.newer_than(revision(0)).await;
        let woken = tokio::select! {
            biased;
            _ = other.newer_than(revision(0)) => true,
            () = tokio::task::yield_now() => false,
        };
        assert!(!woken);
    }

    #[tokio::test]
    async fn an_ear_hears_of_each_of_its_users_once_with_the_highest_revision() {
        let (wakes, _changed) = Wakes::new();
        let mut ear = wakes.ear();
        let (a, b) = (ear.listen(user("a")), ear.listen(user("b")));
        for number in [1, 3, 2] {
            wakes.changed(&user("a"), revision(number));
        }
        wakes.changed(&user("b"), revision(1));
        wakes.changed(&user("c"), revision(1));
        let expected = HashMap::from([(a, revision(3)), (b, revision(1))]);
        assert_eq!(ear.woken().await, expected);
        // The slow poll finds what is known.
        wakes.wake(&user("a"), revision(3));
        wakes.wake(&user("b"), revision(2));
        assert_eq!(ear.woken().await, HashMap::from([(b, revision(2))]));
    }

    #[test]
    fn an_ear_hears_nothing_of_a_user_it_has_left_and_starts_anew_with_one_it_listens_to_again() {
        let (wakes, _changed) = Wakes::new();
        let mut ear = wakes.ear();
        let first = ear.listen(user("a"));
        wakes.changed(&user("a"), revision(1));
        assert_eq!(ear.leave(&user("a")), Some(first));
        assert_eq!(ear.leave(&user("a")), None);
        wakes.changed(&user("a"), revision(2));
        assert_eq!(ear.take(), HashMap::new());
        let second = ear.listen(user("a"));
        wakes.changed(&user("a"), revision(3));
        let third = ear.listen(user("a"));
        wakes.changed(&user("a"), revision(4));
        assert!(first != second && second != third);
        assert_eq!(ear.take(), HashMap::from([(third, revision(4))]));
        drop(ear);
        assert!(wakes.watched_users().is_empty());
    }

    #[test]
    fn nobody_is_remembered_after_two_watchers_have_left_at_the_same_time() {
        let (wakes, _changed) = Wakes::new();
        for _ in 0..20_000 {
            let both = [wakes.subscribe(&user("a")), wakes.subscribe(&user("a"))];
            let gate = std::sync::Barrier::new(2);
            std::thread::scope(|threads| {
                for one in both {
                    threads.spawn(|| {
                        gate.wait();
                        drop(one);
                    });
                }
            });
            assert!(wakes.watched_users().is_empty());
        }
    }

    #[test]
    fn nobody_is_remembered_after_the_last_watcher_is_gone() {
        let (wakes, _changed) = Wakes::new();
        let (one, two) = (wakes.subscribe(&user("a")), wakes.subscribe(&user("a")));
        drop(one);
        assert_eq!(wakes.watched_users(), [user("a")]);
        drop(two);
        assert!(wakes.watched_users().is_empty());
    }
}
