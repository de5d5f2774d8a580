//! Statements behind a pooler that lends a session for one transaction at a time.
//!
//! Each statement belongs to a transaction, which makes the settings that others leave to the session
//! ([`super::session`]); one that needs none has one of its own. Statements have no names: the next
//! session would not know them, or would know another one by the same name. So this works with every
//! version of a pooler, and costs three round trips more for a statement and one more for a transaction.

use std::sync::Arc;

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait as _, Values,
};
use sea_orm_migration::async_trait::async_trait;
use sea_query_sqlx::SqlxValues;
use sqlx::{AssertSqlSafe, PgPool, Postgres, postgres::PgConnection};
use tokio::sync::Mutex;

use super::{dialect::Dialect, transaction::to_its_end};

/// The pool, however its sessions are.
#[derive(Clone, Debug)]
pub(in crate::store) enum Pool {
    /// Each connection has a session as long as it is open.
    Lasting(sea_orm::DatabaseConnection),
    /// Each connection has a session for one transaction, which begins like this.
    Lent(PgPool, Arc<str>),
}

/// A transaction in progress. Dropped without [`Begun::commit`] it is rolled back.
#[derive(Debug)]
pub(in crate::store) enum Begun {
    /// In a session that lasts.
    Lasting(sea_orm::DatabaseTransaction),
    /// In a session that is lent.
    Lent(Mutex<sqlx::Transaction<'static, Postgres>>),
}

impl Pool {
    /// Begins, even if the caller gives up meanwhile: see [`to_its_end`]. On SQLite it takes the write
    /// lock at once.
    #[expect(
        clippy::disallowed_methods,
        reason = "only the store's wrapper calls this"
    )]
    pub(in crate::store) async fn begin<T: Send + 'static>(
        self,
        dialect: Dialect,
        with: T,
    ) -> Result<(Begun, T), DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: match dialect {
                Dialect::Sqlite => Some(SqliteTransactionMode::Immediate),
                Dialect::Postgres | Dialect::Citus => None,
            },
            ..TransactionOptions::default()
        };
        let begin = async move {
            let begun = match self {
                Self::Lasting(pool) => Begun::Lasting(pool.begin_with_options(options).await?),
                Self::Lent(pool, begin) => {
                    let transaction = pool.begin_with(AssertSqlSafe(begin.to_string())).await;
                    Begun::Lent(Mutex::new(transaction.map_err(failed)?))
                }
            };
            Ok((begun, with))
        };
        match dialect {
            Dialect::Sqlite => begin.await,
            Dialect::Postgres | Dialect::Citus => to_its_end(begin).await,
        }
    }

    /// A transaction for one statement.
    async fn for_one(&self) -> Result<Begun, DbErr> {
        let (begun, ()) = self.clone().begin(Dialect::Postgres, ()).await?;
        Ok(begun)
    }
}

impl Begun {
    pub(in crate::store) async fn commit(self) -> Result<(), DbErr> {
        match self {
            Self::Lasting(transaction) => transaction.commit().await,
            Self::Lent(transaction) => transaction.into_inner().commit().await.map_err(failed),
        }
    }
}

#[async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Lasting(pool) => pool.get_database_backend(),
            Self::Lent(..) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        if let Self::Lasting(pool) = self {
            return pool.execute_raw(statement).await;
        }
        let transaction = self.for_one().await?;
        let result = transaction.execute_raw(statement).await?;
        transaction.commit().await?;
        Ok(result)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        if let Self::Lasting(pool) = self {
            return pool.execute_unprepared(sql).await;
        }
        let transaction = self.for_one().await?;
        let result = transaction.execute_unprepared(sql).await?;
        transaction.commit().await?;
        Ok(result)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if let Self::Lasting(pool) = self {
            return pool.query_one_raw(statement).await;
        }
        let transaction = self.for_one().await?;
        let row = transaction.query_one_raw(statement).await?;
        transaction.commit().await?;
        Ok(row)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if let Self::Lasting(pool) = self {
            return pool.query_all_raw(statement).await;
        }
        let transaction = self.for_one().await?;
        let rows = transaction.query_all_raw(statement).await?;
        transaction.commit().await?;
        Ok(rows)
    }
}

#[async_trait]
impl ConnectionTrait for Begun {
    fn get_database_backend(&self) -> DbBackend {
        match self {
            Self::Lasting(transaction) => transaction.get_database_backend(),
            Self::Lent(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        match self {
            Self::Lasting(transaction) => transaction.execute_raw(statement).await,
            Self::Lent(transaction) => {
                let connection: &mut PgConnection = &mut *transaction.lock().await;
                let done = unnamed(&statement).execute(connection).await;
                done.map(Into::into).map_err(failed)
            }
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        match self {
            Self::Lasting(transaction) => transaction.execute_unprepared(sql).await,
            Self::Lent(transaction) => {
                let connection: &mut PgConnection = &mut *transaction.lock().await;
                let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
                let done = statements.execute(connection).await;
                done.map(Into::into).map_err(failed)
            }
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        match self {
            Self::Lasting(transaction) => transaction.query_one_raw(statement).await,
            Self::Lent(transaction) => {
                let connection: &mut PgConnection = &mut *transaction.lock().await;
                let row = unnamed(&statement).fetch_optional(connection).await;
                row.map(|row| row.map(Into::into)).map_err(failed)
            }
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match self {
            Self::Lasting(transaction) => transaction.query_all_raw(statement).await,
            Self::Lent(transaction) => {
                let connection: &mut PgConnection = &mut *transaction.lock().await;
                let rows = unnamed(&statement).fetch_all(connection).await;
                let rows = rows.map_err(failed)?;
                Ok(rows.into_iter().map(Into::into).collect())
            }
        }
    }
}

fn unnamed(statement: &Statement) -> sqlx::query::Query<'_, Postgres, SqlxValues> {
    let values = statement.values.clone().unwrap_or(Values(Vec::new()));
    let sql = AssertSqlSafe(statement.sql.as_str());
    sqlx::query_with(sql, SqlxValues(values)).persistent(false)
}

fn failed(error: sqlx::Error) -> DbErr {
    match error {
        error @ (sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => {
            DbErr::Conn(RuntimeErr::SqlxError(error.into()))
        }
        error => DbErr::Query(RuntimeErr::SqlxError(error.into())),
    }
}
