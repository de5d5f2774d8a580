//! The errors of the database, by what the caller does about them.

use std::borrow::Cow;

use sea_orm::{DbErr, EntityName, RuntimeErr};
use sqlx::error::DatabaseError;
use thiserror::Error;

/// PostgreSQL's `lock_timeout` is over.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// A failed use of the database. Its text is for the log: it may quote the driver.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// The database cannot be reached, or is not able to work. It may be back in a moment.
    #[error("the database is unavailable: {0}")]
    Unavailable(#[source] DbErr),
    /// Others worked on the same rows, and bounded retries did not get through.
    #[error("the database reports contention: {0}")]
    Contention(#[source] DbErr),
    /// A row that must not exist already does.
    #[error("a row with this key exists: {0}")]
    Duplicate(#[source] DbErr),
    /// A row does not hold what the service once wrote there.
    #[error("inconsistent data: column {column} of table {table}, row {key}")]
    Inconsistent {
        /// The table of the row.
        table: &'static str,
        /// The column that does not parse.
        column: Cow<'static, str>,
        /// Which row, in hexadecimal or as text.
        key: String,
    },
    /// The schema was made by a newer version of the service, or the database cannot hold it.
    #[error("unusable schema: {0}")]
    Schema(String),
    /// The database, or what is in front of it, is set up in a way that the service cannot work with.
    #[error("{0}")]
    Setup(String),
    /// A statement failed for a reason that is a mistake in the service.
    #[error("a statement failed: {0}")]
    Statement(#[source] DbErr),
}

impl StoreError {
    /// The error for a `column` of the row `key` that does not hold what the service once wrote there.
    pub(in crate::store) fn inconsistent(
        entity: impl EntityName,
        column: impl Into<Cow<'static, str>>,
        key: impl Into<String>,
    ) -> Self {
        Self::Inconsistent {
            table: entity.table_name(),
            column: column.into(),
            key: key.into(),
        }
    }

    /// An error on a connection beside the pool. After any such error the database is of no use.
    pub(in crate::store) fn beside_the_pool(error: sqlx::Error) -> Self {
        Self::Unavailable(DbErr::Conn(RuntimeErr::SqlxError(error.into())))
    }

    /// Whether no protected connection to the database came about.
    pub(in crate::store) fn is_of_tls(&self) -> bool {
        let Self::Unavailable(DbErr::Conn(RuntimeErr::SqlxError(error))) = self else {
            return false;
        };
        match &**error {
            sqlx::Error::Tls(_) => true,
            sqlx::Error::Io(error) => error.get_ref().is_some_and(
                <dyn std::error::Error + Send + Sync>::is::<tokio_rustls::rustls::Error>,
            ),
            _ => false,
        }
    }

    /// Whether running the same use case again may succeed at once.
    pub(in crate::store) fn is_transient(&self) -> bool {
        match self {
            Self::Contention(error) => !has_waited(error),
            Self::Duplicate(_) => true,
            _ => false,
        }
    }

    /// Whether the database has answered that it did not do what it was told. Otherwise, it may have.
    pub(in crate::store) fn is_refusal(&self) -> bool {
        let (Self::Unavailable(error)
        | Self::Contention(error)
        | Self::Duplicate(error)
        | Self::Statement(error)) = self
        else {
            return false;
        };
        matches!(
            error,
            DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error))
                if matches!(**error, sqlx::Error::Database(_))
        )
    }

    /// Whether PostgreSQL does not let this role do it.
    pub(in crate::store) fn is_permission_denied(&self) -> bool {
        let Self::Statement(
            DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error)),
        ) = self
        else {
            return false;
        };
        let code = error.as_database_error().and_then(DatabaseError::code);
        // insufficient_privilege
        code.is_some_and(|code| code == "42501")
    }

    /// The kind of the error, as it stands in metrics and traces.
    pub(in crate::store) const fn error_type(&self) -> &'static str {
        match self {
            Self::Unavailable(_) => "unavailable",
            Self::Contention(_) => "contention",
            Self::Duplicate(_) => "duplicate",
            Self::Inconsistent { .. } => "inconsistent",
            Self::Schema(_) => "schema",
            Self::Setup(_) => "setup",
            Self::Statement(_) => "statement",
        }
    }
}

