//! What differs between SQLite and PostgreSQL, in one place.
//!
//! The statements of this module's siblings are written in the tongue that both databases speak
//! (`RETURNING`, `UPDATE … FROM`, `ON CONFLICT`, `CASE`, `$1`). What they do not share is how a list of
//! rows is handed over as parameters; [`Dialect::rows`] and [`Dialect::row_values`] do that. The text
//! of a statement never depends on how many rows there are, so it is prepared once.

use sea_orm::{
    DbBackend, Value,
    sea_query::{ArrayType, ValueType},
};
use serde_json::json;

use super::key::ConversationKey;

/// One of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// SQLite, the embedded default.
    Sqlite,
    /// PostgreSQL 15 or later.
    Postgres,
}

/// The values of one column of a list of rows.
#[derive(Debug)]
pub(super) enum Column {
    Keys(Vec<ConversationKey>),
    Integers(Vec<i64>),
    Texts(Vec<String>),
}

/// The type of one column of a list of rows.
#[derive(Debug, Clone, Copy)]
pub(super) enum ColumnType {
    Key,
    Integer,
    Text,
}

impl Dialect {
    pub(super) const fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::Postgres => DbBackend::Postgres,
        }
    }

    /// OpenTelemetry's name of the database.
    pub(super) const fn system_name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgresql",
        }
    }

    /// What makes a `SELECT` lock its rows and pass over those that others have locked. SQLite has one
    /// writer at a time, so nobody else has.
    pub(super) const fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }

    /// A table expression named `i` for a list of rows that is passed as parameters from `$first` on.
    /// It has the named columns and `ord`, which rises in the order of the list. The second value is
    /// the number of the next free parameter.
    pub(super) fn rows(self, first: usize, columns: &[(&str, ColumnType)]) -> (String, usize) {
        match self {
            Self::Postgres => {
                let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
                let arrays: Vec<_> = columns
                    .iter()
                    .enumerate()
                    .map(|(index, (_, kind))| {
                        format!("${}::{}", first + index, kind.postgres_array())
                    })
                    .collect();
                let sql = format!(
                    "unnest({}) WITH ORDINALITY AS i({}, ord)",
                    arrays.join(", "),
                    names.join(", "),
                );
                (sql, first + columns.len())
            }
            Self::Sqlite => {
                let fields: Vec<_> = columns
                    .iter()
                    .enumerate()
                    .map(|(index, (name, kind))| match kind {
                        ColumnType::Key => format!("unhex(r.value ->> {index}) AS {name}"),
                        ColumnType::Integer | ColumnType::Text => {
                            format!("r.value ->> {index} AS {name}")
                        }
                    })
                    .collect();
                let sql = format!(
                    "(SELECT r.key AS ord, {} FROM json_each(${first}) AS r) AS i",
                    fields.join(", "),
                );
                (sql, first + 1)
            }
        }
    }

    /// The parameters for [`Dialect::rows`]. All columns have the same length.
    pub(super) fn row_values(self, columns: Vec<Column>) -> Vec<Value> {
        match self {
            Self::Postgres => columns.into_iter().map(Column::into_array).collect(),
            Self::Sqlite => {
                let length = columns.first().map_or(0, Column::len);
                let rows: Vec<Vec<serde_json::Value>> = (0..length)
                    .map(|row| columns.iter().map(|column| column.json(row)).collect())
                    .collect();
                vec![Value::from(json!(rows).to_string())]
            }
        }
    }

    /// The greatest of these numbers, none of which is NULL.
    pub(super) fn greatest(self, numbers: &[&str]) -> String {
        let function = match self {
            Self::Sqlite => "MAX",
            Self::Postgres => "GREATEST",
        };
        format!("{function}({})", numbers.join(", "))
    }

    /// What makes a `SELECT` lock its rows, in their order. SQLite has one writer at a time.
    pub(super) const fn lock(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE",
        }
    }

    /// A parameter as it stands in a condition that a table is searched by once for each of the
    /// [`Dialect::rows`]. Without statistics, SQLite would rather search the table by the parameter
    /// alone, and the rows of the list for each of what it finds. In an update there is no `CROSS JOIN`
    /// to forbid it.
    pub(super) fn after_rows(self, parameter: &str) -> String {
        match self {
            Self::Sqlite => format!("CASE WHEN i.ord >= 0 THEN {parameter} END"),
            Self::Postgres => parameter.to_owned(),
        }
    }

    /// What follows a table in a `FROM` that is to be read by this index. SQLite mostly has no
    /// statistics, and without them prefers to read all rows of a user by the primary key. PostgreSQL
    /// knows better.
    pub(super) fn by_index(self, index: &str) -> String {
        match self {
            Self::Sqlite => format!(" INDEXED BY {index}"),
            Self::Postgres => String::new(),
        }
    }

    /// An expression of the JSON text `[[a, b, …], …]` of the rows that `from` yields, in the order of
    /// the column `ord`.
    pub(super) fn json_rows(self, fields: &[&str], from: &str) -> String {
        let fields = fields.join(", ");
        match self {
            Self::Postgres => {
                format!(
                    "(SELECT COALESCE(json_agg(json_build_array({fields}) ORDER BY ord)::text, '[]') \
                      FROM {from})"
                )
            }
            Self::Sqlite => format!(
                "(SELECT json_group_array(json_array({fields})) FROM (SELECT * FROM {from} ORDER BY ord))"
            ),
        }
    }
}

impl ColumnType {
    /// Text is sorted as in the tables, by its bytes and not as the database would: rows are locked in
    /// the order of such a list as well as in that of a table, and that has to be one order.
    const fn postgres_array(self) -> &'static str {
        match self {
            Self::Key => "bytea[]",
            Self::Integer => "bigint[]",
            Self::Text => "text[] COLLATE \"C\"",
        }
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Keys(keys) => keys.len(),
            Self::Integers(integers) => integers.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    fn json(&self, row: usize) -> serde_json::Value {
        match self {
            Self::Keys(keys) => json!(keys[row].to_string()),
            Self::Integers(integers) => json!(integers[row]),
            Self::Texts(texts) => json!(texts[row]),
        }
    }

    fn into_array(self) -> Value {
        match self {
            Self::Keys(keys) => array(keys.into_iter().map(ConversationKey::to_bytes)),
            Self::Integers(integers) => array(integers),
            Self::Texts(texts) => array(texts),
        }
    }
}

fn array<T: Into<Value> + ValueType>(items: impl IntoIterator<Item = T>) -> Value {
    let items = items.into_iter().map(Into::into).collect();
    let kind: ArrayType = T::array_type();
    Value::Array(kind, Some(Box::new(items)))
}
