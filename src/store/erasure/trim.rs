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
    domain::{ConversationKey, Timestamp},
    store::{
        database::{
            dialect::Dialect,
            error::StoreError,
            input::{Input, InputColumn, InputRow, Shape},
            row::read_all,
        },
        entity::{changes, erased_messages, group_requests},
    },
};

/// How many rows are looked for, and removed, with one statement. Part of its text, so that PostgreSQL knows that
/// they are few and looks them up instead of reading the table.
const BATCH: u16 = 200;

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    changes: Trimming,
    changes_without_promise: Trimming,
    erased_messages: Trimming,
    group_requests: Trimming,
}

/// How rows are removed: what is due is found among all of them, without a lock, and removed by its keys.
#[cfg_attr(test, derive(serde::Serialize))]
struct Trimming {
    due: String,
    remove: String,
}

/// A change.
#[derive(FromQueryResult)]
struct DueChange {
    time: i64,
    user_id: String,
    revision: i64,
}

/// The name of an erased message.
#[derive(FromQueryResult)]
struct DueName {
    time: i64,
    conversation_key: ConversationKey,
    sender_user_id: String,
    client_message_id: String,
}

/// A request to join or leave a group.
#[derive(FromQueryResult)]
struct DueRequest {
    time: i64,
    conversation_key: ConversationKey,
    request_id: Vec<u8>,
}

impl InputRow for DueChange {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |change| change.user_id.clone()),
        InputColumn::integer("revision", |change| change.revision),
    ];
}

impl InputRow for DueName {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |name| name.conversation_key),
        InputColumn::text("sender_user_id", |name| name.sender_user_id.clone()),
        InputColumn::text("client_message_id", |name| name.client_message_id.clone()),
    ];
}

impl InputRow for DueRequest {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |request| request.conversation_key),
        InputColumn::optional_bytes("request_id", |request| Some(request.request_id.clone())),
    ];
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        // A change that waits for erasure is still needed.
        let changes = |time: &str, more: &str| Trimming {
            due: format!(
                "SELECT {time} AS time, user_id, revision FROM changes \
                 WHERE ({time}, user_id, revision) > ($2, $3, $4) AND {time} < $1 \
                 AND erasable_from IS NULL{more} \
                 ORDER BY {time}, user_id, revision LIMIT {BATCH}"
            ),
            remove: remove::<DueChange>(dialect, "changes"),
        };
        Self {
            changes: changes("kept_until", ""),
            changes_without_promise: changes(
                "changed_at",
                " AND kept_until IS NULL AND (restorable_until IS NULL OR restorable_until < $5)",
            ),
            // At most the recipients of one system message have the same time.
            erased_messages: Trimming {
                due: format!(
                    "SELECT recognised_until AS time, conversation_key, sender_user_id, client_message_id \
                     FROM erased_messages WHERE recognised_until >= $2 AND recognised_until < $1 \
                     ORDER BY recognised_until LIMIT {BATCH}"
                ),
                remove: remove::<DueName>(dialect, "erased_messages"),
            },
            group_requests: Trimming {
                due: format!(
                    "SELECT kept_until AS time, conversation_key, request_id FROM group_requests \
                     WHERE kept_until >= $2 AND kept_until < $1 \
                     ORDER BY kept_until LIMIT {BATCH}"
                ),
                remove: remove::<DueRequest>(dialect, "group_requests"),
            },
        }
    }
}

/// Removes rows of a table by their keys. Another job may have removed some of them.
fn remove<R: InputRow>(dialect: Dialect, table: &str) -> String {
    let shape = Shape::of::<R>();
    let (rows, _) = dialect.rows("i", 1, shape.columns());
    format!(
        "DELETE FROM {table} WHERE ({}) IN (SELECT {} FROM {rows})",
        shape.names(""),
        shape.names("i.")
    )
}

/// The place of a change in the order in which changes are removed.
type Place = (i64, String, i64);

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
        trimming: &Trimming,
        until: i64,
        more: &[Value],
    ) -> Result<u64, StoreError> {
        let mut last: Place = (i64::MIN, String::new(), 0);
        let mut trimmed = 0;
        loop {
            let (time, user_id, revision) = last;
            let mut values: Vec<Value> =
                vec![until.into(), time.into(), user_id.into(), revision.into()];
            values.extend_from_slice(more);
            let batch = self.remove("trim_changes", changes::Entity, trimming, values);
            let (batch, removed): (Vec<DueChange>, _) = batch.await?;
            trimmed += removed;
            let is_full = batch.len() == usize::from(BATCH);
            match batch.into_iter().last() {
                Some(change) if is_full => last = (change.time, change.user_id, change.revision),
                _ => return Ok(trimmed),
            }
        }
    }

    /// Forgets the erased messages whose retries need not be recognised any more at `now`.
    pub(crate) async fn trim_erased_messages(&self, now: Timestamp) -> Result<(), StoreError> {
        let trimming = &self.statements.trim.erased_messages;
        let time = |name: &DueName| name.time;
        self.trim_by_time(
            "trim_erased_messages",
            (erased_messages::Entity, trimming),
            now,
            time,
        )
        .await
    }

    /// Forgets the requests to join and leave groups whose retries need not be recognised any more at
    /// `now`.
    pub(crate) async fn trim_group_requests(&self, now: Timestamp) -> Result<(), StoreError> {
        let trimming = &self.statements.trim.group_requests;
        let time = |request: &DueRequest| request.time;
        self.trim_by_time(
            "trim_group_requests",
            (group_requests::Entity, trimming),
            now,
            time,
        )
        .await
    }

    async fn trim_by_time<R: InputRow + FromQueryResult>(
        &self,
        name: &'static str,
        (entity, trimming): (impl EntityName + Copy, &Trimming),
        now: Timestamp,
        time: fn(&R) -> i64,
    ) -> Result<(), StoreError> {
        let mut last = i64::MIN;
        loop {
            let values = vec![now.as_micros().into(), last.into()];
            let (batch, _): (Vec<R>, _) = self.remove(name, entity, trimming, values).await?;
            match batch.last() {
                Some(row) if batch.len() == usize::from(BATCH) => last = time(row),
                _ => return Ok(()),
            }
        }
    }

    /// Removes one batch from a table; returns what was due, in its order, and how much of it there still was.
    async fn remove<R: InputRow + FromQueryResult>(
        &self,
        name: &'static str,
        entity: impl EntityName + Copy,
        trimming: &Trimming,
        values: Vec<Value>,
    ) -> Result<(Vec<R>, u64), StoreError> {
        let due = self.database.statement(&trimming.due, values);
        self.database
            .retrying(name, || async {
                let rows = self.database.pool().query_all_raw(due.clone()).await?;
                let batch: Vec<R> = read_all(entity, &rows)?;
                if batch.is_empty() {
                    return Ok((batch, 0));
                }
                let rows = Input::of(&batch.iter());
                let values = self.database.dialect.row_values(rows.columns());
                let remove = self.database.statement(&trimming.remove, values);
                let transaction = self.database.begin().await?;
                let removed = transaction.execute_raw(remove).await?;
                transaction.commit().await?;
                Ok((batch, removed.rows_affected()))
            })
            .await
    }
}
