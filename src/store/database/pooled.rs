//! Statements and transactions, on connections that are kept from one to the next ([`super::kept`]).
//!
//! Behind a pooler that lends a session for one transaction at a time, each statement belongs to a transaction, which
//! makes the settings that others leave to the session ([`super::session`]); one that needs none has one of its own.
//! Statements have no names there: the next session would not know them, or would know another one by the same
//! name. So this works with every version of a pooler, and costs three round trips more for a statement and one more
//! for each of a transaction.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_orm_migration::async_trait::async_trait;
use tokio::sync::Mutex;

use super::{
    connections::Observer,
    kept::{Borrowed, Kept},
    transaction::to_its_end,
};

/// The statement by which a transaction on SQLite takes the write lock at once.
const IMMEDIATELY: &str = "BEGIN IMMEDIATE";

/// Connections to run statements on.
#[derive(Clone)]
pub(in crate::store) struct Pool {
    kept: Arc<Kept>,
    observer: Option<Observer>,
}

/// A transaction in progress. Dropped without [`Begun::commit`] it is rolled back.
pub(in crate::store) struct Begun {
    // Boxed: a transaction is handed on.
    connection: Box<Mutex<Borrowed>>,
    backend: DbBackend,
    observer: Option<Observer>,
}

impl Pool {
    pub(in crate::store) fn new(kept: &Arc<Kept>, observer: Option<&Observer>) -> Self {
        Self {
            kept: Arc::clone(kept),
            observer: observer.cloned(),
        }
    }

    /// Begins, even if the caller gives up meanwhile: see [`to_its_end`].
    pub(in crate::store) async fn begin<T: Send + 'static>(
        self,
        with: T,
    ) -> Result<(Begun, T), DbErr> {
        let backend = self.get_database_backend();
        let is_sqlite = backend == DbBackend::Sqlite;
        let begin = async move {
            let begun = begun(&self.kept, is_sqlite.then_some(IMMEDIATELY)).await?;
            let begun = Begun {
                connection: Box::new(Mutex::new(begun)),
                backend,
                observer: self.observer,
            };
            Ok((begun, with))
        };
        if is_sqlite {
            begin.await
        } else {
            to_its_end(begin).await
        }
    }

    /// A connection for one statement, in a transaction if its session is lent.
    async fn for_one(&self) -> Result<Borrowed, DbErr> {
        if self.kept.lent().is_none() {
            return self.kept.borrow().await;
        }
        let kept = Arc::clone(&self.kept);
        to_its_end(async move { begun(&kept, None).await }).await
    }
}

/// A connection on which a transaction has begun: as lent sessions want it, or by this statement, or by `BEGIN`.
async fn begun(kept: &Arc<Kept>, by: Option<&str>) -> Result<Borrowed, DbErr> {
    let mut connection = kept.borrow().await?;
    let by = kept.lent().map(AsRef::as_ref).or(by);
    connection.begin(by).await.map_err(failed)?;
    Ok(connection)
}

impl Begun {
    pub(in crate::store) async fn commit(self) -> Result<(), DbErr> {
        self.connection.into_inner().end().await.map_err(failed)
    }
}

#[async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DbBackend {
        self.kept.pool().get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut connection = self.for_one().await?;
        let told = Told::of(self.observer.as_ref(), &statement);
        let result = told.answered(connection.execute(statement).await)?;
        connection.end().await.map_err(failed)?;
        Ok(result)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut connection = self.for_one().await?;
        let result = connection.execute_text(sql).await.map_err(failed)?;
        connection.end().await.map_err(failed)?;
        Ok(result)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut connection = self.for_one().await?;
        let told = Told::of(self.observer.as_ref(), &statement);
        let row = told.answered(connection.query_one(statement).await)?;
        connection.end().await.map_err(failed)?;
        Ok(row)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut connection = self.for_one().await?;
        let told = Told::of(self.observer.as_ref(), &statement);
        let rows = told.answered(connection.query_all(statement).await)?;
        connection.end().await.map_err(failed)?;
        Ok(rows)
    }
}

#[async_trait]
impl ConnectionTrait for Begun {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let told = Told::of(self.observer.as_ref(), &statement);
        told.answered(self.connection.lock().await.execute(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let done = self.connection.lock().await.execute_text(sql).await;
        done.map_err(failed)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let told = Told::of(self.observer.as_ref(), &statement);
        told.answered(self.connection.lock().await.query_one(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let told = Told::of(self.observer.as_ref(), &statement);
        told.answered(self.connection.lock().await.query_all(statement).await)
    }
}

/// A statement whose observer is notified once it is answered.
struct Told<'a>(Option<(&'a Observer, Statement)>);

impl<'a> Told<'a> {
    fn of(observer: Option<&'a Observer>, statement: &Statement) -> Self {
        Self(observer.map(|observer| (observer, statement.clone())))
    }

    fn answered<T>(self, answer: Result<T, sqlx::Error>) -> Result<T, DbErr> {
        if let Some((observer, statement)) = self.0 {
            observer(&statement);
        }
        answer.map_err(failed)
    }
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}
