//! One transaction per use case, run again when others got in its way.
//!
//! This, with [`super::pooled`], is the only place that begins transactions, but for that of the migrations
//! ([`super::migrate`]); `clippy.toml` forbids it elsewhere.

use std::{ops::Deref, sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait as _, DbErr, QueryResult, RuntimeErr, Statement};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use super::{
    connect::ACQUIRE_TIMEOUT,
    connections::unavailable,
    dialect::Dialect,
    observed::{self, DatabaseConnection, DatabaseTransaction, Observed},
};
use crate::{
    metrics::Stopwatch,
    store::database::{Database, error::StoreError},
    telemetry::traces,
};

/// How often a use case is run at most.
const ATTEMPTS: u32 = 10;
/// The longest pause before the second run; it doubles with each further run, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// A transaction in progress. Dropped without [`Transaction::commit`] it is rolled back.
pub(in crate::store) struct Transaction {
    // Before the permit, so that on SQLite it is rolled back before the next writer begins.
    inner: DatabaseTransaction,
    _turn: Turn,
}

/// The right to have a transaction, until it is dropped.
pub(in crate::store) type Turn = OwnedSemaphorePermit;

/// An error of a use case that may be, or hold, an error of the store.
pub(in crate::store) trait AsStoreError {
    fn as_store_error(&self) -> Option<&StoreError>;

    /// Whether nothing was done.
    fn is_refusal(&self) -> bool {
        self.as_store_error().is_some_and(StoreError::is_refusal)
    }
}

impl Database {
    /// Runs `use_case`, and runs it again while it fails because others were in the way: a bounded
    /// number of times, after a jittered pause. So it must have no effect but on the database, and
    /// there only by one statement or one transaction. A run is given up when the database goes away.
    ///
    /// `name` is what an operator knows the operation by, in metrics and traces.
    pub(in crate::store) async fn retrying<T, E, F>(
        &self,
        name: &'static str,
        use_case: impl Fn() -> F,
    ) -> Result<T, E>
    where
        E: AsStoreError + From<StoreError>,
        F: Future<Output = Result<T, E>>,
    {
        // Boxed: what calls this holds it several times over, once for each layer.
        let bounded = || Box::pin(self.connections.bounded(use_case()));
        self.retrying_at_length(name, bounded).await
    }

    /// Runs a statement that only reads, and makes of its rows what it was asked for.
    pub(in crate::store) async fn read<T>(
        &self,
        name: &'static str,
        statement: Statement,
        read: impl Fn(&[QueryResult]) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.retrying(name, || async {
            read(&self.pool().query_all_raw(statement.clone()).await?)
        })
        .await
    }

    /// As [`Database::retrying`], and a run may take as long as it takes.
    pub(in crate::store) async fn retrying_at_length<T, E, F>(
        &self,
        name: &'static str,
        use_case: impl Fn() -> F,
    ) -> Result<T, E>
    where
        E: AsStoreError,
        F: Future<Output = Result<T, E>>,
    {
        let error_type = |error: &E| error.as_store_error().map(StoreError::error_type);
        let started = Stopwatch::start();
        let span = traces::operation(self.metrics.system(), name);
        let outcome = traces::within(span, error_type, self.attempts(name, use_case)).await;
        let failure = outcome.as_ref().err().and_then(error_type);
        self.metrics.operation(name, started.elapsed(), failure);
        outcome
    }

    async fn attempts<T, E, F>(&self, name: &'static str, use_case: impl Fn() -> F) -> Result<T, E>
    where
        E: AsStoreError,
        F: Future<Output = Result<T, E>>,
    {
        let mut longest_pause = FIRST_PAUSE;
        for attempt in 1..ATTEMPTS {
            let error = match use_case().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            match error.as_store_error() {
                Some(cause) if cause.is_transient() => {
                    tracing::debug!(use_case = name, attempt, error = %cause, "running again");
                }
                _ => return Err(error),
            }
            self.metrics.retried(name);
            tokio::time::sleep(longest_pause.mul_f64(rand::random())).await;
            longest_pause = (longest_pause * 2).min(LONGEST_PAUSE);
        }
        use_case().await
    }

    /// Runs one statement in a transaction of its own, on SQLite with the permit to write; returns how many
    /// rows it changed.
    pub(in crate::store) async fn execute_one(
        &self,
        name: &'static str,
        statement: Statement,
    ) -> Result<u64, StoreError> {
        self.retrying(name, || async {
            let transaction = self.begin().await?;
            let changed = transaction.execute_raw(statement.clone()).await?;
            transaction.commit().await?;
            Ok(changed.rows_affected())
        })
        .await
    }

    /// Begins a transaction once there is a permit for it. On SQLite it takes the write lock at once: a
    /// deferred transaction fails when it finds, at its first write, that another has written since its
    /// first read.
    pub(in crate::store) async fn begin(&self) -> Result<Transaction, StoreError> {
        let asked = Stopwatch::start();
        let turn = self.turn().await?;
        let to_its_end = self.connections.writers().begin(turn);
        let system = self.metrics.system();
        let (inner, turn) = observed::run(system, "BEGIN", to_its_end).await?;
        self.metrics.waited(asked.elapsed());
        Ok(Transaction {
            inner: Observed::new(inner, system),
            _turn: turn,
        })
    }

    /// Lets the statements of this transaction take as long as they take.
    pub(in crate::store) async fn at_length(
        &self,
        transaction: &DatabaseTransaction,
    ) -> Result<(), StoreError> {
        if self.dialect != Dialect::Sqlite {
            let unlimited = self.statement("SET LOCAL statement_timeout = 0", []);
            transaction.execute_raw(unlimited).await?;
        }
        Ok(())
    }

    /// Waits for a permit to write; on PostgreSQL no longer than for a connection.
    pub(in crate::store) async fn turn(&self) -> Result<Turn, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = match self.dialect {
            Dialect::Sqlite => turn.await,
            Dialect::Postgres | Dialect::Citus => match timeout(ACQUIRE_TIMEOUT, turn).await {
                Ok(turn) => turn,
                Err(_) => return Err(unavailable("all connections are in use")),
            },
        };
        turn.map_err(|_| unavailable("the store is closed"))
    }

    /// The connection pool, for a statement that needs no transaction around it.
    pub(in crate::store) fn pool(&self) -> DatabaseConnection {
        Observed::new(self.connections.statements(), self.metrics.system())
    }
}

/// Begins, even if the caller gives up meanwhile; what has begun then is rolled back. If a `BEGIN` were
/// given up between its sending and its answer, the driver would not know of the transaction and take
/// the connection back as it is: what the next user of it is told to be stored would not be committed.
/// It keeps its permit until then, so there are no more of these than connections.
#[expect(
    clippy::disallowed_methods,
    reason = "closing the pool waits for it, as it has a connection"
)]
pub(in crate::store) async fn to_its_end<T: Send + 'static>(
    begin: impl Future<Output = Result<T, DbErr>> + Send + 'static,
) -> Result<T, DbErr> {
    match tokio::spawn(begin).await {
        Ok(answer) => answer,
        // The program ends.
        Err(error) => Err(DbErr::Conn(RuntimeErr::Internal(error.to_string()))),
    }
}

impl Transaction {
    pub(in crate::store) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }
}

impl Deref for Transaction {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

impl AsStoreError for StoreError {
    fn as_store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}
