//! From a row to values of the domain.
//!
//! The types of the columns (`entity::value`) and of the struct that a row is read into say what parses.
//! A value that does not parse is [`StoreError::Inconsistent`], never a panic: the row was changed by
//! somebody else, or a disk is failing.

use std::{borrow::Cow, fmt::Write as _};

use sea_orm::{
    DbErr, EntityName, FromQueryResult, QueryResult, RuntimeErr, TryGetError, TryGetable,
};

use super::error::StoreError;
use crate::store::entity::value::Unparsable;

/// One row of a table.
pub(in crate::store) struct Row<'a> {
    table: &'static str,
    result: &'a QueryResult,
}

impl<'a> Row<'a> {
    /// A row that is mostly of the table of this entity: so errors name it.
    pub(in crate::store) fn of(entity: impl EntityName, result: &'a QueryResult) -> Self {
        Self::of_table(entity.table_name(), result)
    }

    /// The same of a table without an entity.
    pub(in crate::store) const fn of_table(table: &'static str, result: &'a QueryResult) -> Self {
        Self { table, result }
    }

    /// Reads the columns that `T` has.
    pub(in crate::store) fn read<T: FromQueryResult>(&self) -> Result<T, StoreError> {
        let read = T::from_query_result_nullable(self.result, "");
        read.map_err(|error| self.error(error))
    }

    /// Reads one column. A value of another type than the service writes, or `NULL` where it writes none, is
    /// inconsistent like any other.
    pub(in crate::store) fn get<T: TryGetable>(&self, column: &str) -> Result<T, StoreError> {
        let read = self.result.try_get_nullable("", column);
        read.map_err(|error| self.error(error))
    }

    fn error(&self, error: TryGetError) -> StoreError {
        match unparsable_column(&error) {
            Some(column) => self.inconsistent(column),
            None => DbErr::from(error).into(),
        }
    }

    /// The error for a `column` of this row that does not parse. Names the row by what the statement
    /// returns of its key.
    pub(in crate::store) fn inconsistent(
        &self,
        column: impl Into<Cow<'static, str>>,
    ) -> StoreError {
        let mut key = Vec::new();
        if let Ok(user) = self.result.try_get::<String>("", "user_id") {
            key.push(format!("user_id {user}"));
        }
        if let Ok(bytes) = self.result.try_get::<Vec<u8>>("", "conversation_key") {
            let mut named = "conversation_key ".to_owned();
            for byte in bytes {
                // A string can be written to.
                let _ = write!(named, "{byte:02x}");
            }
            key.push(named);
        }
        for name in ["revision", "seq"] {
            if let Ok(number) = self.result.try_get::<i64>("", name) {
                key.push(format!("{name} {number}"));
            }
        }
        let key = match key.as_slice() {
            [] => "of a key that the statement does not return".to_owned(),
            parts => parts.join(", "),
        };
        StoreError::Inconsistent {
            table: self.table,
            column: column.into(),
            key,
        }
    }
}

/// Reads the columns that `T` has of each of these rows.
pub(in crate::store) fn read_all<T: FromQueryResult, C: FromIterator<T>>(
    entity: impl EntityName,
    rows: &[QueryResult],
) -> Result<C, StoreError> {
    rows.iter().map(|row| Row::of(entity, row).read()).collect()
}

/// The column that does not parse; `None` if the error is another one, such as a column that the statement does
/// not return.
fn unparsable_column(error: &TryGetError) -> Option<String> {
    match error {
        TryGetError::Null(column) => Some(named(column)),
        TryGetError::DbErr(DbErr::TryIntoErr { source, .. }) => {
            let unparsable = source.downcast_ref::<Unparsable>()?;
            Some(unparsable.0.clone())
        }
        TryGetError::DbErr(DbErr::Query(RuntimeErr::SqlxError(error))) => match &**error {
            sqlx::Error::ColumnDecode { index, .. } => Some(named(index)),
            _ => None,
        },
        TryGetError::DbErr(_) => None,
    }
}

/// The name of a column that the driver has put in quotation marks.
fn named(column: &str) -> String {
    column.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DbBackend, Statement};

    use super::*;
    use crate::{
        domain::{PayloadType, Seq, Timestamp},
        store::entity::messages,
    };

    #[derive(Debug, FromQueryResult)]
    struct Stored {
        seq: Seq,
        send_time: Timestamp,
        payload_type: Option<PayloadType>,
    }

    /// The row that this statement returns.
    async fn read(sql: &str) -> Result<Stored, StoreError> {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1).sqlx_logging(false);
        let database = Database::connect(options).await.unwrap();
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        Row::of(messages::Entity, &row).read()
    }

    #[tokio::test]
    async fn a_row_that_parses_is_read() {
        let stored = read("SELECT 7 AS seq, 8 AS send_time, NULL AS payload_type").await;
        let stored = stored.unwrap();
        assert_eq!(stored.seq, Seq::saturating(7));
        assert_eq!(stored.send_time, Timestamp::from_micros(8));
        assert_eq!(stored.payload_type, None);
    }

    #[tokio::test]
    async fn a_value_that_does_not_parse_is_inconsistent_and_its_column_is_named() {
        for (sql, expected) in [
            (
                "SELECT -1 AS seq, 8 AS send_time, NULL AS payload_type",
                "seq",
            ),
            (
                "SELECT 7 AS seq, NULL AS send_time, 'text' AS payload_type",
                "send_time",
            ),
            (
                "SELECT 7 AS seq, 'now' AS send_time, 'text' AS payload_type",
                "send_time",
            ),
            (
                "SELECT 7 AS seq, 8 AS send_time, '' AS payload_type",
                "payload_type",
            ),
        ] {
            match read(sql).await {
                Err(StoreError::Inconsistent { table, column, .. }) => {
                    assert_eq!((table, &*column), ("messages", expected), "{sql}");
                }
                other => panic!("{sql}: {other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_column_that_the_statement_does_not_return_is_a_mistake_of_the_service() {
        let stored = read("SELECT 8 AS send_time, NULL AS payload_type").await;
        assert!(
            matches!(stored, Err(StoreError::Statement(_))),
            "{stored:?}"
        );
    }
}
