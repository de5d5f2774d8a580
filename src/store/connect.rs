//! From a database URL to a pool of connections that are set up as the service needs them.

#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt as _;
use std::{fs::OpenOptions, str::FromStr as _, sync::Arc, time::Duration};

use sea_orm::ConnectOptions;
use sqlx::{
    Connection as _, Postgres, Sqlite,
    pool::PoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::time::timeout;

use super::{
    Store, StoreError,
    connections::Connections,
    dialect::Dialect,
    session::{self, Session},
};
use crate::config::{DatabaseConfig, DatabaseUrl};

/// How long a request waits for a connection when all are in use. Of a database that is away it is told
/// sooner: see [`super::connections`].
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection waits for the answer that its caller has given up on: the deadline has passed,
/// or the call was cancelled. It is closed then.
const ABANDONED_STATEMENT: Duration = Duration::from_secs(1);
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
            options
                .connect_lazy(true)
                .map_sqlx_postgres_opts(session::of_service);
            None
        }
    };
    let connections = match dialect {
        Dialect::Sqlite => {
            make_private(url);
            Connections::open(options, writers, dialect).await?
        }
        Dialect::Postgres => {
            let session = Session::new(config.generic_plans);
            let direct = config.direct_url.as_ref().map(DatabaseUrl::expose);
            Connections::open_postgres(options, session, direct).await?
        }
    };
    Ok(Store::new(connections, dialect, config.pool_size))
}

/// Makes SQLite's file, if there is none, so that nobody but its owner may read it: it holds what users
/// write to each other. SQLite gives the files that it makes beside it the same rights. What fails here
/// fails there again, and is told.
fn make_private(url: &str) {
    let Ok(options) = SqliteConnectOptions::from_str(url) else {
        return;
    };
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    file.mode(0o600);
    let _ = file.open(options.get_filename());
}

/// Sets connections of a pool up when they are new, and closes those of which a statement was abandoned.
pub(super) fn with_sessions(options: &mut ConnectOptions, session: Arc<Session>) {
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let session = Arc::clone(&session);
        give_up_what_was_abandoned(pool).after_connect(move |connection, _| {
            let session = Arc::clone(&session);
            Box::pin(async move { session.set_up(connection).await })
        })
    });
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
