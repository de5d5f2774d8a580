//! Statements that return many rows.
//!
//! PostgreSQL returns them as rows. SQLite gathers them in one JSON value: its driver copies each value of a row by
//! itself and hands each row from the connection's thread to the caller's, which takes longer than to find the rows and
//! to write the JSON. On PostgreSQL the JSON would take longer than it saves. `docs/benchmarks.md` has the figures.
//!
//! A struct of such a row derives `FromQueryResult` and `Deserialize`, and both go by the names of the columns.

use std::cell::Cell;

use sea_orm::{ColumnTrait, EntityName, FromQueryResult, QueryResult, sea_query::ColumnType};
use serde::de::{DeserializeOwned, value::MapDeserializer};
use serde_json::{Map, Value};

use super::{dialect::Dialect, error::StoreError, row::Row};

/// The column that has the gathered rows.
const GATHERED: &str = "gathered";

/// The column that every such row has, and that is NULL where an outer join has found no row.
const KEY: &str = "conversation_key";

/// The columns of the rows.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Returned(Vec<ReturnedColumn>);

#[derive(Debug, Clone)]
struct ReturnedColumn {
    name: &'static str,
    value: ReturnedValue,
}

#[derive(Debug, Clone)]
enum ReturnedValue {
    /// The value of a column of a table, which has the same name.
    Plain(String),
    /// The same of bytes, which JSON does not have: they are hexadecimal there.
    Bytes(String),
    /// The JSON that an expression makes.
    Json(String),
}

impl Returned {
    /// These columns of a table that the statement calls `table`.
    pub(in crate::store) fn of<C: ColumnTrait>(
        table: &str,
        columns: impl IntoIterator<Item = C>,
    ) -> Self {
        Self::default().with(table, columns)
    }

    /// With columns of another table beside them.
    pub(in crate::store) fn with<C: ColumnTrait>(
        mut self,
        table: &str,
        columns: impl IntoIterator<Item = C>,
    ) -> Self {
        self.0.extend(columns.into_iter().map(|column| {
            let name = column.as_str();
            let value = format!("{table}.{name}");
            let value = match column.def().get_column_type() {
                ColumnType::Blob => ReturnedValue::Bytes(value),
                _ => ReturnedValue::Plain(value),
            };
            ReturnedColumn { name, value }
        }));
        self
    }

    /// With the JSON text that an expression makes beside them, called `name`.
    pub(in crate::store) fn with_json(mut self, name: &'static str, value: String) -> Self {
        let value = ReturnedValue::Json(value);
        self.0.push(ReturnedColumn { name, value });
        self
    }

    /// The columns of a query.
    pub(in crate::store) fn columns(&self) -> String {
        let columns = self
            .0
            .iter()
            .map(|ReturnedColumn { name, value }| match value {
                ReturnedValue::Plain(value) | ReturnedValue::Bytes(value) => value.clone(),
                ReturnedValue::Json(value) => format!("{value} AS {name}"),
            });
        columns.collect::<Vec<_>>().join(", ")
    }

    /// All rows as one JSON value, in SQLite's words.
    fn gathered(&self) -> String {
        let members = self
            .0
            .iter()
            .map(|ReturnedColumn { name, value }| match value {
                ReturnedValue::Plain(value) => format!("'{name}', {value}"),
                ReturnedValue::Json(value) => format!("'{name}', json({value})"),
                // The hexadecimal of NULL is an empty text.
                ReturnedValue::Bytes(value) => {
                    format!("'{name}', CASE WHEN {value} IS NOT NULL THEN hex({value}) END")
                }
            });
        let members = members.collect::<Vec<_>>().join(", ");
        format!("json_group_array(json_object({members}))")
    }
}

impl Dialect {
    /// A query of these columns of the rows of `from`, which are in no order.
    pub(in crate::store) fn select_many(self, returned: &Returned, from: &str) -> String {
        match self {
            Self::Postgres | Self::Citus => format!("SELECT {} FROM {from}", returned.columns()),
            Self::Sqlite => format!("SELECT {} AS {GATHERED} FROM {from}", returned.gathered()),
        }
    }

    /// The same beside the columns `header` of `one`, which is one row.
    pub(in crate::store) fn select_many_beside(
        self,
        (header, one): (&str, &str),
        returned: &Returned,
        from: &str,
    ) -> String {
        match self {
            Self::Postgres | Self::Citus => format!(
                "SELECT {header}, {} FROM {one} LEFT JOIN {from} ON TRUE",
                returned.columns()
            ),
            Self::Sqlite => format!(
                "SELECT {header}, (SELECT {} FROM {from}) AS {GATHERED} FROM {one}",
                returned.gathered()
            ),
        }
    }

    /// Reads the rows of such a query, which are mostly of the table of this entity.
    pub(in crate::store) fn read_many<T: FromQueryResult + DeserializeOwned>(
        self,
        entity: impl EntityName + Copy,
        results: &[QueryResult],
    ) -> Result<Vec<T>, StoreError> {
        match self {
            Self::Postgres | Self::Citus => {
                let mut rows = Vec::with_capacity(results.len());
                for result in results {
                    let row = Row::of(entity, result);
                    if row.get::<Option<Vec<u8>>>(KEY)?.is_some() {
                        rows.push(row.read()?);
                    }
                }
                Ok(rows)
            }
            Self::Sqlite => match results {
                [] => Ok(Vec::new()),
                [result, ..] => {
                    let json: String = Row::of(entity, result).get(GATHERED)?;
                    serde_json::from_str(&json).map_err(|_| inconsistent::<T>(entity, &json))
                }
            },
        }
    }
}

