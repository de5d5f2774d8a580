//! The rounds of the background jobs, and what is left for the next one.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
    },
    registry::{Registry, Unit},
};

use super::Stopwatch;

/// The metrics of the background jobs.
#[derive(Clone, Debug)]
pub struct PurgeMetrics {
    completed: Counter,
    failed: Counter,
    refused: Counter,
    rounds: Family<OutcomeLabels, Counter>,
    erased: Counter,
    trimmed: Counter,
    backlog: Gauge,
    lag: Gauge<f64, std::sync::atomic::AtomicU64>,
    due: Arc<Mutex<Option<Due>>>,
}

/// When the end of the next round is expected.
#[derive(Clone, Copy, Debug)]
struct Due {
    since: Stopwatch,
    within: Duration,
}

/// Asked for whenever somebody reads the metrics.
#[derive(Debug)]
struct Overdue(Arc<Mutex<Option<Due>>>);

/// The erasures that are due and not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Backlog {
    /// How many erasures.
    pub due: i64,
    /// How long the oldest of them has been due.
    pub lag: Duration,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl PurgeMetrics {
    pub(super) fn new() -> Self {
        let rounds = Family::<OutcomeLabels, Counter>::default();
        let counter = |outcome| rounds.get_or_create_owned(&OutcomeLabels { outcome });
        Self {
            completed: counter("completed"),
            failed: counter("failed"),
            refused: counter("refused"),
            rounds,
            erased: Counter::default(),
            trimmed: Counter::default(),
            backlog: Gauge::default(),
            lag: Gauge::default(),
            due: Arc::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "conversation_purge_rounds",
            "Rounds of the background jobs; `refused` if the time could not be believed",
            self.rounds.clone(),
        );
        registry.register(
            "conversation_purge_erased_messages",
            "Messages erased, since nobody can ever see them again",
            self.erased.clone(),
        );
        registry.register(
            "conversation_purge_trimmed_changes",
            "Changes removed, since they had been kept for as long as was promised",
            self.trimmed.clone(),
        );
        registry.register(
            "conversation_purge_backlog",
            "Erasures that were still due when the last round ended, counted up to 10000",
            self.backlog.clone(),
        );
        registry.register_with_unit(
            "conversation_purge_lag",
            "How long the oldest erasure had been due that the last round left",
            Unit::Seconds,
            self.lag.clone(),
        );
        registry.register_collector(Box::new(Overdue(Arc::clone(&self.due))));
    }

    /// The next round is expected to end within this time. It starts over with each call.
    pub fn expected(&self, within: Duration) {
        let since = Stopwatch::start();
        *lock(&self.due) = Some(Due { since, within });
    }

    /// A round has done everything that was due.
    pub fn completed(&self, erased: u64, trimmed: u64) {
        self.erased.inc_by(erased);
        self.trimmed.inc_by(trimmed);
        self.completed.inc();
    }

    /// A round has failed.
    pub fn failed(&self) {
        self.failed.inc();
    }

    /// A round was refused, because the time cannot be believed.
    pub fn refused(&self) {
        self.refused.inc();
    }

    /// Sets the backlog that the last round has left.
    pub fn left(&self, backlog: Backlog) {
        self.backlog.set(backlog.due);
        self.lag.set(backlog.lag.as_secs_f64());
    }
}

/// The value is replaced as a whole, so a panic elsewhere cannot have left half of one.
fn lock(due: &Mutex<Option<Due>>) -> MutexGuard<'_, Option<Due>> {
    due.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Collector for Overdue {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let due = *lock(&self.0);
        let overdue = due.map_or(Duration::ZERO, |due| {
            due.since.elapsed().saturating_sub(due.within)
        });
        let gauge = ConstGauge::new(overdue.as_secs_f64());
        gauge.encode(encoder.encode_descriptor(
            "conversation_purge_overdue_seconds",
            "How long ago a round of the background jobs should have ended, failed or not; 0 while all is well.",
            None,
            gauge.metric_type(),
        )?)
    }
}
