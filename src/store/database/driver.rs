//! A connection of either driver, and what it is told.

use sea_orm::{ExecResult, QueryResult, Statement, Values};
use sea_query_sqlx::SqlxValues;
use sqlx::{
    AssertSqlSafe, Connection as _, Database, Error, Postgres, SqlSafeStr as _, Sqlite,
    pool::PoolConnection, query::Query,
};
use sqlx_core::transaction::TransactionManager;

type OfSqlite = <Sqlite as Database>::TransactionManager;
type OfPostgres = <Postgres as Database>::TransactionManager;

/// A connection of either database, out of its pool.
#[derive(Debug)]
pub(in crate::store) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    /// With whether its statements have names: they are planned once for each connection then.
    Postgres(PoolConnection<Postgres>, bool),
}

/// The answer to a statement that is run by the driver's method `$run`, made into sea-orm's by `$made`.
macro_rules! answer {
    ($connection:expr, $statement:expr, $run:ident, $made:expr) => {{
        let Statement { sql, values, .. } = $statement;
        let sql = AssertSqlSafe(sql);
        let values = SqlxValues(values.unwrap_or(Values(Vec::new())));
        match $connection {
            Self::Sqlite(connection) => {
                let query: Query<'_, Sqlite, _> = sqlx::query_with(sql, values);
                query.$run(&mut **connection).await.map($made)
            }
            Self::Postgres(connection, named) => {
                let query: Query<'_, Postgres, _> = sqlx::query_with(sql, values);
                let query = query.persistent(*named);
                query.$run(&mut **connection).await.map($made)
            }
        }
    }};
}

impl Connection {
    pub(in crate::store) async fn execute(
        &mut self,
        statement: Statement,
    ) -> Result<ExecResult, Error> {
        answer!(self, statement, execute, Into::into)
    }

    /// Executes one or several statements without values.
    pub(in crate::store) async fn execute_text(&mut self, sql: &str) -> Result<ExecResult, Error> {
        let statements = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(connection) => Ok(statements.execute(&mut **connection).await?.into()),
            Self::Postgres(connection, _) => {
                Ok(statements.execute(&mut **connection).await?.into())
            }
        }
    }

    pub(in crate::store) async fn query_one(
        &mut self,
        statement: Statement,
    ) -> Result<Option<QueryResult>, Error> {
        answer!(self, statement, fetch_optional, |row| row.map(Into::into))
    }

    pub(in crate::store) async fn query_all(
        &mut self,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, Error> {
        answer!(self, statement, fetch_all, |rows| {
            rows.into_iter().map(Into::into).collect()
        })
    }

    /// Begins a transaction, by this statement or by `BEGIN`.
    pub(in crate::store) async fn begin(&mut self, by: Option<&str>) -> Result<(), Error> {
        let by = by.map(|sql| AssertSqlSafe(sql.to_owned()).into_sql_str());
        match self {
            Self::Sqlite(connection) => OfSqlite::begin(connection, by).await,
            Self::Postgres(connection, _) => OfPostgres::begin(connection, by).await,
        }
    }

    pub(in crate::store) async fn commit(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => OfSqlite::commit(connection).await,
            Self::Postgres(connection, _) => OfPostgres::commit(connection).await,
        }
    }

    pub(in crate::store) fn is_in_transaction(&self) -> bool {
        match self {
            Self::Sqlite(connection) => OfSqlite::get_transaction_depth(connection) > 0,
            Self::Postgres(connection, _) => OfPostgres::get_transaction_depth(connection) > 0,
        }
    }

    /// Rolls the transaction back, before anything else that the connection is told.
    pub(in crate::store) fn start_rollback(&mut self) {
        match self {
            Self::Sqlite(connection) => OfSqlite::start_rollback(connection),
            Self::Postgres(connection, _) => OfPostgres::start_rollback(connection),
        }
    }

    /// Asks for a sign of life.
    pub(in crate::store) async fn ping(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => connection.ping().await,
            Self::Postgres(connection, _) => connection.ping().await,
        }
    }

    /// Closes the connection without a word to the database, which may be away.
    pub(in crate::store) fn abandon(self) {
        match self {
            Self::Sqlite(connection) => drop(connection.detach()),
            Self::Postgres(connection, _) => drop(connection.detach()),
        }
    }
}
