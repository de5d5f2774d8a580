//! From the values of a row to values of the domain.
//!
//! A value that does not parse is [`StoreError::Inconsistent`], never a panic: the row was changed by
//! somebody else, or a disk is failing.

use std::fmt::Write as _;

use sea_orm::{DbErr, QueryResult, RuntimeErr};

use super::error::StoreError;
use crate::domain::{ConversationKey, Revision, Seq, Timestamp};

/// Reads the columns of one row of `table`.
pub(in crate::store) struct Row<'a> {
    table: &'static str,
    result: &'a QueryResult,
}

impl<'a> Row<'a> {
    pub(in crate::store) const fn new(table: &'static str, result: &'a QueryResult) -> Self {
        Self { table, result }
    }

    /// The value of a column. One of another type than the service writes, or `NULL` where it writes
    /// none, is inconsistent like any other.
    pub(in crate::store) fn get<T: sea_orm::TryGetable>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let value = self.result.try_get("", column);
        value.map_err(|error| match error {
            DbErr::Type(_) | DbErr::TryIntoErr { .. } => self.inconsistent(column),
            DbErr::Query(RuntimeErr::SqlxError(error))
                if matches!(*error, sqlx::Error::ColumnDecode { .. }) =>
            {
                self.inconsistent(column)
            }
            other => other.into(),
        })
    }

    /// The value of a column of JSON text.
    pub(in crate::store) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> Result<T, StoreError> {
        let text: String = self.get(column)?;
        serde_json::from_str(&text).map_err(|_| self.inconsistent(column))
    }

    pub(in crate::store) fn key(&self) -> Result<ConversationKey, StoreError> {
        let column = "conversation_key";
        let bytes: Vec<u8> = self.get(column)?;
        ConversationKey::from_stored(&bytes).ok_or_else(|| self.inconsistent(column))
    }

    pub(in crate::store) fn seq(&self, column: &'static str) -> Result<Seq, StoreError> {
        Seq::from_stored(self.get(column)?).ok_or_else(|| self.inconsistent(column))
    }

    pub(in crate::store) fn optional_seq(
        &self,
        column: &'static str,
    ) -> Result<Option<Seq>, StoreError> {
        let number: Option<i64> = self.get(column)?;
        number
            .map(|number| Seq::from_stored(number).ok_or_else(|| self.inconsistent(column)))
            .transpose()
    }

    pub(in crate::store) fn revision(&self, column: &'static str) -> Result<Revision, StoreError> {
        Revision::from_stored(self.get(column)?).ok_or_else(|| self.inconsistent(column))
    }

    pub(in crate::store) fn optional_revision(
        &self,
        column: &'static str,
    ) -> Result<Option<Revision>, StoreError> {
        let number: Option<i64> = self.get(column)?;
        number
            .map(|number| Revision::from_stored(number).ok_or_else(|| self.inconsistent(column)))
            .transpose()
    }

    pub(in crate::store) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        Ok(Timestamp::from_micros(self.get(column)?))
    }

    pub(in crate::store) fn optional_time(
        &self,
        column: &'static str,
    ) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.get::<Option<i64>>(column)?.map(Timestamp::from_micros))
    }

    /// The error for a `column` of this row that does not parse. Names the row by what the statement
    /// returns of its key.
    pub(in crate::store) fn inconsistent(&self, column: &'static str) -> StoreError {
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
            column,
            key,
        }
    }
}
