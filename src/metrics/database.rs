//! The store: its operations, its connections, and what it has changed.
//!
//! Operations and connections have the names of OpenTelemetry's conventions for database clients. An
//! operation is what the store calls one, such as `delete` or `append`: one statement or one
//! transaction, its waiting and its repetitions included.

use std::{fmt, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
    },
    registry::{Registry, Unit},
};

use super::{DURATIONS, Histograms};

/// The metrics of the store.
#[derive(Clone, Debug)]
pub struct DatabaseMetrics {
    system: &'static str,
    operations: Histograms<OperationLabels>,
    retries: Family<RetryLabels, Counter>,
    waits: Histogram,
    changes: Family<ChangeLabels, Counter>,
    messages: Counter,
}

/// The connections of a pool, and what is at their other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connections {
    /// In use.
    pub used: u32,
    /// Open and idle.
    pub idle: u32,
    /// The most that may be open.
    pub max: u32,
    /// Whether the database keeps what it has acknowledged, as far as its settings say.
    pub durable: bool,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    db_system_name: &'static str,
    db_operation_name: &'static str,
    error_type: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RetryLabels {
    db_operation_name: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ChangeLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    db_client_connection_state: &'static str,
}

impl DatabaseMetrics {
    /// Nothing has happened yet. `system` is the conventions' name of the database.
    #[must_use]
    pub fn new(system: &'static str) -> Self {
        Self {
            system,
            operations: Histograms::new_with_constructor(|| Histogram::new(DURATIONS)),
            retries: Family::default(),
            waits: Histogram::new(DURATIONS),
            changes: Family::default(),
            messages: Counter::default(),
        }
    }

    /// Shows the counters of all these kinds of change from now on, though there was no such change yet.
    pub fn expect_changes(&self, kinds: impl IntoIterator<Item = &'static str>) {
        for kind in kinds {
            drop(self.changes.get_or_create(&ChangeLabels { kind }));
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "db_client_operation_duration",
            "How long operations of the store took, with their waiting and repetitions",
            Unit::Seconds,
            self.operations.clone(),
        );
        registry.register(
            "conversation_operation_retries",
            "How often operations were run again after contention",
            self.retries.clone(),
        );
        registry.register_with_unit(
            "conversation_transaction_wait",
            "From asking for a transaction to having begun it: the queue for a connection of the \
             pool, or for SQLite's one writer",
            Unit::Seconds,
            self.waits.clone(),
        );
        registry.register(
            "conversation_changes",
            "Changes made to users' views; retries do not count",
            self.changes.clone(),
        );
        registry.register(
            "conversation_messages_stored",
            "Messages stored; retries do not count",
            self.messages.clone(),
        );
    }

    /// The conventions' name of the database.
    pub const fn system(&self) -> &'static str {
        self.system
    }

    /// An operation has ended; `error` names the kind of its failure.
    pub fn operation(&self, name: &'static str, duration: Duration, error: Option<&'static str>) {
        let labels = OperationLabels {
            db_system_name: self.system,
            db_operation_name: name,
            // A label without a value counts as absent.
            error_type: error.unwrap_or_default(),
        };
        self.operations
            .get_or_create(&labels)
            .observe(duration.as_secs_f64());
        // An operation that was never repeated has a count, too: zero.
        drop(self.retries(name));
    }

    /// An operation is run again.
    pub fn retried(&self, name: &'static str) {
        self.retries(name).inc();
    }

    fn retries(&self, name: &'static str) -> Counter {
        self.retries.get_or_create_owned(&RetryLabels {
            db_operation_name: name,
        })
    }

    /// A transaction has begun after this wait.
    pub fn waited(&self, duration: Duration) {
        self.waits.observe(duration.as_secs_f64());
    }

    /// A change of this kind has been made.
    pub fn changed(&self, kind: &'static str) {
        self.changes.get_or_create(&ChangeLabels { kind }).inc();
    }

    /// This many messages have been stored.
    pub fn stored(&self, messages: usize) {
        self.messages
            .inc_by(u64::try_from(messages).unwrap_or(u64::MAX));
    }
}

/// The pool is asked for its state at each scrape.
struct Pool<F>(F);

impl<F> fmt::Debug for Pool<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Pool").finish_non_exhaustive()
    }
}

pub(super) fn register_connections(
    registry: &mut Registry,
    connections: impl Fn() -> Connections + Send + Sync + 'static,
) {
    registry.register_collector(Box::new(Pool(connections)));
}

impl<F: Fn() -> Connections + Send + Sync + 'static> Collector for Pool<F> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Connections {
            used,
            idle,
            max,
            durable,
        } = (self.0)();
        let count = Family::<StateLabels, Gauge>::default();
        for (state, connections) in [("idle", idle), ("used", used)] {
            let labels = StateLabels {
                db_client_connection_state: state,
            };
            count.get_or_create(&labels).set(connections.into());
        }
        count.encode(encoder.encode_descriptor(
            "db_client_connections",
            "Open connections of the pool, by whether they are in use.",
            None,
            count.metric_type(),
        )?)?;
        let max = ConstGauge::new(max);
        max.encode(encoder.encode_descriptor(
            "db_client_connection_max",
            "The most connections that the pool may open.",
            None,
            max.metric_type(),
        )?)?;
        let durable = ConstGauge::new(u32::from(durable));
        durable.encode(encoder.encode_descriptor(
            "conversation_database_durable",
            "1 if the database keeps what it has acknowledged when its machine fails, as far as its \
             settings say; 0 if one of PostgreSQL's settings `fsync` and `full_page_writes` is off.",
            None,
            durable.metric_type(),
        )?)
    }
}
