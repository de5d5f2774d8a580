//! The columns of a list of rows that is passed as parameters.

use std::{borrow::Cow, fmt::Write as _};

use sea_orm::{
    Value,
    sea_query::{ArrayType, ValueType},
};
use uuid::Uuid;

use crate::domain::ConversationKey;

/// The values of one column of a list of rows.
#[derive(Debug, Clone)]
pub(in crate::store) enum Column {
    Keys(Vec<ConversationKey>),
    Integers(Vec<i64>),
    Texts(Vec<String>),
    OptionalIntegers(Vec<Option<i64>>),
    OptionalTexts(Vec<Option<String>>),
    OptionalBytes(Vec<Option<Vec<u8>>>),
}

/// The type of one column of a list of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum ColumnType {
    Key,
    Integer,
    Text,
    OptionalInteger,
    OptionalText,
    OptionalBytes,
}

impl ColumnType {
    /// The types of the arrays by which a column named `name` comes to PostgreSQL, each with its name.
    /// The driver has no arrays with NULLs: beside an optional column's values there is another array,
    /// of which of them are there.
    ///
    /// Text is sorted as in the tables, by its bytes and not as the database would: rows are locked in
    /// the order of such a list as well as in that of a table, and that has to be one order.
    pub(super) fn arrays(self, name: &str) -> Vec<(&'static str, String)> {
        let array = match self {
            Self::Key => "uuid[]",
            Self::OptionalBytes => "bytea[]",
            Self::Integer | Self::OptionalInteger => "bigint[]",
            Self::Text | Self::OptionalText => "text[] COLLATE \"C\"",
        };
        let mut arrays = vec![(array, name.to_owned())];
        if self.is_optional() {
            arrays.push(("boolean[]", format!("has_{name}")));
        }
        arrays
    }

    /// The value of such a column of the row `r`. A key, which is as long as a UUID, comes as one: the
    /// driver copies it without an allocation of its own.
    pub(super) fn arrived(self, name: &str) -> String {
        match self {
            Self::Key => format!("uuid_send(r.{name})"),
            _ if self.is_optional() => format!("CASE WHEN r.has_{name} THEN r.{name} END"),
            _ => format!("r.{name}"),
        }
    }

    const fn is_optional(self) -> bool {
        match self {
            Self::Key | Self::Integer | Self::Text => false,
            Self::OptionalInteger | Self::OptionalText | Self::OptionalBytes => true,
        }
    }
}

impl Column {
    pub(in crate::store) const fn kind(&self) -> ColumnType {
        match self {
            Self::Keys(_) => ColumnType::Key,
            Self::Integers(_) => ColumnType::Integer,
            Self::Texts(_) => ColumnType::Text,
            Self::OptionalIntegers(_) => ColumnType::OptionalInteger,
            Self::OptionalTexts(_) => ColumnType::OptionalText,
            Self::OptionalBytes(_) => ColumnType::OptionalBytes,
        }
    }

    pub(super) fn len(&self) -> usize {
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
    pub(in crate::store) fn joined<'a>(
        mut lists: impl Iterator<Item = &'a [Self]>,
    ) -> Cow<'a, [Self]> {
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
    pub(in crate::store) fn into_value(self) -> Value {
        match self {
            Self::Keys(keys) => only(keys).map(ConversationKey::to_bytes).into(),
            Self::Integers(integers) => only(integers).into(),
            Self::Texts(texts) => only(texts).into(),
            Self::OptionalIntegers(integers) => only(integers).flatten().into(),
            Self::OptionalTexts(texts) => only(texts).flatten().into(),
            Self::OptionalBytes(bytes) => only(bytes).flatten().into(),
        }
    }

    pub(super) fn write_json(&self, row: usize, json: &mut String) {
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

    /// The values of [`ColumnType::arrays`].
    pub(super) fn to_arrays(&self) -> Vec<Value> {
        match self {
            Self::Keys(keys) => vec![array(keys.iter().map(|key| Uuid::from_bytes(key.bytes())))],
            Self::Integers(integers) => vec![array(integers.iter().copied())],
            Self::Texts(texts) => vec![array(texts.iter().cloned())],
            Self::OptionalIntegers(integers) => optional(integers),
            Self::OptionalTexts(texts) => optional(texts),
            Self::OptionalBytes(bytes) => optional(bytes),
        }
    }
}

/// The one item of a list that has no other.
fn only<T>(items: Vec<T>) -> Option<T> {
    debug_assert_eq!(items.len(), 1, "one row");
    items.into_iter().next()
}

/// The values, with any in the place of those that are not there, and which are there.
fn optional<T: Clone + Default + Into<Value> + ValueType>(items: &[Option<T>]) -> Vec<Value> {
    vec![
        array(items.iter().map(|item| item.clone().unwrap_or_default())),
        array(items.iter().map(Option::is_some)),
    ]
}

fn array<T: Into<Value> + ValueType>(items: impl IntoIterator<Item = T>) -> Value {
    let items = items.into_iter().map(Into::into).collect();
    let kind: ArrayType = T::array_type();
    Value::Array(kind, Some(Box::new(items)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a column of two rows comes to a database: the least and the empty are values like others.
    #[test]
    fn null_and_the_least_of_all_values_are_told_apart() {
        let columns = [
            Column::OptionalIntegers(vec![None, Some(i64::MIN)]),
            Column::OptionalTexts(vec![None, Some(String::new())]),
            Column::OptionalBytes(vec![None, Some(Vec::new())]),
        ];
        for column in &columns {
            let arrays = column.to_arrays();
            assert_eq!(arrays.len(), column.kind().arrays("x").len());
            assert_eq!(arrays[1], array([false, true]));
            let mut json = String::new();
            column.write_json(0, &mut json);
            column.write_json(1, &mut json);
            let least = ["null-9223372036854775808", "null\"\""];
            assert!(least.contains(&json.as_str()), "{json}");
        }
    }
}
