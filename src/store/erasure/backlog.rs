//! How much there is to erase, for the metrics that an operator watches.
//!
//! Measuring must not cost more than the work: what is due stands in an index in the order of time, and
//! no more of it is counted than [`MOST`] rows of each table.

use std::time::Duration;

use sea_orm::{EntityName as _, FromQueryResult};

use super::Erasure;
use crate::{
    domain::Timestamp,
    metrics::Backlog,
    store::{
        database::{error::StoreError, row::Row},
        entity::{changes, conversations},
    },
};

/// How far is counted.
const MOST: u32 = 10_000;

/// The rows of a table that wait to be seen to.
#[derive(FromQueryResult)]
struct Waiting {
    due: i64,
    oldest: Option<Timestamp>,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    /// Of each table in which something waits: see [`crate::store::erasure`].
    due: [String; 2],
}

impl Statements {
    pub(super) fn new() -> Self {
        let due = |table: &str| {
            format!(
                "SELECT COUNT(*) AS due, MIN(erasable_from) AS oldest FROM ( \
                     SELECT erasable_from FROM {table} WHERE erasable_from <= $1 \
                     ORDER BY erasable_from LIMIT {MOST}) AS waiting"
            )
        };
        Self {
            due: [
                due(changes::Entity.table_name()),
                due(conversations::Entity.table_name()),
            ],
        }
    }
}

impl Erasure {
    /// The backlog of erasures at `now`.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] if the database fails.
    pub async fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        let mut backlog = Backlog::default();
        for sql in &self.statements.backlog.due {
            let statement = self.database.statement(sql, [now.as_micros().into()]);
            let waiting: Option<Waiting> = self
                .database
                .read("backlog", statement, |rows| {
                    let row = rows.first();
                    row.map(|row| Row::of(changes::Entity, row).read())
                        .transpose()
                })
                .await?;
            let Some(Waiting { due, oldest }) = waiting else {
                continue;
            };
            backlog.due += due;
            if let Some(oldest) = oldest {
                let lag = now.as_micros().saturating_sub(oldest.as_micros());
                let lag = Duration::from_micros(u64::try_from(lag).unwrap_or_default());
                backlog.lag = backlog.lag.max(lag);
            }
        }
        backlog.due = backlog.due.min(MOST.into());
        Ok(backlog)
    }
}
