//! From a database URL to a pool of connections that are set up as the service needs them.

use std::time::Duration;

use sea_orm::ConnectOptions;
use sqlx::{
    Connection as _, Postgres, Sqlite,
    pool::PoolOptions,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use tokio::time::timeout;

use super::{Store, StoreError, connections::Connections, dialect::Dialect};
use crate::config::DatabaseConfig;

/// How long a request waits for a connection when all are in use. Of a database that is away it is told
/// sooner: see [`super::connections`].
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a statement may run; none of this service's takes nearly as long.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection waits for the answer that its caller has given up on: the deadline has passed,
/// or the call was cancelled. It is closed then.
const ABANDONED_STATEMENT: Duration = Duration::from_secs(1);
/// How often PostgreSQL looks whether the connection is still there while it runs a statement or waits
/// for a lock. The statement ends if it is not. Together with the former this is how long a statement
/// outlives its caller at most.
const CONNECTION_CHECK: Duration = Duration::from_secs(1);
/// How long a transaction may wait for its next statement before PostgreSQL ends it. Without that, what
/// a lost machine has locked would stay locked until TCP gives up.
const IDLE_TRANSACTION: Duration = Duration::from_secs(10);
/// How long SQLite waits for a writer in another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that has been idle for this long is tried before it is used.
const TRUSTED_WHILE_IDLE: Duration = Duration::from_secs(5);

/// Connects to the database without looking at its schema. Connections are opened as they are
/// needed, but for the first.
///
/// # Errors
///
/// [`StoreError::Unavailable`] if the database cannot be reached.
pub async fn connect(config: &DatabaseConfig) -> Result<Store, StoreError> {
    let url = config.url.expose();
    let dialect = if url.starts_with("sqlite:") {
        Dialect::Sqlite
    } else {
        Dialect::Postgres
    };
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(config.pool_size)
        .min_connections(0)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .test_before_acquire_if_idle_for(TRUSTED_WHILE_IDLE)
        .sqlx_logging(false);
    let writers = match dialect {
        Dialect::Sqlite => {
            options.map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // What was acknowledged survives a loss of power, not only of the process.
                    .synchronous(SqliteSynchronous::Full)
                    // What is deleted is overwritten.
                    .pragma("secure_delete", "ON")
                    .busy_timeout(BUSY_TIMEOUT)
            });
            let mut writer = options.clone();
            writer
                .max_connections(1)
                .connect_lazy(true)
                .map_sqlx_sqlite_pool_opts(close_what_is_out_of_step);
            Some(writer)
        }
        Dialect::Postgres => {
            let generic_plans = config.generic_plans;
            options
                .connect_lazy(true)
                .set_application_name("conversation-service")
                .statement_timeout(STATEMENT_TIMEOUT)
                .map_sqlx_postgres_pool_opts(give_up_what_was_abandoned)
                .map_sqlx_postgres_opts(move |postgres| {
                    let postgres = postgres.options([
                        (
                            "client_connection_check_interval",
                            milliseconds(CONNECTION_CHECK),
                        ),
                        (
                            "idle_in_transaction_session_timeout",
                            milliseconds(IDLE_TRANSACTION),
                        ),
                    ]);
                    if generic_plans {
                        // Statements whose text never changes need to be planned only once.
                        postgres.options([("plan_cache_mode", "force_generic_plan")])
                    } else {
                        postgres
                    }
                });
            None
        }
    };
    let connections = Connections::open(options, writers, dialect).await?;
    Ok(Store::new(connections, dialect, config.pool_size))
}

/// SQLite ends a transaction by itself when a write fails, for want of room say. The driver is not told:
/// it cannot end the transaction once more, and takes whatever follows on the connection to be nested
/// in it. That would be neither committed nor rolled back, and would keep all other writers out for
/// good. Such a connection is closed.
fn close_what_is_out_of_step(pool: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    pool.after_release(|connection, _| {
        Box::pin(async move {
            // When this is answered, so is the end of the transaction.
            connection.ping().await?;
            Ok(!connection.is_in_transaction())
        })
    })
}

/// A call that is dropped in the midst of a statement leaves its connection waiting for the answer, and
/// the statement running. Here that ends soon: the connection is closed, PostgreSQL notices, and the
/// statement is undone.
fn give_up_what_was_abandoned(pool: PoolOptions<Postgres>) -> PoolOptions<Postgres> {
    pool.after_release(|connection, _| {
        Box::pin(async move {
            // Without an outstanding answer this does nothing, and costs nothing.
            match timeout(ABANDONED_STATEMENT, connection.flush()).await {
                Ok(answered) => answered.map(|()| true),
                Err(elapsed) => Err(sqlx::Error::Io(elapsed.into())),
            }
        })
    })
}

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}
