//! What differs between SQLite and PostgreSQL, in one place.
//!
//! The statements of this module's siblings are written in the tongue that both databases speak
//! (`RETURNING`, `UPDATE … FROM`, `ON CONFLICT`, `CASE`, `$1`). What they do not share is how a list of
//! rows is handed over as parameters; [`Dialect::rows`] and [`Dialect::row_values`] do that. The text
//! of a statement never depends on how many rows there are, so it is prepared once.

use std::{borrow::Cow, fmt::Write as _};

use sea_orm::{
    DbBackend, Value,
    sea_query::{ArrayType, ValueType},
};

use super::{coalesce::Limits, key::ConversationKey};

/// One of the two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// SQLite, the embedded default.
    Sqlite,
    /// PostgreSQL 15 or later.
    Postgres,
}

/// The values of one column of a list of rows. Of those that are optional, none that is there is empty,
/// or the least of all integers: these stand for NULL on the way to PostgreSQL.
#[derive(Debug, Clone)]
pub(super) enum Column {
    Keys(Vec<ConversationKey>),
    Integers(Vec<i64>),
    Texts(Vec<String>),
    OptionalIntegers(Vec<Option<i64>>),
    OptionalTexts(Vec<Option<String>>),
    OptionalBytes(Vec<Option<Vec<u8>>>),
}

/// The type of one column of a list of rows.
#[derive(Debug, Clone, Copy)]
pub(super) enum ColumnType {
    Key,
    Integer,
    Text,
    OptionalInteger,
    OptionalText,
    OptionalBytes,
}

impl Dialect {
    pub(super) const fn backend(self) -> DbBackend {
        match self {
            Self::Sqlite => DbBackend::Sqlite,
            Self::Postgres => DbBackend::Postgres,
        }
    }

    /// How many changes of one kind run together. SQLite has one writer, for which all wait anyway.
    pub(super) const fn together(self) -> Limits {
        match self {
            Self::Sqlite => Limits {
                runs: 1,
                rows_of_one: 100,
                rows: 400,
            },
            Self::Postgres => Limits {
                runs: 3,
                rows_of_one: 16,
                rows: 128,
            },
        }
    }

    /// How much is looked up together. Nobody who looks waits for a lock, so large requests gain, too.
    pub(super) const fn looked_up_together(self) -> Limits {
        let runs = match self {
            Self::Sqlite => 1,
            Self::Postgres => 2,
        };
        Limits {
            runs,
            rows_of_one: 100,
            rows: 400,
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

    /// A table expression named `alias` for a list of rows that is passed as parameters from `$first`
    /// on. It has the named columns and `ord`, which rises in the order of the list. The second value
    /// is the number of the next free parameter.
    pub(super) fn rows(
        self,
        alias: &str,
        first: usize,
        columns: &[(&str, ColumnType)],
    ) -> (String, usize) {
        match self {
            Self::Postgres => {
                let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
                let (mut arrays, mut values) = (Vec::new(), Vec::new());
                for (index, (name, kind)) in columns.iter().enumerate() {
                    arrays.push(format!("${}::{}", first + index, kind.postgres_array()));
                    values.push(format!("{} AS {name}", kind.arrived(&format!("r.{name}"))));
                }
                let sql = format!(
                    "(SELECT {}, r.ord FROM unnest({}) WITH ORDINALITY AS r({}, ord)) AS {alias}",
                    values.join(", "),
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
                        ColumnType::Key | ColumnType::OptionalBytes => {
                            format!("unhex(r.value ->> {index}) AS {name}")
                        }
                        ColumnType::Integer
                        | ColumnType::Text
                        | ColumnType::OptionalInteger
                        | ColumnType::OptionalText => format!("r.value ->> {index} AS {name}"),
                    })
                    .collect();
                let sql = format!(
                    "(SELECT r.key AS ord, {} FROM json_each(${first}) AS r) AS {alias}",
                    fields.join(", "),
                );
                (sql, first + 1)
            }
        }
    }

    /// The parameters for [`Dialect::rows`]. All columns have the same length.
    pub(super) fn row_values(self, columns: &[Column]) -> Vec<Value> {
        match self {
            Self::Postgres => columns.iter().map(Column::to_array).collect(),
            Self::Sqlite => {
                let length = columns.first().map_or(0, Column::len);
                let mut json = String::from("[");
                for row in 0..length {
                    json.push_str(if row == 0 { "[" } else { ",[" });
                    for (index, column) in columns.iter().enumerate() {
                        if index > 0 {
                            json.push(',');
                        }
                        column.write_json(row, &mut json);
                    }
                    json.push(']');
                }
                json.push(']');
                vec![json.into()]
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

    /// An aggregate: the JSON text `[a, …]` of the rows of a group, in the order of `i.ord`.
    pub(super) fn json_array(self, value: &str) -> String {
        match self {
            Self::Postgres => format!("json_agg({value} ORDER BY i.ord)::text"),
            Self::Sqlite => format!("json_group_array({value} ORDER BY i.ord)"),
        }
    }

    /// An aggregate: the JSON text `[[a, b, …], …]` of the rows of a group, in the order of `i.ord`.
    pub(super) fn json_array_of_arrays(self, fields: &str) -> String {
        let build = match self {
            Self::Postgres => "json_build_array",
            Self::Sqlite => "json_array",
        };
        self.json_array(&format!("{build}({fields})"))
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
            Self::Key => "uuid[]",
            Self::OptionalBytes => "bytea[]",
            Self::Integer | Self::OptionalInteger => "bigint[]",
            Self::Text | Self::OptionalText => "text[] COLLATE \"C\"",
        }
    }

    /// The value of an element of such an array. A key, which is as long as a UUID, comes as one: the
    /// driver copies it without an allocation of its own. And the driver has no arrays with NULLs.
    fn arrived(self, element: &str) -> String {
        match self {
            Self::Key => format!("uuid_send({element})"),
            Self::Integer | Self::Text => element.to_owned(),
            Self::OptionalInteger => format!("NULLIF({element}, {})", i64::MIN),
            Self::OptionalText | Self::OptionalBytes => format!("NULLIF({element}, '')"),
        }
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Keys(keys) => keys.len(),
            Self::Integers(integers) => integers.len(),
            Self::Texts(texts) => texts.len(),
            Self::OptionalIntegers(integers) => integers.len(),
            Self::OptionalTexts(texts) => texts.len(),
            Self::OptionalBytes(bytes) => bytes.len(),
        }
    }

    /// The rows of several lists, whose columns are of the same types, one list behind the other.
    pub(super) fn joined<'a>(mut lists: impl Iterator<Item = &'a [Self]>) -> Cow<'a, [Self]> {
        let mut joined = Cow::Borrowed(lists.next().unwrap_or_default());
        for list in lists {
            for (all, more) in joined.to_mut().iter_mut().zip(list) {
                all.append(more);
            }
        }
        joined
    }

