//! Connections whose statements are traced: each statement has a span of its own in the call's trace.
//!
//! They are used like any other connection, so nothing in the module's statements knows of this.

use std::future::Future;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use sea_orm_migration::async_trait::async_trait;
use tracing::Span;

use super::{
    error::error_type,
    pooled::{Begun, Pool},
};
use crate::telemetry::traces;

/// A connection, a pool of them or a transaction.
#[derive(Clone, Debug)]
pub(in crate::store) struct Observed<C> {
    connection: C,
    /// OpenTelemetry's name of the database.
    system: &'static str,
}

/// A transaction in progress.
pub(in crate::store) type DatabaseTransaction = Observed<Begun>;
/// The pool.
pub(in crate::store) type DatabaseConnection = Observed<Pool>;

impl<C> Observed<C> {
    pub(in crate::store) const fn new(connection: C, system: &'static str) -> Self {
        Self { connection, system }
    }

    /// The connection itself, for what is no statement.
    pub(in crate::store) fn into_unobserved(self) -> C {
        self.connection
    }
}

impl DatabaseTransaction {
    pub(in crate::store) async fn commit(self) -> Result<(), DbErr> {
        run(self.system, "COMMIT", self.connection.commit()).await
    }
}

/// Does `work`, which is what `sql` says, in a span of its own.
pub(in crate::store) fn run<T>(
    system: &'static str,
    sql: &str,
    work: impl Future<Output = Result<T, DbErr>>,
) -> impl Future<Output = Result<T, DbErr>> {
    within(traces::statement(system, sql), work)
}

fn within<T>(
    span: Span,
    work: impl Future<Output = Result<T, DbErr>>,
) -> impl Future<Output = Result<T, DbErr>> {
    traces::within(span, |error| Some(error_type(error)), work)
}

#[async_trait]
impl<C: ConnectionTrait> ConnectionTrait for Observed<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.connection.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let span = traces::statement(self.system, &statement.sql);
        within(span, self.connection.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        run(self.system, sql, self.connection.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let span = traces::statement(self.system, &statement.sql);
        within(span, self.connection.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let span = traces::statement(self.system, &statement.sql);
        within(span, self.connection.query_all_raw(statement)).await
    }
}
