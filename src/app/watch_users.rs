//! Following many users at once.
//!
//! It does for many users what a watch does for one, and shares the rest: one ear, and a bounded number of
//! reads at a time. A user that does not change is an entry in a map, without a task, a channel or a timer of its
//! own.
//!
//! Invariants:
//! - The changes that were read and not yet sent are bounded: nothing more is read before the caller has received
//!   them, however fast users change and however slowly the caller reads.
//! - Users take turns. A user with more to replay than is read at once goes to the end of the line.
//! - A user that was removed, or added again, has another [`Listening`], so entries that were under way are not
//!   mistaken for new ones.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    future::pending,
    mem, panic,
    time::Duration,
};

use tokio::{task::JoinSet, time::sleep};
use tracing::Instrument as _;

use super::{
    App, WatchEvent,
    line::{Line, Moment},
    replay::{self, Replay},
};
use crate::{
    domain::{ClientId, Revision, UserId},
    metrics::Stopwatch,
    store::{Revisions, StoreError},
    sync::{Ear, Listening},
};

/// How many users' changes are read at once, so that one stream keeps few connections of the pool busy.
const READS: usize = 4;
/// How many users are looked up with one statement after they were added, and how many wait for that at most.
const ADDED_AT_ONCE: usize = 256;
/// How many bookmarks are made ready at once when many are due.
const BOOKMARKS_AT_ONCE: usize = 64;

/// An entry of the stream.
#[derive(Debug)]
pub enum UserEntry {
    /// A user's change or bookmark.
    Event(UserId, WatchEvent),
    /// A user is not followed any more.
    Ended(UserId, UserEnd),
}

/// Why a user is not followed any more.
#[derive(Debug)]
pub enum UserEnd {
    /// The user has not come to the revision that the client knows.
    Unknown,
    /// The log does not reach back to what the client knows, or has a change that no event can tell.
    Compacted,
    /// The user's changes have waited for the client for too long.
    TooSlow,
    /// The database failed.
    Store(StoreError),
}

/// The users that one client follows.
pub struct UserWatches {
    app: App,
    /// The watching client, whose own changes are left out.
    client: Option<ClientId>,
    ear: Ear,
    users: HashMap<Listening, Watched>,
    /// Users that were added and are not looked up.
    added: Vec<Listening>,
    /// Users that have changes to read.
    line: Line<Listening>,
    work: JoinSet<Done>,
    reads: usize,
    looks_up: bool,
    /// The users in the order in which their bookmarks are due, with the time since their last one.
    bookmarks: VecDeque<(Stopwatch, Listening)>,
    /// Entries that are to be taken next.
    ready: VecDeque<(Listening, UserEntry)>,
    /// The user whose change was taken last, and may be on its way to the client.
    taken: Option<Listening>,
    is_closing: bool,
}

/// A user that is followed.
struct Watched {
    user: UserId,
    /// The user has come so far at least.
    known: Revision,
    progress: Progress,
    /// When the client was last sent a change of the user.
    sent: Moment,
}

/// How far a user is followed.
#[derive(Clone, Copy)]
enum Progress {
    /// The user was added, with the revision that the client knows.
    Added(Option<Revision>),
    /// Everything up to here has been read and there is nothing more.
    Idle(Revision),
    /// Everything up to here has been read, and what comes next is being read or waits for that.
    Behind(Revision),
}

/// Work that is done.
enum Done {
    LookedUp(
        Vec<Listening>,
        Result<HashMap<UserId, Revisions>, StoreError>,
    ),
    Read(Listening, Result<Replay, StoreError>),
}

impl UserWatches {
    /// Nobody is followed yet.
    #[must_use]
    pub fn new(app: &App) -> Self {
        Self {
            ear: app.wakes.ear(),
            line: Line::new(app.watch.patience),
            app: app.clone(),
            client: None,
            users: HashMap::new(),
            added: Vec::new(),
            work: JoinSet::new(),
            reads: 0,
            looks_up: false,
            bookmarks: VecDeque::new(),
            ready: VecDeque::new(),
            taken: None,
            is_closing: false,
        }
    }

    /// Leaves out this client's own changes. To be said before a user is added.
    pub fn identify(&mut self, client: ClientId) {
        self.client = Some(client);
    }

