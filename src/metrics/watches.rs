//! Watchers: how many there are, what they are sent, and why they end.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Why a watch can end, each for a series of its own that is there from the beginning.
const ENDS: [&str; 7] = [
    "client_gone",
    "closed",
    "invalid",
    "too_slow",
    "compacted",
    "database",
    "draining",
];

/// The reasons why a `WatchUsers` stream stops following a user, except that the caller asked for it.
const USER_ENDS: [&str; 5] = ["invalid", "limit", "list_again", "too_slow", "database"];

/// The metrics of watches.
#[derive(Clone, Debug)]
pub struct WatchMetrics {
    open: Gauge,
    users: Gauge,
    changes: Counter,
    bookmarks: Counter,
    events: Family<KindLabels, Counter>,
    ended: Family<ReasonLabels, Counter>,
    users_ended: Family<ReasonLabels, Counter>,
}

/// How many users one `WatchUsers` stream follows. They count until this is dropped.
#[derive(Debug)]
pub struct WatchedUsers {
    all: Gauge,
    own: i64,
}

/// A watch that has begun. It ends when this is dropped.
#[derive(Debug)]
pub struct OpenWatch(Gauge);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

impl WatchMetrics {
    pub(super) fn new() -> Self {
        let events = Family::<KindLabels, Counter>::default();
        let ended = Family::<ReasonLabels, Counter>::default();
        for reason in ENDS {
            drop(ended.get_or_create(&ReasonLabels { reason }));
        }
        let users_ended = Family::<ReasonLabels, Counter>::default();
        for reason in USER_ENDS {
            drop(users_ended.get_or_create(&ReasonLabels { reason }));
        }
        Self {
            open: Gauge::default(),
            users: Gauge::default(),
            changes: events.get_or_create_owned(&KindLabels { kind: "change" }),
            bookmarks: events.get_or_create_owned(&KindLabels { kind: "bookmark" }),
            events,
            ended,
            users_ended,
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "conversation_watchers",
            "Open `WatchConversations` and `WatchUsers` streams",
            self.open.clone(),
        );
        registry.register(
            "conversation_watched_users",
            "Users that `WatchUsers` streams follow",
            self.users.clone(),
        );
        registry.register(
            "conversation_watch_events",
            "Events sent to watchers",
            self.events.clone(),
        );
        registry.register(
            "conversation_watches_ended",
            "Watches that have ended: `compacted` if the log did not reach back to what the client knew, \
             `too_slow` if the client did not read and was cut off; of `WatchUsers` also `closed` by the \
             caller, in order, and `invalid` if a message broke the rules",
            self.ended.clone(),
        );
        registry.register(
            "conversation_watched_users_ended",
            "Users that a `WatchUsers` stream gave up while it went on: `list_again` if their revision is \
             compacted or unknown, `limit` if `max_watched_users` is reached",
            self.users_ended.clone(),
        );
    }

    /// A watch begins.
    #[must_use]
    pub fn open(&self) -> OpenWatch {
        self.open.inc();
        OpenWatch(self.open.clone())
    }

    /// A watcher was sent a change.
    pub fn sent_change(&self) {
        self.changes.inc();
    }

    /// A watcher was sent a bookmark.
    pub fn sent_bookmark(&self) {
        self.bookmarks.inc();
    }

    /// The client hung up.
    pub fn client_gone(&self) {
        self.ended("client_gone");
    }

    /// The client did not read its events and was cut off.
    pub fn too_slow(&self) {
        self.ended("too_slow");
    }

    /// The log did not reach back to what the client knew.
    pub fn compacted(&self) {
        self.ended("compacted");
    }

    /// The database failed.
    pub fn database_failed(&self) {
        self.ended("database");
    }

    /// The server stops.
    pub fn draining(&self) {
        self.ended("draining");
    }

    /// The caller has closed its side of the stream, and has been sent everything.
    pub fn closed(&self) {
        self.ended("closed");
    }

    /// The caller has broken the rules of the stream.
    pub fn invalid(&self) {
        self.ended("invalid");
    }

    /// A stream that follows nobody yet.
    #[must_use]
    pub fn watched_users(&self) -> WatchedUsers {
        WatchedUsers {
            all: self.users.clone(),
            own: 0,
        }
    }

    /// A user was not followed: the message that adds it is invalid.
    pub fn user_invalid(&self) {
        self.user_ended("invalid");
    }

    /// A user was not followed: too many are.
    pub fn user_limit(&self) {
        self.user_ended("limit");
    }

    /// A user is followed no longer: the client has to list again.
    pub fn user_lists_again(&self) {
        self.user_ended("list_again");
    }

    /// A user is followed no longer: its changes have waited for the client for too long.
    pub fn user_too_slow(&self) {
        self.user_ended("too_slow");
    }

    /// A user is followed no longer: the database failed.
    pub fn user_database_failed(&self) {
        self.user_ended("database");
    }

    fn user_ended(&self, reason: &'static str) {
        let ended = self.users_ended.get_or_create(&ReasonLabels { reason });
        ended.inc();
    }

    fn ended(&self, reason: &'static str) {
        self.ended.get_or_create(&ReasonLabels { reason }).inc();
    }
}

impl WatchedUsers {
    /// There are so many now.
    pub fn set(&mut self, number: usize) {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        self.all.inc_by(number - self.own);
        self.own = number;
    }
}

impl Drop for WatchedUsers {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Drop for OpenWatch {
    fn drop(&mut self) {
        self.0.dec();
    }
}
