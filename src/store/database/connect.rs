//! From a database URL to a pool of connections that are set up as the service needs them.

use std::{sync::Arc, time::Duration};

use sea_orm::ConnectOptions;
use sqlx::{
    ConnectOptions as _, Connection as _, Postgres, Sqlite,
    pool::PoolOptions,
    postgres::PgSslMode,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio::time::timeout;

use super::{
    connections::{Connections, unavailable},
    dialect::Dialect,
    distribution::Layout,
    session::{self, Session},
    sqlite_file::SqliteFile,
};
use crate::{
    config::{DatabaseConfig, DatabaseUrl, Protection},
    store::database::{Database, error::StoreError},
};

/// How long a request waits for a connection when all are in use. Of a database that is away it is told
/// sooner: see [`super::connections`].
pub(in crate::store) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection waits for the answer that its caller has given up on: the deadline has passed,
/// or the call was cancelled. It is closed then.
pub(in crate::store) const ABANDONED_STATEMENT: Duration = Duration::from_secs(1);
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
pub(in crate::store) async fn connect(config: &DatabaseConfig) -> Result<Database, StoreError> {
    if let Some(sqlite) = config.url.sqlite() {
        connect_sqlite(config, sqlite).await
    } else {
        connect_postgres(config).await
    }
}

async fn connect_sqlite(
    config: &DatabaseConfig,
    address: SqliteConnectOptions,
) -> Result<Database, StoreError> {
    let file = SqliteFile::prepare(address.get_filename())?;
    let address = address
        // It was made. If it goes away, no connection makes another in its place.
        .create_if_missing(false)
        // A change that was acknowledged survives a loss of power, not only of the process.
        .synchronous(SqliteSynchronous::Full)
        // Deleted bytes are overwritten.
        .pragma("secure_delete", "ON")
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    SqliteFile::begin_log(&address).await?;
    let mut options = pool_options("sqlite://", config);
    options.map_sqlx_sqlite_opts(move |_| address.clone());
    let mut writer = options.clone();
    writer
        .max_connections(1)
        .connect_lazy(true)
        .map_sqlx_sqlite_pool_opts(close_what_is_out_of_step);
    let connections = Connections::open_sqlite(options, writer, file).await?;
    Ok(Database::new(
        connections,
        Dialect::Sqlite,
        config.pool_size,
    ))
}

async fn connect_postgres(config: &DatabaseConfig) -> Result<Database, StoreError> {
    let urls = [Some(&config.url), config.direct_url.as_ref()];
    let addresses = (urls.into_iter().flatten()).filter_map(DatabaseUrl::postgres);
    let (mut is_protection_chosen, mut is_unchecked) = (false, false);
    for address in addresses {
        is_protection_chosen |= address.is_protection_chosen;
        is_unchecked |= matches!(
            address.options.get_ssl_mode(),
            PgSslMode::Prefer | PgSslMode::Require
        );
        if address.protection == Protection::None {
            tracing::warn!(
                "the connection to the database leaves this machine and may be unencrypted, so its \
                 password and all data can be read on the way; set sslmode=verify-full in the database URL"
            );
        }
    }
    let mut options = pool_options("postgres://", config);
    let url = config.url.clone();
    options
        .connect_lazy(true)
        .map_sqlx_postgres_opts(move |unset| {
            // Read anew for each pool: the password may come from a file that changes.
            let address = url.postgres().map_or(unset, |address| address.options);
            session::of_service(address)
        });
    let mut session = Session::new(config.generic_plans);
    if config.distributed {
        session = session.of_cluster();
    }
    let opened =
        Connections::open_postgres(options, session, &config.url, config.direct_url.as_ref()).await;
    match opened {
        Ok(connections) => {
            let dialect = match connections.layout() {
                Layout::OneServer => Dialect::Postgres,
                Layout::Cluster => Dialect::Citus,
            };
            Ok(Database::new(connections, dialect, config.pool_size))
        }
        Err(error) if is_protection_chosen && error.is_of_tls() => Err(unavailable(&format!(
            "{error}; over a network the database must prove who it is (sslmode=verify-full) unless the \
             database URL says otherwise: give its authority as sslrootcert, or another sslmode"
        ))),
        // The driver reads the key in the certificate with a library that knows no other version.
        Err(error) if is_unchecked && error.is_of_tls() => Err(unavailable(&format!(
            "{error}; in this sslmode nobody checks the certificate of the database, but it must be one of \
             X.509 version 3 (Citus makes one of version 1): give the database another (ssl_cert_file)"
        ))),
        Err(error) => Err(error),
    }
}

/// The settings that both databases' pools have in common. The address is not among them: the ORM writes
/// them to a span of its own, password included.
fn pool_options(scheme: &str, config: &DatabaseConfig) -> ConnectOptions {
    let mut options = ConnectOptions::new(scheme);
    options
        .max_connections(config.pool_size)
        .min_connections(0)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .test_before_acquire_if_idle_for(TRUSTED_WHILE_IDLE)
        .sqlx_logging(false);
    options
}

/// Sets connections of a pool up when they are new, and closes those of which a statement was abandoned.
pub(in crate::store) fn with_sessions(options: &mut ConnectOptions, session: Arc<Session>) {
    options.map_sqlx_postgres_pool_opts(move |pool| {
        let session = Arc::clone(&session);
        give_up_what_was_abandoned(pool).after_connect(move |connection, _| {
            let session = Arc::clone(&session);
            Box::pin(async move { session.set_up(connection).await })
        })
    });
}

/// SQLite ends a transaction by itself when a write fails, for want of room say. The driver is not
/// notified: it cannot end the transaction once more, and takes all that follows on the connection to be
/// nested in it. That would be neither committed nor rolled back, and would keep all other writers out for
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

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectionTrait as _, Database, DbBackend, Statement};

    #[tokio::test]
    async fn sqlite_is_compiled_without_mutexes_that_all_connections_share() {
        let database = Database::connect("sqlite::memory:").await.unwrap();
        let options = Statement::from_string(DbBackend::Sqlite, "PRAGMA compile_options");
        let options = database.query_all_raw(options).await.unwrap();
        let options = options.iter().map(|row| row.try_get_by_index(0).unwrap());
        let options: Vec<String> = options.collect();
        let are_as_configured = options.contains(&"DEFAULT_MEMSTATUS=0".to_owned())
            && !options.contains(&"ENABLE_MEMORY_MANAGEMENT".to_owned());
        assert!(are_as_configured, "see .cargo/config.toml: {options:?}");
    }
}