    /// Follows a user from a revision that the client knows, or from now on. One that is followed already is
    /// followed from there.
    pub fn add(&mut self, user: UserId, after: Option<Revision>) {
        self.remove(&user);
        let listening = self.ear.listen(user.clone());
        let watched = Watched {
            user,
            known: Revision::default(),
            progress: Progress::Added(after),
            sent: self.line.now(),
        };
        self.users.insert(listening, watched);
        self.added.push(listening);
    }

    /// Follows a user no longer. What has been read of it and not been taken is dropped.
    pub fn remove(&mut self, user: &UserId) {
        if let Some(listening) = self.ear.leave(user) {
            self.users.remove(&listening);
            self.ready.retain(|(other, _)| *other != listening);
        }
    }

    /// Whether a user is followed.
    #[must_use]
    pub fn follows(&self, user: &UserId) -> bool {
        self.ear.listens_to(user)
    }

    /// How many users are followed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether nobody is followed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Whether another user may be added now. If not, entries have to be taken before.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.added.len() < ADDED_AT_ONCE
    }

    /// The client has let an entry wait for so long.
    pub fn waited(&mut self, time: Duration) {
        self.line.waited(time);
    }

    /// Nobody is added any more, and what is known now is the last that is read.
    pub fn close(&mut self) {
        self.is_closing = true;
        let woken = self.ear.take();
        self.wake(woken);
    }

    /// The next entry; `None` once there is none after [`UserWatches::close`]. May be dropped and asked for
    /// again.
    pub async fn next(&mut self) -> Option<UserEntry> {
        // The one before has been sent.
        if let Some(taken) = self.taken.take()
            && let Some(watched) = self.users.get_mut(&taken)
        {
            watched.sent = self.line.now();
        }
        loop {
            self.look_up();
            self.read();
            if let Some((listening, entry)) = self.ready.pop_front() {
                let is_change = matches!(entry, UserEntry::Event(_, WatchEvent::Change(_)));
                self.taken = is_change.then_some(listening);
                return Some(entry);
            }
            if self.is_closing && self.work.is_empty() {
                return None;
            }
            let interval = self.app.watch.bookmark_interval;
            tokio::select! {
                Some(done) = self.work.join_next() => match done {
                    Ok(done) => self.done(done),
                    Err(error) if error.is_panic() => panic::resume_unwind(error.into_panic()),
                    // Nothing aborts work while this lives.
                    Err(_) => {}
                },
                woken = self.ear.woken(), if !self.is_closing => self.wake(woken),
                () = due(self.bookmarks.front(), interval), if !self.is_closing => self.bookmark(),
            }
        }
    }

    /// Looks up those that were added, all with one statement.
    fn look_up(&mut self) {
        if self.looks_up || self.added.is_empty() {
            return;
        }
        let (mut added, mut users) = (mem::take(&mut self.added), Vec::new());
        added.retain(|listening| {
            let watched = self.users.get(listening);
            users.extend(watched.map(|watched| watched.user.clone()));
            watched.is_some()
        });
        if added.is_empty() {
            return;
        }
        self.looks_up = true;
        let store = self.app.store.clone();
        let work = async move { Done::LookedUp(added, store.users().revisions(&users).await) };
        self.work.spawn(work.in_current_span());
    }

    /// Reads the changes of those whose turn it is, once everything that was read before is taken.
    fn read(&mut self) {
        while self.ready.is_empty() && self.reads < READS {
            let Some((listening, since)) = self.line.next() else {
                return;
            };
            let Some(Watched {
                user,
                progress: Progress::Behind(revision),
                sent,
                ..
            }) = self.users.get(&listening)
            else {
                // It was removed.
                continue;
            };
            // Its own changes may have been what the client was slow to read.
            if self.line.is_too_long(since.max(*sent)) {
                self.end(listening, UserEnd::TooSlow);
                continue;
            }
            self.reads += 1;
            let (store, user, revision) = (self.app.store.clone(), user.clone(), *revision);
            let client = self.client.clone();
            let work = async move {
                let replay = replay::after(&store, &user, client.as_ref(), revision).await;
                Done::Read(listening, replay)
            };
            self.work.spawn(work.in_current_span());
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::LookedUp(added, Ok(revisions)) => {
                self.looks_up = false;
                for listening in added {
                    self.begin(listening, &revisions);
                }
            }
            Done::LookedUp(added, Err(error)) => {
                self.looks_up = false;
                for listening in added {
                    self.end(listening, UserEnd::Store(error.clone()));
                }
            }
            Done::Read(listening, replay) => {
                self.reads -= 1;
                self.replayed(listening, replay);
            }
        }
    }

    /// Answers the adding of a user.
    fn begin(&mut self, listening: Listening, revisions: &HashMap<UserId, Revisions>) {
        let Some(watched) = self.users.get_mut(&listening) else {
            return;
        };
        // Every user that was looked up is in the answer.
        let (Some(revisions), Progress::Added(after)) =
            (revisions.get(&watched.user), watched.progress)
        else {
            return;
        };
        let position = after.unwrap_or(revisions.present);
        if position > revisions.present {
            return self.end(listening, UserEnd::Unknown);
        }
        watched.known = revisions.present.max(watched.known);
        self.settle(listening, position);
        self.bookmark_of(listening, position);
        if position < revisions.base {
            // Of a history that was given up: what the log has beyond may be of another one.
            self.end(listening, UserEnd::Compacted);
        }
    }

    /// Everything of a user up to here has been read.
    fn settle(&mut self, listening: Listening, position: Revision) {
        if let Some(watched) = self.users.get_mut(&listening) {
            if position < watched.known {
                watched.progress = Progress::Behind(position);
                self.line.push(listening);
            } else {
                watched.progress = Progress::Idle(position);
            }
        }
    }

    fn replayed(&mut self, listening: Listening, replay: Result<Replay, StoreError>) {
        let Some(watched) = self.users.get(&listening) else {
            return;
        };
        let replay = match replay {
            Ok(replay) => replay,
            Err(error) => return self.end(listening, UserEnd::Store(error)),
        };
        for change in replay.changes {
            let entry = UserEntry::Event(watched.user.clone(), WatchEvent::Change(change));
            self.ready.push_back((listening, entry));
        }
        if replay.is_compacted {
            self.end(listening, UserEnd::Compacted);
        } else {
            self.settle(listening, replay.through);
        }
    }

    fn wake(&mut self, woken: HashMap<Listening, Revision>) {
        for (listening, revision) in woken {
            if let Some(watched) = self.users.get_mut(&listening) {
                watched.known = revision.max(watched.known);
                if let Progress::Idle(position) = watched.progress {
                    self.settle(listening, position);
                }
            }
        }
    }

    /// Makes the bookmarks that are due.
    fn bookmark(&mut self) {
        let interval = self.app.watch.bookmark_interval;
        for _ in 0..BOOKMARKS_AT_ONCE {
            let due = |(since, _): &mut (Stopwatch, Listening)| since.elapsed() >= interval;
            let Some((_, listening)) = self.bookmarks.pop_front_if(due) else {
                return;
            };
            if let Some(watched) = self.users.get(&listening)
                && let Progress::Idle(position) | Progress::Behind(position) = watched.progress
            {
                self.bookmark_of(listening, position);
            }
        }
    }

    fn bookmark_of(&mut self, listening: Listening, position: Revision) {
        let Some(watched) = self.users.get(&listening) else {
            return;
        };
        let bookmark = WatchEvent::Bookmark(position, self.app.clock.now());
        let entry = UserEntry::Event(watched.user.clone(), bookmark);
        self.ready.push_back((listening, entry));
        self.bookmarks.push_back((Stopwatch::start(), listening));
        // Users that come and go leave their bookmarks behind.
        if self.bookmarks.len() > 2 * self.users.len() + ADDED_AT_ONCE {
            self.bookmarks
                .retain(|(_, listening)| self.users.contains_key(listening));
        }
    }

    /// Follows a user no longer, and says why.
    fn end(&mut self, listening: Listening, end: UserEnd) {
        if let Some(watched) = self.users.remove(&listening) {
            self.ear.leave(&watched.user);
            let entry = UserEntry::Ended(watched.user, end);
            self.ready.push_back((listening, entry));
        }
    }
}

/// Resolves when the first bookmark is due.
async fn due(first: Option<&(Stopwatch, Listening)>, interval: Duration) {
    match first {
        Some((since, _)) => sleep(interval.saturating_sub(since.elapsed())).await,
        None => pending().await,
    }
}