/// The error for the first of these gathered rows that is no `T`.
fn inconsistent<T: DeserializeOwned>(entity: impl EntityName + Copy, json: &str) -> StoreError {
    let rows: Vec<Map<String, Value>> = serde_json::from_str(json).unwrap_or_default();
    for row in rows {
        // The column that was read last is the one that failed.
        let last = Cell::new("");
        let columns = row.iter().map(|(name, value)| {
            last.set(name);
            (name.as_str(), value.clone())
        });
        if T::deserialize(MapDeserializer::<_, serde_json::Error>::new(columns)).is_err() {
            let key = row.get(KEY).and_then(Value::as_str).unwrap_or_default();
            let key = format!("{KEY} {}", key.to_lowercase());
            return StoreError::inconsistent(entity, last.get().to_owned(), key);
        }
    }
    StoreError::inconsistent(entity, GATHERED, "of a key that does not parse")
}

#[cfg(test)]
mod tests {
    use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DbBackend, Statement};
    use serde::Deserialize;

    use super::*;
    use crate::{
        domain::{ConversationKey, CustomData, Revision, Seq},
        store::entity::{
            members::{self, Column as C},
            value::Json,
        },
    };

    #[derive(Debug, PartialEq, FromQueryResult, Deserialize)]
    struct Stored {
        conversation_key: ConversationKey,
        last_seq: Option<Seq>,
        taken_by: Option<Revision>,
        custom_data: Option<CustomData>,
        names: Json<Vec<String>>,
    }

    /// The rows that these are in a table.
    async fn read(rows: &str) -> Result<Vec<Stored>, StoreError> {
        let returned = Returned::of(
            "m",
            [C::ConversationKey, C::LastSeq, C::TakenBy, C::CustomData],
        )
        .with_json("names", "m.names".to_owned());
        let from = format!(
            "(SELECT column1 AS conversation_key, column2 AS last_seq, column3 AS taken_by, \
              column4 AS custom_data, column5 AS names FROM (VALUES {rows}) WHERE column1 IS NOT NULL) AS m"
        );
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1).sqlx_logging(false);
        let database = Database::connect(options).await.unwrap();
        let mut read = Vec::new();
        let dialect = Dialect::Sqlite;
        for sql in [
            dialect.select_many(&returned, &from),
            dialect.select_many_beside(("one.one", "(SELECT 1 AS one) AS one"), &returned, &from),
        ] {
            let statement = Statement::from_string(DbBackend::Sqlite, sql);
            let results = database.query_all_raw(statement).await.unwrap();
            read.push(dialect.read_many::<Stored>(members::Entity, &results)?);
        }
        assert_eq!(read[0], read[1]);
        Ok(read.swap_remove(0))
    }

    #[tokio::test]
    async fn gathered_rows_are_read() {
        let rows = read(
            "(x'000102030405060708090A0B0C0D0EFF', 7, NULL, x'00ff', '[\"a\"]'), \
             (x'FF0102030405060708090A0B0C0D0E00', NULL, 9, x'', '[]')",
        );
        let rows = rows.await.unwrap();
        let [first, second] = &rows[..] else {
            panic!("{rows:?}")
        };
        assert_eq!(
            first.conversation_key.to_string(),
            "000102030405060708090a0b0c0d0eff"
        );
        assert_eq!(first.last_seq, Some(Seq::saturating(7)));
        assert_eq!(first.taken_by, None);
        assert_eq!(
            first.custom_data,
            Some(CustomData::new(vec![0, 255]).unwrap())
        );
        assert_eq!(first.names.0, ["a"]);
        assert_eq!(second.last_seq, None);
        assert_eq!(second.custom_data, Some(CustomData::default()));
        assert!(second.names.0.is_empty());
    }

    #[tokio::test]
    async fn there_may_be_no_rows() {
        assert_eq!(read("(NULL, 1, 1, NULL, '[]')").await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_value_that_does_not_parse_is_inconsistent_and_its_row_and_column_are_named() {
        const KEY: &str = "x'000102030405060708090A0B0C0D0EFF'";
        for (row, expected) in [
            (format!("({KEY}, -1, 9, NULL, '[]')"), "last_seq"),
            (format!("({KEY}, 7, 'nine', NULL, '[]')"), "taken_by"),
            (format!("({KEY}, 7, 9.5, NULL, '[]')"), "taken_by"),
            (format!("({KEY}, 7, 9, NULL, '[1]')"), "names"),
            (format!("({KEY}, 7, 9, NULL, NULL)"), "names"),
        ] {
            let rows = format!("(x'FF0102030405060708090A0B0C0D0EFF', 7, 9, NULL, '[]'), {row}");
            match read(&rows).await {
                Err(StoreError::Inconsistent { table, column, key }) => {
                    assert_eq!((table, &*column), ("members", expected), "{row}");
                    assert_eq!(key, "conversation_key 000102030405060708090a0b0c0d0eff");
                }
                other => panic!("{row}: {other:?}"),
            }
        }
    }
}
