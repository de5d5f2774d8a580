//! Trimming: removing what was kept for as long as was promised.
//!
//! A change says itself until when it is kept, by the settings of when it was made: its retention, and
//! as long as it can be undone. Settings that are made shorter later go for later changes. A change that
//! a former version has made says nothing; it is kept by its age and as long as it can be undone.
//!
//! Everything is removed in the order of an index, and each batch goes on from the last row of the one
//! before. Beginning at the oldest row each time would pass over all that was removed so far, again and
//! again, while some long transaction keeps PostgreSQL from forgetting it.

use sea_orm::{ConnectionTrait, EntityName, FromQueryResult, Value};

use super::Erasure;
use crate::{
    domain::Timestamp,
    store::{
        database::{dialect::Dialect, error::StoreError, row::read_all},
        entity::{changes, erased_messages, group_requests},
    },
};

/// How many rows are removed with one statement. Part of its text, so that PostgreSQL knows that they
/// are few and looks them up instead of reading the table.
const BATCH: u16 = 200;

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    changes: String,
    changes_without_promise: String,
    erased_messages: String,
    group_requests: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let skip_locked = dialect.skip_locked();
        // A change that waits for erasure is still needed.
        let changes = |time: &str, more: &str| {
            format!(
                "DELETE FROM changes WHERE (user_id, revision) IN ( \
                     SELECT user_id, revision FROM changes \
                     WHERE ({time}, user_id, revision) > ($2, $3, $4) AND {time} < $1 \
                     AND erasable_from IS NULL{more} \
                     ORDER BY {time}, user_id, revision LIMIT {BATCH} {skip_locked}) \
                 RETURNING {time} AS time, user_id, revision"
            )
        };
        Self {
            changes: changes("kept_until", ""),
            changes_without_promise: changes(
                "changed_at",
                " AND kept_until IS NULL AND (restorable_until IS NULL OR restorable_until < $5)",
            ),
            // At most the recipients of one system message have the same time.
            erased_messages: format!(
                "DELETE FROM erased_messages \
                 WHERE (conversation_key, sender_user_id, client_message_id) IN ( \
                     SELECT conversation_key, sender_user_id, client_message_id \
                     FROM erased_messages WHERE recognised_until >= $2 AND recognised_until < $1 \
                     ORDER BY recognised_until LIMIT {BATCH} {skip_locked}) \
                 RETURNING recognised_until AS time"
            ),
            group_requests: format!(
                "DELETE FROM group_requests WHERE (conversation_key, request_id) IN ( \
                     SELECT conversation_key, request_id FROM group_requests \
                     WHERE kept_until >= $2 AND kept_until < $1 \
                     ORDER BY kept_until LIMIT {BATCH} {skip_locked}) \
                 RETURNING kept_until AS time"
            ),
        }
    }
}

/// The place of a change in the order in which changes are removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, FromQueryResult)]
struct Place {
    time: i64,
    user_id: String,
    revision: i64,
}

/// The time of what was removed.
#[derive(FromQueryResult)]
struct At {
    time: i64,
}

impl Erasure {
    /// Removes the changes whose time has come at `now`; returns how many.
    pub(crate) async fn trim_changes(&self, now: Timestamp) -> Result<u64, StoreError> {
        let statements = &self.statements.trim;
        let promised = self
            .trim_changes_before(&statements.changes, now.as_micros(), &[])
            .await?;
        let oldest = now
            .as_micros()
            .saturating_sub(self.database.retention_micros());
        let unpromised = self
            .trim_changes_before(
                &statements.changes_without_promise,
                oldest,
                &[now.as_micros().into()],
            )
            .await?;
        Ok(promised + unpromised)
    }

    async fn trim_changes_before(
        &self,
        sql: &str,
        until: i64,
        more: &[Value],
    ) -> Result<u64, StoreError> {
        let mut last = Place {
            time: i64::MIN,
            user_id: String::new(),
            revision: 0,
        };
        let mut trimmed = 0;
        loop {
            let mut values: Vec<Value> = vec![
                until.into(),
                last.time.into(),
                last.user_id.into(),
                last.revision.into(),
            ];
            values.extend_from_slice(more);
            let batch = self.remove("trim_changes", changes::Entity, sql, values);
            let batch: Vec<Place> = batch.await?;
            let count = batch.len();
            trimmed += count as u64;
            match batch.into_iter().max() {
                Some(place) if count == usize::from(BATCH) => last = place,
                _ => return Ok(trimmed),
            }
        }
    }

    /// Forgets the erased messages whose retries need not be recognised any more at `now`.
    pub(crate) async fn trim_erased_messages(&self, now: Timestamp) -> Result<(), StoreError> {
        let sql = &self.statements.trim.erased_messages;
        self.trim_by_time("trim_erased_messages", erased_messages::Entity, sql, now)
            .await
    }

    /// Forgets the requests to join and leave groups whose retries need not be recognised any more at
    /// `now`.
    pub(crate) async fn trim_group_requests(&self, now: Timestamp) -> Result<(), StoreError> {
        let sql = &self.statements.trim.group_requests;
        self.trim_by_time("trim_group_requests", group_requests::Entity, sql, now)
            .await
    }

    async fn trim_by_time(
        &self,
        name: &'static str,
        entity: impl EntityName,
        sql: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut last = i64::MIN;
        loop {
            let values = vec![now.as_micros().into(), last.into()];
            let batch: Vec<At> = self.remove(name, entity, sql, values).await?;
            match batch.iter().map(|one| one.time).max() {
                Some(time) if batch.len() == usize::from(BATCH) => last = time,
                _ => return Ok(()),
            }
        }
    }

    /// Removes one batch from a table; returns what was removed, in no order.
    async fn remove<T: FromQueryResult>(
        &self,
        name: &'static str,
        entity: impl EntityName,
        sql: &str,
        values: Vec<Value>,
    ) -> Result<Vec<T>, StoreError> {
        let statement = self.database.statement(sql, values);
        self.database
            .retrying(name, || async {
                let transaction = self.database.begin().await?;
                let rows = transaction.query_all_raw(statement.clone()).await?;
                transaction.commit().await?;
                read_all(entity, &rows)
            })
            .await
    }
}
