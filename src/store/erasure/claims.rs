//! Claiming work: a bounded number of rows that are due, found without a lock.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait as _, FromQueryResult, QueryResult, Statement, Value};

use super::{DueChange, DueConversation, Erasure};
use crate::{
    domain::{ConversationKey, Timestamp},
    store::{
        database::{
            error::StoreError,
            input::{Input, InputColumn, InputRow},
            row::{Row, read_all},
        },
        entity::{changes, conversations},
        log,
    },
};

/// The part of a queue that one job has claimed.
#[derive(Debug)]
pub(crate) struct Claims<T> {
    /// Those that no other job has claimed first.
    pub(crate) claimed: Vec<T>,
    /// Since when the last one of the queue that was looked at has been due.
    pub(crate) last: Timestamp,
}

/// The primary key of a change, as it stands: also of one that does not parse.
#[derive(FromQueryResult, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name {
    user_id: String,
    revision: i64,
}

/// A change that is due, and since when.
#[derive(FromQueryResult, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DueName {
    #[sea_orm(nested)]
    name: Name,
    #[sea_orm(from_alias = "erasable_from")]
    due: Timestamp,
}

impl InputRow for DueName {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |one| one.name.user_id.clone()),
        InputColumn::integer("revision", |one| one.name.revision),
        InputColumn::integer("due", |one| one.due.as_micros()),
    ];
}

impl Erasure {
    /// Claims the oldest changes that are due at `now` and have been since `from` or later, until `lease`;
    /// a bounded number of them. `None` if there is none. One that does not parse is claimed, too, so that it keeps
    /// no other one back.
    pub(crate) async fn claim_changes(
        &self,
        from: Timestamp,
        now: Timestamp,
        lease: Timestamp,
    ) -> Result<Option<Claims<Result<DueChange, StoreError>>>, StoreError> {
        let statements = &self.statements;
        let due = self.due(&statements.due_changes, from, now);
        self.database
            .retrying("claim_changes", || async {
                let rows = self.database.pool().query_all_raw(due.clone()).await?;
                let mut due: Vec<DueName> = read_all(changes::Entity, &rows)?;
                let Some(last) = due.last().map(|one| one.due) else {
                    return Ok(None);
                };
                due.sort_unstable();
                let claim = Input::of(&due.iter());
                let claim = self.claim(&statements.claim_changes, lease, &claim).await?;
                let names: HashSet<Name> = read_all(changes::Entity, &claim)?;
                let mut claimed = Vec::with_capacity(names.len());
                for row in &rows {
                    if names.contains(&Row::of(changes::Entity, row).read()?) {
                        claimed.push(due_change(row));
                    }
                }
                Ok(Some(Claims { claimed, last }))
            })
            .await
    }

    fn due(&self, sql: &str, from: Timestamp, now: Timestamp) -> Statement {
        let values = [from.as_micros().into(), now.as_micros().into()];
        self.database.statement(sql, values)
    }

    /// Claims rows by moving on those that are still as they were read.
    async fn claim(
        &self,
        sql: &str,
        lease: Timestamp,
        due: &Input,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let mut values: Vec<Value> = vec![lease.as_micros().into()];
        values.extend(self.database.dialect.row_values(due.columns()));
        let transaction = self.database.begin().await?;
        let claim = self.database.statement(sql, values);
        let claimed = transaction.query_all_raw(claim).await?;
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Claims conversations as [`Erasure::claim_changes`] claims changes.
    pub(crate) async fn claim_conversations(
        &self,
        from: Timestamp,
        now: Timestamp,
        lease: Timestamp,
    ) -> Result<Option<Claims<DueConversation>>, StoreError> {
        let statements = &self.statements;
        let due = self.due(&statements.due_conversations, from, now);
        self.database
            .retrying("claim_conversations", || async {
                let rows = self.database.pool().query_all_raw(due.clone()).await?;
                let mut due: Vec<DueConversation> = read_all(conversations::Entity, &rows)?;
                let Some(last) = due.last().map(|one| one.due) else {
                    return Ok(None);
                };
                // In the order in which messages lock them.
                due.sort_unstable_by_key(|one| one.key);
                let claim = Input::of(&due.iter());
                let claimed = self
                    .claim(&statements.claim_conversations, lease, &claim)
                    .await?;
                let keys = claimed.iter();
                let keys =
                    keys.map(|row| Row::of(conversations::Entity, row).get("conversation_key"));
                let keys: HashSet<ConversationKey> = keys.collect::<Result<_, _>>()?;
                due.retain(|one| keys.contains(&one.key));
                Ok(Some(Claims { claimed: due, last }))
            })
            .await
    }
}

fn due_change(row: &QueryResult) -> Result<DueChange, StoreError> {
    let row = Row::of(changes::Entity, row);
    Ok(DueChange {
        user: row.get("user_id")?,
        due: row.get("erasable_from")?,
        recorded: log::recorded(&row)?,
    })
}
