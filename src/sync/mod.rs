//! Wakes the watchers of a user when the user has changed.
//!
//! The log in the database is the truth; a wake only says that there is something to read in it. Four
//! ways lead to one: a change made by this process; a notification from another replica; the slow
//! poll, which asks the database for the revisions of all watched users and so needs no notifications
//! at all; and a watcher's own first look. Losing any of the first two costs time and nothing else.
//!
//! Invariant: a watcher subscribes before it looks for the first time, so no change can fall between.

mod tasks;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{mpsc, watch};

use crate::domain::{Revision, UserId};

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

/// The highest known revision of each watched user.
type Watched = HashMap<UserId, watch::Sender<Revision>>;

/// The changes of this process, of which other replicas are to be notified.
pub struct Changed(mpsc::Receiver<(UserId, Revision)>);

/// A watcher's ear. Dropping it unsubscribes.
pub struct Subscription {
    user: UserId,
    known: watch::Receiver<Revision>,
    watched: Arc<Mutex<Watched>>,
}

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
        let mut watched = lock(&self.watched);
        let known = watched
            .entry(user.clone())
            .or_insert_with(|| watch::Sender::new(Revision::default()))
            .subscribe();
        Subscription {
            user: user.clone(),
            known,
            watched: Arc::clone(&self.watched),
        }
    }

    /// Wakes the watchers of `user` here, if this is news.
    fn wake(&self, user: &UserId, revision: Revision) {
        if let Some(sender) = lock(&self.watched).get(user) {
            sender.send_if_modified(|known| {
                let is_news = revision > *known;
                if is_news {
                    *known = revision;
                }
                is_news
            });
        }
    }

    fn watched_users(&self) -> Vec<UserId> {
        lock(&self.watched).keys().cloned().collect()
    }
}

impl Subscription {
    /// Resolves as soon as the user is known to have come beyond `revision`, with how far. May be
    /// dropped and asked for again.
    pub async fn newer_than(&mut self, revision: Revision) -> Revision {
        let known = self.known.wait_for(|known| *known > revision).await;
        let known = known.map(|known| *known);
        match known {
            Ok(known) => known,
            // Cannot be: the sender lives as long as there is a subscription.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut watched = lock(&self.watched);
        // Its ear goes while the map is locked: of two that leave at the same time, each would else
        // still count the other.
        self.known = watch::Sender::default().subscribe();
        let is_last = watched
            .get(&self.user)
            .is_some_and(|sender| sender.receiver_count() == 0);
        if is_last {
            watched.remove(&self.user);
        }
    }
}

/// The map is changed by single calls only, so a panic elsewhere cannot have left it half changed.
fn lock(watched: &Mutex<Watched>) -> MutexGuard<'_, Watched> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
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
