//! How much there is to erase, for the metrics that an operator watches.
//!
//! Measuring must not cost more than the work: what is due stands in an index in the order of time, and
//! no more of it is counted than [`MOST`] rows of each table.

use std::time::Duration;

use sea_orm::ConnectionTrait as _;

use super::Erasure;
use crate::{
    domain::Timestamp,
    metrics::Backlog,
    store::database::{error::StoreError, row::Row},
};

/// How far is counted.
const MOST: u32 = 10_000;

/// The tables in which something waits to be seen to: see [`crate::store::erasure`].
const TABLES: [&str; 2] = ["changes", "conversations"];

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    due: [String; 2],
}

impl Statements {
    pub(super) fn new() -> Self {
        let due = |table| {
            format!(
                "SELECT COUNT(*) AS due, MIN(erasable_from) AS oldest FROM ( \
                     SELECT erasable_from FROM {table} WHERE erasable_from <= $1 \
                     ORDER BY erasable_from LIMIT {MOST}) AS waiting"
            )
        };
        Self {
            due: TABLES.map(due),
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
        for (table, sql) in TABLES.into_iter().zip(&self.statements.backlog.due) {
            let statement = self.database.statement(sql, [now.as_micros().into()]);
            let (due, oldest) = self
                .database
                .retrying("backlog", || async {
                    let row = self
                        .database
                        .pool()
                        .query_one_raw(statement.clone())
                        .await?;
                    let Some(row) = row else {
                        return Ok::<_, StoreError>((0, None));
                    };
                    let row = Row::new(table, &row);
                    Ok((row.get::<i64>("due")?, row.optional_time("oldest")?))
                })
                .await?;
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
