//! Leaving nothing of an erased text in SQLite's files.
//!
//! SQLite overwrites what it deletes (`secure_delete`). Two things it does not know of:
//!
//! - The write-ahead log holds older pages until it is emptied. Each round empties it; while others are
//!   reading some of it stays, and the next round goes on.
//! - Pages that were split or merged hold copies of rows in their unused parts. Only writing all pages
//!   anew (`VACUUM`) gets rid of them.
//!
//! A `VACUUM` keeps all writers waiting, the longer the larger the file is (12 s for 638 MB). So there
//! is one only when something was erased since the last, which the erasing transactions themselves
//! record: a round that dies before its `VACUUM` leaves it to the next one. And all of them together take
//! at most a [`SHARE`]th of the time, unless that would leave a text in the files for longer than
//! [`LONGEST`].
//!
//! PostgreSQL overwrites nothing: what was erased leaves its files as it vacuums and reuses their pages.

use std::time::Duration;

use sea_orm::ConnectionTrait as _;

use super::{dialect::Dialect, observed::DatabaseTransaction, row::Row};
use crate::{
    domain::Timestamp,
    metrics::Stopwatch,
    store::database::{Database, error::StoreError},
};

/// After a `VACUUM`, the next one waits this many times as long as that took.
const SHARE: u32 = 1_000;
/// But no longer than this.
const LONGEST: Duration = Duration::from_hours(24);

const TABLE: &str = "vacuums";
const ERASED: &str = "UPDATE vacuums SET erasures = erasures + 1";
const STATE: &str = "SELECT erasures, vacuumed, tried_at, took FROM vacuums";
const TRIED: &str = "UPDATE vacuums SET tried_at = $1";
const TOOK: &str = "UPDATE vacuums SET took = $1";
const VACUUMED: &str = "UPDATE vacuums SET vacuumed = $1";

/// When SQLite's files are written anew after something was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vacuum {
    /// In the same round: somebody waits for it.
    AtOnce,
    /// Not too often: at most for a thousandth of the time, but within a day.
    InItsTime,
}

/// The row of `vacuums`.
struct State {
    erasures: i64,
    vacuumed: i64,
    tried_at: Timestamp,
    took: Duration,
}

impl State {
    fn is_due(&self, now: Timestamp, vacuum: Vacuum) -> bool {
        let pause = self.took.saturating_mul(SHARE).min(LONGEST);
        // A time to come: the clock was wrong, then or now.
        let is_time = now < self.tried_at || self.tried_at.saturating_add(pause) <= now;
        self.erasures > self.vacuumed && (is_time || vacuum == Vacuum::AtOnce)
    }
}

impl Database {
    /// Records, in the transaction that erases something, that its text may still be in some file.
    pub(in crate::store) async fn note_erasure(
        &self,
        transaction: &DatabaseTransaction,
    ) -> Result<(), StoreError> {
        if self.dialect == Dialect::Sqlite {
            transaction.execute_raw(self.statement(ERASED, [])).await?;
        }
        Ok(())
    }

    /// Makes sure that what was erased stands in no file any more, if it is time for that at `now`.
    pub(crate) async fn settle(&self, now: Timestamp, vacuum: Vacuum) -> Result<(), StoreError> {
        if self.dialect != Dialect::Sqlite {
            return Ok(());
        }
        let state = self.vacuums().await?;
        if state.is_due(now, vacuum) {
            self.vacuum(state.erasures, now).await?;
        }
        let statement = self.statement("PRAGMA wal_checkpoint(TRUNCATE)", []);
        self.pool().query_one_raw(statement).await?;
        Ok(())
    }

    async fn vacuums(&self) -> Result<State, StoreError> {
        self.retrying("vacuums", || async {
            let row = self.pool().query_one_raw(self.statement(STATE, [])).await?;
            let row = row.ok_or_else(|| StoreError::Inconsistent {
                table: TABLE,
                column: "erasures".into(),
                key: "(the only row)".to_owned(),
            })?;
            let row = Row::of_table(TABLE, &row);
            let took: i64 = row.get("took")?;
            Ok(State {
                erasures: row.get("erasures")?,
                vacuumed: row.get("vacuumed")?,
                tried_at: row.get("tried_at")?,
                took: Duration::from_micros(u64::try_from(took).unwrap_or_default()),
            })
        })
        .await
    }

    /// Writes the file anew, after so many `erasures`. One that fails counts for when the next is due:
    /// if the disk is full, it must not keep all writers waiting again and again.
    async fn vacuum(&self, erasures: i64, now: Timestamp) -> Result<(), StoreError> {
        let update =
            |sql, number: i64| self.execute_one("vacuums", self.statement(sql, [number.into()]));
        update(TRIED, now.as_micros()).await?;
        let started = Stopwatch::start();
        let done = self
            .retrying("vacuum", || async {
                let _turn = self.turn().await?;
                let vacuum = self.statement("VACUUM", []);
                self.pool().execute_raw(vacuum).await?;
                Ok::<_, StoreError>(())
            })
            .await;
        let took = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
        let noted = update(TOOK, took).await;
        done?;
        noted?;
        update(VACUUMED, erasures).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_micros(1_000_000_000_000);

    fn state(erasures: i64, took: Duration) -> State {
        State {
            erasures,
            vacuumed: 7,
            tried_at: AT,
            took,
        }
    }

    #[test]
    fn nothing_is_due_unless_something_was_erased() {
        let state = state(7, Duration::ZERO);
        assert!(!state.is_due(AT, Vacuum::AtOnce));
        assert!(!state.is_due(AT, Vacuum::InItsTime));
    }

    #[test]
    fn vacuums_take_at_most_a_thousandth_of_the_time() {
        let state = state(8, Duration::from_millis(12));
        let due = AT.saturating_add(Duration::from_secs(12));
        let before = AT.saturating_add(Duration::from_micros(11_999_999));
        assert!(state.is_due(before, Vacuum::AtOnce));
        assert!(!state.is_due(before, Vacuum::InItsTime));
        assert!(state.is_due(due, Vacuum::InItsTime));
    }

    #[test]
    fn a_vacuum_is_due_within_a_day_however_long_it_takes() {
        let state = state(8, Duration::from_hours(1));
        let day = AT.saturating_add(LONGEST);
        assert!(!state.is_due(
            day.saturating_sub(Duration::from_micros(1)),
            Vacuum::InItsTime
        ));
        assert!(state.is_due(day, Vacuum::InItsTime));
    }

    #[test]
    fn a_clock_that_was_ahead_does_not_put_it_off() {
        let state = state(8, Duration::from_hours(1));
        assert!(state.is_due(
            AT.saturating_sub(Duration::from_micros(1)),
            Vacuum::InItsTime
        ));
    }
}
