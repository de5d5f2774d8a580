//! The ears of watchers: an ear listens to any number of users and says which of them have changed.
//!
//! An ear costs its stream one allocation, however many users it listens to, and holds at most one wake for
//! each of them.
//!
//! Order of locks: the map of watched users, then what an ear has heard. So once an ear has left a user,
//! nothing of the user comes in any more.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;

use super::{Watched, lock};
use crate::domain::{Revision, UserId};

/// One user of an [`Ear`]. A user that it listens to again is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Listening(u64);

/// Listens to users. Dropping it ends that.
pub struct Ear {
    watched: Arc<Mutex<Watched>>,
    woken: Arc<Woken>,
    users: HashMap<UserId, Listening>,
    next: u64,
}

/// The users of one ear that have changed, each with the highest revision that is known of it.
#[derive(Default)]
pub(super) struct Woken {
    revisions: Mutex<HashMap<Listening, Revision>>,
    /// Notified when there is a first one.
    arrived: Notify,
}

/// An ear for one user. Dropping it unsubscribes.
pub struct Subscription {
    ear: Ear,
    known: Revision,
}

impl Woken {
    pub(super) fn add(&self, listening: Listening, revision: Revision) {
        let mut revisions = lock(&self.revisions);
        let is_first = revisions.is_empty();
        let known = revisions.entry(listening).or_default();
        *known = revision.max(*known);
        drop(revisions);
        if is_first {
            self.arrived.notify_one();
        }
    }
}

impl Ear {
    pub(super) fn new(watched: Arc<Mutex<Watched>>) -> Self {
        Self {
            watched,
            woken: Arc::default(),
            users: HashMap::new(),
            next: 0,
        }
    }

    /// Listens to a user, from now on. One that it listens to already is forgotten before.
    pub fn listen(&mut self, user: UserId) -> Listening {
        self.leave(&user);
        let listening = Listening(self.next);
        self.next += 1;
        let mut watched = lock(&self.watched);
        let listeners = watched.entry(user.clone()).or_default();
        listeners.ears.push((Arc::clone(&self.woken), listening));
        drop(watched);
        self.users.insert(user, listening);
        listening
    }

    /// Listens to a user no longer.
    pub fn leave(&mut self, user: &UserId) -> Option<Listening> {
        let listening = self.users.remove(user)?;
        self.unsubscribe(user, listening);
        lock(&self.woken.revisions).remove(&listening);
        Some(listening)
    }

    /// Whether it listens to a user.
    #[must_use]
    pub fn listens_to(&self, user: &UserId) -> bool {
        self.users.contains_key(user)
    }

    /// Resolves as soon as any of the users is known to have changed, with all that have and how far they
    /// have come at least. May be dropped and asked for again.
    pub async fn woken(&mut self) -> HashMap<Listening, Revision> {
        loop {
            let woken = self.take();
            if !woken.is_empty() {
                return woken;
            }
            self.woken.arrived.notified().await;
        }
    }

    /// The users that have changed since this was last asked.
    pub fn take(&mut self) -> HashMap<Listening, Revision> {
        mem::take(&mut lock(&self.woken.revisions))
    }

    fn unsubscribe(&self, user: &UserId, listening: Listening) {
        let mut watched = lock(&self.watched);
        let Some(listeners) = watched.get_mut(user) else {
            return;
        };
        let own = |(woken, other): &(Arc<Woken>, Listening)| {
            *other == listening && Arc::ptr_eq(woken, &self.woken)
        };
        if let Some(place) = listeners.ears.iter().position(own) {
            listeners.ears.swap_remove(place);
        }
        if listeners.ears.is_empty() {
            watched.remove(user);
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        for (user, listening) in mem::take(&mut self.users) {
            self.unsubscribe(&user, listening);
        }
    }
}

impl Subscription {
    pub(super) fn new(mut ear: Ear, user: &UserId) -> Self {
        ear.listen(user.clone());
        Self {
            ear,
            known: Revision::default(),
        }
    }

    /// Resolves as soon as the user is known to have come beyond `revision`, with how far. May be
    /// dropped and asked for again.
    pub async fn newer_than(&mut self, revision: Revision) -> Revision {
        while self.known <= revision {
            for known in self.ear.woken().await.into_values() {
                self.known = known.max(self.known);
            }
        }
        self.known
    }
}
