//! The columns of a list of rows that is passed as parameters.

use std::fmt::Write as _;

use sea_orm::{
    Value,
    sea_query::{ArrayType, ValueType},
};

use crate::domain::ConversationKey;

/// The values of one column of a list of rows.
#[derive(Debug, Clone)]
pub(in crate::store) enum Column {
    Keys(Vec<ConversationKey>),
    Integers(Vec<i64>),
    Texts(Vec<String>),
    Bytes(Vec<Vec<u8>>),
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
    Bytes,
    OptionalInteger,
    OptionalText,
    OptionalBytes,
}

impl ColumnType {
    /// The type of the array by which such a column comes to PostgreSQL.
    ///
    /// Text is sorted as in the tables, by its bytes and not as the database would: rows are locked in
    /// the order of such a list as well as in that of a table, and that has to be one order.
    pub(super) const fn array(self) -> &'static str {
        match self {
            Self::Key | Self::Bytes | Self::OptionalBytes => "bytea[]",
            Self::Integer | Self::OptionalInteger => "bigint[]",
            Self::Text | Self::OptionalText => "text[] COLLATE \"C\"",
        }
    }
}

impl Column {
    pub(in crate::store::database) const fn kind(&self) -> ColumnType {
        match self {
            Self::Keys(_) => ColumnType::Key,
            Self::Integers(_) => ColumnType::Integer,
            Self::Texts(_) => ColumnType::Text,
            Self::Bytes(_) => ColumnType::Bytes,
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
            Self::Bytes(bytes) => bytes.len(),
            Self::OptionalIntegers(integers) => integers.len(),
            Self::OptionalTexts(texts) => texts.len(),
            Self::OptionalBytes(bytes) => bytes.len(),
        }
    }

    /// The rows of several lists, whose columns are of the same types, one list behind the other.
    pub(in crate::store::database) fn joined<'a>(
        mut lists: impl Iterator<Item = &'a [Self]>,
    ) -> Vec<Self> {
        let mut joined = lists.next().unwrap_or_default().to_vec();
        for list in lists {
            for (all, more) in joined.iter_mut().zip(list) {
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
            (Self::Bytes(all), Self::Bytes(more)) => all.extend_from_slice(more),
            (Self::OptionalIntegers(all), Self::OptionalIntegers(more)) => {
                all.extend_from_slice(more);
            }
            (Self::OptionalTexts(all), Self::OptionalTexts(more)) => all.extend_from_slice(more),
            (Self::OptionalBytes(all), Self::OptionalBytes(more)) => all.extend_from_slice(more),
            (of_one, of_another) => debug_assert!(false, "{of_one:?} and {of_another:?}"),
        }
    }

    /// The value of a column that has one row.
    pub(in crate::store::database) fn into_value(self) -> Value {
        match self {
            Self::Keys(keys) => only(keys).map(ConversationKey::to_bytes).into(),
            Self::Integers(integers) => only(integers).into(),
            Self::Texts(texts) => only(texts).into(),
            Self::Bytes(bytes) => only(bytes).into(),
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
            Self::Bytes(bytes) => write!(json, "\"{}\"", hex(&bytes[row])),
            Self::OptionalBytes(bytes) => match &bytes[row] {
                Some(bytes) => write!(json, "\"{}\"", hex(bytes)),
                None => write!(json, "null"),
            },
        };
        debug_assert!(written.is_ok(), "a text can be written to");
    }

    /// The array by which the column comes to PostgreSQL. The driver has no arrays with NULLs, so an optional
    /// column is the text of one, which its type in the statement makes PostgreSQL read.
    pub(super) fn to_array(&self) -> Value {
        match self {
            Self::Keys(keys) => array(keys.iter().map(|key| key.bytes().to_vec())),
            Self::Integers(integers) => array(integers.iter().copied()),
            Self::Texts(texts) => array(texts.iter().cloned()),
            Self::Bytes(bytes) => array(bytes.iter().cloned()),
            Self::OptionalIntegers(integers) => text_of_array(integers, ToString::to_string),
            Self::OptionalTexts(texts) => text_of_array(texts, |text| quoted(text)),
            Self::OptionalBytes(bytes) => {
                text_of_array(bytes, |bytes| format!("\"\\\\x{}\"", hex(bytes)))
            }
        }
    }
}

/// The one item of a list that has no other.
fn only<T>(items: Vec<T>) -> Option<T> {
    debug_assert_eq!(items.len(), 1, "one row");
    items.into_iter().next()
}

/// PostgreSQL's text of an array, with each item as `write` has it.
fn text_of_array<T>(items: &[Option<T>], write: impl Fn(&T) -> String) -> Value {
    let items = items.iter().map(|item| match item {
        Some(item) => write(item),
        None => "NULL".to_owned(),
    });
    format!("{{{}}}", items.collect::<Vec<_>>().join(",")).into()
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let written = write!(hex, "{byte:02x}");
        debug_assert!(written.is_ok(), "a text can be written to");
    }
    hex
}

/// A text as an item of [`text_of_array`].
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
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
        let arrays = [
            "{NULL,-9223372036854775808}",
            "{NULL,\"\"}",
            "{NULL,\"\\\\x\"}",
        ];
        for (column, of_postgres) in columns.iter().zip(arrays) {
            assert_eq!(column.to_array(), of_postgres.into());
            let mut json = String::new();
            column.write_json(0, &mut json);
            column.write_json(1, &mut json);
            let least = ["null-9223372036854775808", "null\"\""];
            assert!(least.contains(&json.as_str()), "{json}");
        }
    }

    #[test]
    fn what_has_a_meaning_in_the_text_of_an_array_is_an_item_like_others() {
        let texts = ["NULL", "{a,b}", "\"", "\\", " "].map(|text| Some(text.to_owned()));
        let array = Column::OptionalTexts(Vec::from(texts)).to_array();
        assert_eq!(array, r#"{"NULL","{a,b}","\"","\\"," "}"#.into());
    }
}
