//! Connections, transactions and their repetition, the two dialects of SQL, parameters and rows, and the schema:
//! all that stands below the statements. Nothing here knows what is stored, but for two rows about the database
//! itself: the clock of the machine with SQLite's file, and when the file was written anew.

pub(super) mod backup;
pub(super) mod coalesce;
mod connect;
mod connections;
pub(super) mod dialect;
mod distribution;
mod driver;
mod durability;
pub(super) mod error;
pub(super) mod gathered;
pub(super) mod input;
mod kept;
pub(super) mod migrate;
pub(super) mod migration;
mod notify;
pub(super) mod observed;
mod pooled;
pub(super) mod row;
mod schema;
mod session;
mod sqlite_file;
pub(super) mod time;
pub(super) mod transaction;
pub(super) mod vacuums;

use std::{sync::Arc, time::Duration};

use sea_orm::{QueryTrait, Statement, Value};
use tokio::sync::Semaphore;

use crate::{
    config::JobsConfig,
    domain::Clock,
    metrics::{self, DatabaseMetrics},
};

use self::{connections::Connections, dialect::Dialect, error::StoreError, session::Sessions};
pub(super) use {
    connect::{ABANDONED_STATEMENT, connect},
    connections::{LONGEST_RUN, PATIENCE},
    session::{CONNECTION_CHECK, IDLE_TRANSACTION, STATEMENT_TIMEOUT},
};

/// The database, shared by all requests. Cloning is cheap.
#[derive(Clone)]
pub struct Database {
    connections: Arc<Connections>,
    pub(super) dialect: Dialect,
    /// The permits to begin a transaction, first come, first served. SQLite has one writer at a time and
    /// lets others in by chance; PostgreSQL has [`writers_of`] a pool.
    turns: Arc<Semaphore>,
    pub(super) metrics: DatabaseMetrics,
    /// For how long changes and the names of messages are kept.
    pub(super) retention: Duration,
}

impl Database {
    fn new(connections: Connections, dialect: Dialect, pool_size: u32) -> Self {
        let turns = match dialect {
            Dialect::Sqlite => 1,
            Dialect::Postgres | Dialect::Citus => writers_of(pool_size),
        };
        Self {
            connections: Arc::new(connections),
            dialect,
            turns: Arc::new(Semaphore::new(turns)),
            metrics: DatabaseMetrics::new(dialect.system_name()),
            retention: JobsConfig::default().change_retention,
        }
    }

    /// The same, which keeps what is changed or sent from now on for so long.
    pub(super) fn keeping(self, retention: Duration) -> Self {
        Self { retention, ..self }
    }

    pub(super) fn retention_micros(&self) -> i64 {
        i64::try_from(self.retention.as_micros()).unwrap_or(i64::MAX)
    }

    /// Asks, again and again, whether the database is there, so that nothing waits for one that is
    /// not, and what its time is, which it tells the clock. Never ends by itself.
    pub async fn watch_over(&self, clock: &Clock) {
        self.connections.watch_over(clock).await;
    }

    /// Resolves when the database is there and can be written to, or is away, as far as
    /// [`Database::watch_over`] knows.
    pub async fn until(&self, there: bool) {
        self.connections.until(there).await;
    }

    /// Resolves when the server can be relied on, or cannot, as far as is known: the database is there,
    /// and its clock and this machine's agree.
    pub async fn until_ready(&self, ready: bool) {
        self.connections.until_ready(ready).await;
    }

    /// Calls `observer` with each statement that this database and its clones run from now on: for tests
    /// and benchmarks that count and explain statements.
    pub fn observe(&self, observer: impl Fn(&Statement) + Send + Sync + 'static) {
        self.connections.observe(Arc::new(observer));
    }

    /// The metrics of the database and its clones. They go on changing.
    #[must_use]
    pub const fn metrics(&self) -> &DatabaseMetrics {
        &self.metrics
    }

    /// Whether connections to PostgreSQL keep their sessions: `lasting`, or `lent` by a pooler for one
    /// transaction at a time. SQLite has no sessions.
    #[must_use]
    pub fn sessions(&self) -> Option<&'static str> {
        match (self.dialect, self.connections.sessions()) {
            (Dialect::Sqlite, _) => None,
            (_, Sessions::Lasting) => Some("lasting"),
            (_, Sessions::Lent) => Some("lent"),
        }
    }

    /// Whether other replicas' changes are found by polling alone.
    #[must_use]
    pub fn only_polls(&self) -> bool {
        self.dialect != Dialect::Sqlite && self.connections.lasting_session().is_none()
    }

    /// The state of the pool. The one connection that writes to SQLite is beside it.
    #[must_use]
    pub fn connections(&self) -> metrics::Connections {
        let (open, idle, max) = self.connections.pool().count();
        metrics::Connections {
            used: open - idle,
            idle,
            max,
            durable: self.connections.is_durable(),
        }
    }

    /// Closes all connections, having let their statements finish, or what is left of them once a
    /// PostgreSQL that answers would have.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if a connection cannot be closed in an orderly way.
    pub async fn close(self) -> Result<(), StoreError> {
        self.connections.close().await
    }

    /// The statement of a query that sea-orm builds.
    pub(super) fn built(&self, query: &impl QueryTrait) -> Statement {
        query.build(self.dialect.backend())
    }

    /// A statement of this text.
    pub(super) fn statement(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Statement {
        Statement::from_sql_and_values(self.dialect.backend(), sql, values)
    }
}

/// How many connections of a pool transactions may have at once. They wait for locks; the others are kept
/// for reads, which wait for no lock, and for changes that run together.
fn writers_of(pool_size: u32) -> usize {
    let kept = pool_size / 4;
    usize::try_from(pool_size - kept).unwrap_or(Semaphore::MAX_PERMITS)
}
