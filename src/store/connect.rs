//! From a database URL to a pool of connections that are set up as the service needs them.

use std::time::Duration;

use sea_orm::{ConnectOptions, Database};
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};

use super::{Store, StoreError, dialect::Dialect};
use crate::config::DatabaseConfig;

/// How long a request waits for a connection of the pool, and so how soon it is told that the
/// database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a statement may run; none of this service's takes nearly as long.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
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
    match dialect {
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
        }
        Dialect::Postgres => {
            let generic_plans = config.generic_plans;
            options
                .set_application_name("conversation-service")
                .statement_timeout(STATEMENT_TIMEOUT)
                .map_sqlx_postgres_opts(move |postgres| {
                    if generic_plans {
                        // Statements whose text never changes need to be planned only once.
                        postgres.options([("plan_cache_mode", "force_generic_plan")])
                    } else {
                        postgres
                    }
                });
        }
    }
    let connection = Database::connect(options).await?;
    Ok(Store::new(connection, dialect))
}