/// Whether PostgreSQL has waited for a lock for as long as it may. Others have been in the way for so long
/// that running again would find them there.
fn has_waited(error: &DbErr) -> bool {
    let (DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let error = error.as_database_error();
    error.and_then(DatabaseError::code).as_deref() == Some(LOCK_NOT_AVAILABLE)
}

/// The same of an error of the driver.
pub(in crate::store) fn error_type(error: &DbErr) -> &'static str {
    match kind(error) {
        Kind::Unavailable => "unavailable",
        Kind::Contention => "contention",
        Kind::Duplicate => "duplicate",
        Kind::Statement => "statement",
    }
}

/// Whether others were in the way of what the driver was told.
pub(in crate::store) fn is_contention(error: &sqlx::Error) -> bool {
    matches!(sqlx_kind(error), Kind::Contention)
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match kind(&error) {
            Kind::Unavailable => Self::Unavailable(error),
            Kind::Contention => Self::Contention(error),
            Kind::Duplicate => Self::Duplicate(error),
            Kind::Statement => Self::Statement(error),
        }
    }
}

enum Kind {
    Unavailable,
    Contention,
    Duplicate,
    Statement,
}

fn kind(error: &DbErr) -> Kind {
    match error {
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => Kind::Unavailable,
        DbErr::Query(RuntimeErr::SqlxError(error)) | DbErr::Exec(RuntimeErr::SqlxError(error)) => {
            sqlx_kind(error)
        }
        _ => Kind::Statement,
    }
}

fn sqlx_kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Kind::Unavailable,
        sqlx::Error::Database(error) => database_kind(error.as_ref()),
        _ => Kind::Statement,
    }
}

fn database_kind(error: &dyn DatabaseError) -> Kind {
    if error.is_unique_violation() {
        return Kind::Duplicate;
    }
    let Some(code) = error.code() else {
        return Kind::Statement;
    };
    if code.len() == 5 {
        postgres_kind(&code)
    } else {
        code.parse().map_or(Kind::Statement, sqlite_kind)
    }
}

/// By `SQLSTATE`, see "PostgreSQL Error Codes" in its manual.
fn postgres_kind(state: &str) -> Kind {
    match state {
        // serialization_failure, deadlock_detected, lock_not_available
        "40001" | "40P01" | LOCK_NOT_AVAILABLE => Kind::Contention,
        // query_canceled (its time was up), read_only_sql_transaction (a standby),
        // idle_in_transaction_session_timeout (this service was stopped for a while), internal_error (as which a
        // cluster reports that it has lost the connection to one of its servers)
        "57014" | "25006" | "25P03" | "XX000" => Kind::Unavailable,
        // connection exceptions; insufficient resources (disk full, too many connections);
        // operator intervention (shutting down, starting up); system errors
        _ if ["08", "53", "57", "58"].contains(&&state[..2]) => Kind::Unavailable,
        _ => Kind::Statement,
    }
}

/// By extended result code, see "Result and Error Codes" in SQLite's manual.
const fn sqlite_kind(code: u32) -> Kind {
    match code & 0xff {
        // BUSY, LOCKED
        5 | 6 => Kind::Contention,
        // READONLY, IOERR, FULL, CANTOPEN
        8 | 10 | 13 | 14 => Kind::Unavailable,
        _ => Kind::Statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_are_sorted_by_what_the_caller_can_do() {
        assert!(matches!(postgres_kind("40P01"), Kind::Contention));
        assert!(matches!(postgres_kind("53100"), Kind::Unavailable));
        assert!(matches!(postgres_kind("57P01"), Kind::Unavailable));
        assert!(matches!(postgres_kind("XX000"), Kind::Unavailable));
        assert!(matches!(postgres_kind("42601"), Kind::Statement));
    }

    #[test]
    fn extended_sqlite_codes_count_as_their_primary_code() {
        assert!(matches!(sqlite_kind(5), Kind::Contention));
        assert!(matches!(sqlite_kind(517), Kind::Contention));
        assert!(matches!(sqlite_kind(13), Kind::Unavailable));
        assert!(matches!(sqlite_kind(1), Kind::Statement));
    }
}
