//! Metrics for the operator, in the text that Prometheus reads.
//!
//! | file | what it counts |
//! |---|---|
//! | `calls` | every call, by method and status |
//! | `watches` | the watches, what they are sent, why they end |
//! | `peers` | connections, and what was cut off because a peer held too much |
//! | `database` | operations of the store, its connections, and what it has changed |
//! | `process` | what the operating system says of the process |
//! | `purge` | the rounds of the background jobs, and what they leave |
//! | `clock` | the skew between this machine's clock and the database's |
//! | `log` | the lines that the log has lost |
//! | `exposition` | all of it as text |
//! | `listener` | the port that serves the text |
//!
//! Invariants:
//! - Every label has a bounded set of values that the service chooses. No ID, no name and no text of
//!   a user or a caller is one of them.
//! - Metrics belong to a server, not to the process: two servers in one process do not mix theirs. The log
//!   is the process's, and so is its one metric.
//! - They are kept whether or not anybody reads them; that costs a few atomic operations a call.
//! - The help of a metric is its documentation: docs/reference/metrics.md is generated from it (`reference`), and
//!   lists the operations of the store as well (`reference::operations`).

mod calls;
mod clock;
mod database;
mod exposition;
mod listener;
mod log;
mod peers;
mod process;
mod purge;
mod watches;

#[cfg(test)]
mod reference;

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use tokio::time::Instant;

pub use self::{
    calls::{CallInFlight, CallMetrics, OTHER_METHOD, SYSTEM},
    database::{Connections, DatabaseMetrics},
    listener::{MetricsListener, serve_while},
    peers::{OpenConnection, PeerMetrics},
    purge::{Backlog, PurgeMetrics},
    watches::{OpenWatch, WatchMetrics, WatchedUsers},
};

use crate::domain::Clock;

/// The bounds of all durations, in seconds: those that the conventions advise begin at 5 ms, and most
/// calls take about one.
const DURATIONS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// A histogram for each set of labels.
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// All metrics of a server, but for those that its store keeps.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Of calls.
    pub calls: CallMetrics,
    /// Of watchers.
    pub watches: WatchMetrics,
    /// Of connections, and of what peers hold.
    pub peers: PeerMetrics,
    /// Of the background jobs.
    pub purge: PurgeMetrics,
    /// 1 while the server says of itself that it serves, 0 otherwise.
    pub serving: Gauge,
}

/// The labels of the build that runs.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BuildLabels {
    version: &'static str,
}

impl Metrics {
    /// Nothing has happened yet. `methods` are the full names of all methods that the server has.
    #[must_use]
    pub fn new(methods: impl IntoIterator<Item = String>) -> Self {
        Self {
            calls: CallMetrics::new(methods),
            watches: WatchMetrics::new(),
            peers: PeerMetrics::default(),
            purge: PurgeMetrics::new(),
            serving: Gauge::default(),
        }
    }

    /// Everything that is to be read, together with what the store keeps and the state of its
    /// connections, for which `connections` is asked each time, as the `clock` is.
    pub fn registry(
        &self,
        database: &DatabaseMetrics,
        connections: impl Fn() -> Connections + Send + Sync + 'static,
        clock: Clock,
    ) -> Registry {
        let mut registry = Registry::default();
        self.calls.register(&mut registry);
        self.watches.register(&mut registry);
        self.peers.register(&mut registry);
        database.register(&mut registry);
        database::register_connections(&mut registry, connections);
        self.purge.register(&mut registry);
        clock::register(&mut registry, clock);
        process::register(&mut registry);
        registry.register(
            "conversation_serving",
            "1 while the server serves; 0 while its database is away, their clocks are too far apart, or it \
             drains",
            self.serving.clone(),
        );
        registry.register_collector(Box::new(log::DroppedLines));
        let build = Family::<BuildLabels, Gauge>::default();
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&BuildLabels { version }).set(1);
        registry.register(
            "conversation_build_info",
            "The version that runs; always 1",
            build,
        );
        registry
    }
}

/// Measures how long something takes. Nothing but metrics and log lines depends on it, so unlike the
/// time of day it is not handed in.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that measures, for figures and log lines"
    )]
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since.
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}
