//! Watchers: how many there are, what they are sent, and why they end.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Why a watch can end, each for a series of its own that is there from the beginning.
const ENDS: [&str; 5] = [
    "client_gone",
    "too_slow",
    "compacted",
    "database",
    "draining",
];

/// The metrics of watches.
#[derive(Clone, Debug)]
pub struct WatchMetrics {
    open: Gauge,
    changes: Counter,
    bookmarks: Counter,
    events: Family<KindLabels, Counter>,
    ended: Family<ReasonLabels, Counter>,
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
        Self {
            open: Gauge::default(),
            changes: events.get_or_create_owned(&KindLabels { kind: "change" }),
            bookmarks: events.get_or_create_owned(&KindLabels { kind: "bookmark" }),
            events,
            ended,
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "conversation_watchers",
            "Open WatchConversations streams",
            self.open.clone(),
        );
        registry.register(
            "conversation_watch_events",
            "Events sent to watchers",
            self.events.clone(),
        );
        registry.register(
            "conversation_watches_ended",
            "Watches that have ended, by why; too_slow was cut off",
            self.ended.clone(),
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

    fn ended(&self, reason: &'static str) {
        self.ended.get_or_create(&ReasonLabels { reason }).inc();
    }
}

impl Drop for OpenWatch {
    fn drop(&mut self) {
        self.0.dec();
    }
}