    /// Puts the values of `more`, which is of the same type, behind these.
    fn append(&mut self, more: &Self) {
        match (self, more) {
            (Self::Keys(all), Self::Keys(more)) => all.extend_from_slice(more),
            (Self::Integers(all), Self::Integers(more)) => all.extend_from_slice(more),
            (Self::Texts(all), Self::Texts(more)) => all.extend_from_slice(more),
            (Self::OptionalIntegers(all), Self::OptionalIntegers(more)) => {
                all.extend_from_slice(more);
            }
            (Self::OptionalTexts(all), Self::OptionalTexts(more)) => all.extend_from_slice(more),
            (Self::OptionalBytes(all), Self::OptionalBytes(more)) => all.extend_from_slice(more),
            (of_one, of_another) => debug_assert!(false, "{of_one:?} and {of_another:?}"),
        }
    }

    /// The value of a column that has one row.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Keys(keys) => only(keys).map(ConversationKey::to_bytes).into(),
            Self::Integers(integers) => only(integers).into(),
            Self::Texts(texts) => only(texts).into(),
            Self::OptionalIntegers(integers) => only(integers).flatten().into(),
            Self::OptionalTexts(texts) => only(texts).flatten().into(),
            Self::OptionalBytes(bytes) => only(bytes).flatten().into(),
        }
    }

    fn write_json(&self, row: usize, json: &mut String) {
        let written = match self {
            Self::Keys(keys) => write!(json, "\"{}\"", keys[row]),
            Self::Integers(integers) => write!(json, "{}", integers[row]),
            Self::OptionalIntegers(integers) => match integers[row] {
                Some(integer) => write!(json, "{integer}"),
                None => write!(json, "null"),
            },
            Self::Texts(texts) => write!(json, "{}", serde_json::json!(texts[row])),
            Self::OptionalTexts(texts) => write!(json, "{}", serde_json::json!(texts[row])),
            Self::OptionalBytes(bytes) => match &bytes[row] {
                Some(bytes) => {
                    json.push('"');
                    bytes
                        .iter()
                        .try_for_each(|byte| write!(json, "{byte:02x}"))
                        .map(|()| json.push('"'))
                }
                None => write!(json, "null"),
            },
        };
        debug_assert!(written.is_ok(), "a text can be written to");
    }

    fn to_array(&self) -> Value {
        match self {
            Self::Keys(keys) => array(keys.iter().map(|key| key.to_uuid())),
            Self::Integers(integers) => array(integers.iter().copied()),
            Self::Texts(texts) => array(texts.iter().cloned()),
            Self::OptionalIntegers(integers) => {
                array(integers.iter().map(|one| one.unwrap_or(i64::MIN)))
            }
            Self::OptionalTexts(texts) => {
                array(texts.iter().map(|one| one.clone().unwrap_or_default()))
            }
            Self::OptionalBytes(bytes) => {
                array(bytes.iter().map(|one| one.clone().unwrap_or_default()))
            }
        }
    }
}

/// What there is only one of.
fn only<T>(items: Vec<T>) -> Option<T> {
    debug_assert_eq!(items.len(), 1, "one row");
    items.into_iter().next()
}

fn array<T: Into<Value> + ValueType>(items: impl IntoIterator<Item = T>) -> Value {
    let items = items.into_iter().map(Into::into).collect();
    let kind: ArrayType = T::array_type();
    Value::Array(kind, Some(Box::new(items)))
}
