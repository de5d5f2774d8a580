//! Lists of rows that statements take as parameters.
//!
//! A struct that is a row of such a list declares each of its columns once, with its name, its type and its value.
//! The text of a statement comes from this declaration ([`Shape`]), and its parameters come from the declaration
//! and the rows ([`Input`]). So the two always agree, and nobody counts parameters.

use sea_orm::Value;

use super::dialect::{Column, ColumnType};
use crate::domain::ConversationKey;

/// A row of a list.
pub(in crate::store) trait InputRow: Sized + 'static {
    /// The columns, in the order of the parameters.
    const COLUMNS: &'static [InputColumn<Self>];
}

/// A column of a list whose rows are `R`.
pub(in crate::store) struct InputColumn<R> {
    name: &'static str,
    value: ValueOf<R>,
}

/// Where the values of a column come from; with it, their type.
enum ValueOf<R> {
    Key(fn(&R) -> ConversationKey),
    Integer(fn(&R) -> i64),
    Text(fn(&R) -> String),
    Bytes(fn(&R) -> Vec<u8>),
    OptionalInteger(fn(&R) -> Option<i64>),
    OptionalText(fn(&R) -> Option<String>),
    OptionalBytes(fn(&R) -> Option<Vec<u8>>),
}

/// The columns of a list: what the text of a statement depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Shape(Vec<(&'static str, ColumnType)>);

/// The rows of a list, column by column.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Input(Vec<Column>);

impl<R> InputColumn<R> {
    pub(in crate::store) const fn key(
        name: &'static str,
        value: fn(&R) -> ConversationKey,
    ) -> Self {
        let value = ValueOf::Key(value);
        Self { name, value }
    }

    pub(in crate::store) const fn integer(name: &'static str, value: fn(&R) -> i64) -> Self {
        let value = ValueOf::Integer(value);
        Self { name, value }
    }

    pub(in crate::store) const fn text(name: &'static str, value: fn(&R) -> String) -> Self {
        let value = ValueOf::Text(value);
        Self { name, value }
    }

    pub(in crate::store) const fn bytes(name: &'static str, value: fn(&R) -> Vec<u8>) -> Self {
        let value = ValueOf::Bytes(value);
        Self { name, value }
    }

    pub(in crate::store) const fn optional_integer(
        name: &'static str,
        value: fn(&R) -> Option<i64>,
    ) -> Self {
        let value = ValueOf::OptionalInteger(value);
        Self { name, value }
    }

    pub(in crate::store) const fn optional_text(
        name: &'static str,
        value: fn(&R) -> Option<String>,
    ) -> Self {
        let value = ValueOf::OptionalText(value);
        Self { name, value }
    }

    pub(in crate::store) const fn optional_bytes(
        name: &'static str,
        value: fn(&R) -> Option<Vec<u8>>,
    ) -> Self {
        let value = ValueOf::OptionalBytes(value);
        Self { name, value }
    }

    const fn kind(&self) -> ColumnType {
        match self.value {
            ValueOf::Key(_) => ColumnType::Key,
            ValueOf::Integer(_) => ColumnType::Integer,
            ValueOf::Text(_) => ColumnType::Text,
            ValueOf::Bytes(_) => ColumnType::Bytes,
            ValueOf::OptionalInteger(_) => ColumnType::OptionalInteger,
            ValueOf::OptionalText(_) => ColumnType::OptionalText,
            ValueOf::OptionalBytes(_) => ColumnType::OptionalBytes,
        }
    }

    fn column<'a>(&self, rows: impl Iterator<Item = &'a R>) -> Column
    where
        R: 'a,
    {
        match self.value {
            ValueOf::Key(value) => Column::Keys(rows.map(value).collect()),
            ValueOf::Integer(value) => Column::Integers(rows.map(value).collect()),
            ValueOf::Text(value) => Column::Texts(rows.map(value).collect()),
            ValueOf::Bytes(value) => Column::Bytes(rows.map(value).collect()),
            ValueOf::OptionalInteger(value) => Column::OptionalIntegers(rows.map(value).collect()),
            ValueOf::OptionalText(value) => Column::OptionalTexts(rows.map(value).collect()),
            ValueOf::OptionalBytes(value) => Column::OptionalBytes(rows.map(value).collect()),
        }
    }
}

impl Shape {
    pub(in crate::store) fn of<R: InputRow>() -> Self {
        let columns = R::COLUMNS.iter();
        Self(columns.map(|column| (column.name, column.kind())).collect())
    }

    /// With the columns of another list beside them.
    pub(in crate::store) fn beside(mut self, others: &Self) -> Self {
        self.0.extend_from_slice(&others.0);
        self
    }

    pub(in crate::store) fn columns(&self) -> &[(&'static str, ColumnType)] {
        &self.0
    }

    pub(in crate::store) fn len(&self) -> usize {
        self.0.len()
    }

    /// The names, each behind `prefix`.
    pub(in crate::store) fn names(&self, prefix: &str) -> String {
        let names = self.0.iter().map(|(name, _)| format!("{prefix}{name}"));
        names.collect::<Vec<_>>().join(", ")
    }

    /// The parameter of this column of one row that is passed as it is.
    pub(in crate::store) fn parameter(&self, name: &str) -> String {
        format!("${}", self.place(name) + 1)
    }

    /// The number of the parameter that is the array of this column, where PostgreSQL takes the rows from the
    /// parameter `first` on.
    pub(in crate::store) fn array(&self, name: &str, first: usize) -> usize {
        first + self.place(name)
    }

    fn place(&self, name: &str) -> usize {
        let place = self.0.iter().position(|(column, _)| *column == name);
        place.expect("the column is declared")
    }

    /// The parameters of one row that is passed as it is, from the first on.
    pub(in crate::store) fn parameters(&self) -> String {
        let parameters = (1..=self.len()).map(|number| format!("${number}"));
        parameters.collect::<Vec<_>>().join(", ")
    }
}

impl Input {
    pub(in crate::store) fn of<'a, R: InputRow>(
        rows: &(impl Iterator<Item = &'a R> + Clone),
    ) -> Self {
        let columns = R::COLUMNS.iter();
        Self(columns.map(|column| column.column(rows.clone())).collect())
    }

    /// With the columns of another list, of as many rows, beside them.
    pub(in crate::store) fn beside(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The rows of several lists of one shape, one list behind the other.
    pub(in crate::store) fn joined<'a>(lists: impl Iterator<Item = &'a Self>) -> Self {
        Self(Column::joined(lists.map(Self::columns)))
    }

    pub(in crate::store) fn columns(&self) -> &[Column] {
        &self.0
    }

    /// The values of the only row: those of [`Shape::parameters`].
    pub(in crate::store) fn into_scalars(self) -> Vec<Value> {
        self.0.into_iter().map(Column::into_value).collect()
    }

    /// Whether the list has this shape.
    pub(in crate::store) fn is_of(&self, shape: &Shape) -> bool {
        let kinds = shape.0.iter().map(|(_, kind)| *kind);
        self.0.iter().map(Column::kind).eq(kinds)
    }
}
