//! The database's clock: by it goes every time that is stored or promised.
//!
//! SQLite has no clock of its own but this machine's wall clock. If that is set while the service runs, or
//! between two runs, the steady clock of the machine tells, as long as the machine was not started anew. So
//! what is known of the two is kept in the database: the next process that erases notices a jump, be it the
//! server or a command.

use sea_orm::{
    ConnectionTrait, DeleteMany, EntityTrait as _, Insert, QuerySelect as _, Select, Set,
};

use super::{dialect::Dialect, row::Row};
use crate::{
    domain::{Clock, JUMP, Micros, Timestamp},
    store::{
        database::{Database, error::StoreError},
        entity::machine_clock,
    },
};

/// PostgreSQL's time, in microseconds.
pub(in crate::store) const NOW: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint";

/// From how far apart on what is kept is brought up to date: a clock that is kept at the right time moves
/// a little all the time.
const WORTH_WRITING: Micros = 1_000_000;

/// The clock as it is known since this start of the machine.
pub(in crate::store) fn known(boot_id: &str) -> Select<machine_clock::Entity> {
    machine_clock::Entity::find_by_id(boot_id)
        .select_only()
        .column(machine_clock::Column::WallAhead)
}

/// Forgets what is known.
pub(in crate::store) fn forget() -> DeleteMany<machine_clock::Entity> {
    machine_clock::Entity::delete_many()
}

/// Keeps what is known now.
pub(in crate::store) fn keep(
    boot_id: &str,
    wall_ahead: Micros,
) -> Insert<machine_clock::ActiveModel> {
    machine_clock::Entity::insert(machine_clock::ActiveModel {
        boot_id: Set(boot_id.to_owned()),
        wall_ahead: Set(wall_ahead),
    })
}

impl Database {
    /// Asks the database for its time, and tells the clock.
    ///
    /// # Errors
    ///
    /// That the database failed.
    pub async fn time(&self, clock: &Clock) -> Result<Timestamp, StoreError> {
        if !clock.follows_database() {
            return Ok(clock.now());
        }
        let (asked, time) = match self.dialect {
            Dialect::Sqlite => (clock.ask(), clock.wall()),
            Dialect::Postgres | Dialect::Citus => {
                let now = self.statement(&format!("SELECT {NOW} AS now"), []);
                self.retrying("time", || async {
                    let asked = clock.ask();
                    let row = self.pool().query_one_raw(now.clone()).await?;
                    let row = row.ok_or_else(|| no_answer("clock_timestamp"))?;
                    Ok::<_, StoreError>((asked, Row::of_table("now", &row).get("now")?))
                })
                .await?
            }
        };
        self.connections.tell(clock, asked, time);
        if self.dialect == Dialect::Sqlite {
            self.remember_clock(clock).await?;
        }
        Ok(time)
    }

    /// Takes the clock of the machine that keeps SQLite's file for right, although it has jumped: from the
    /// next time on that [`Database::time`] is asked, here and in every other process that uses the file.
    ///
    /// # Errors
    ///
    /// That the database failed.
    pub async fn trust_clock(&self) -> Result<(), StoreError> {
        self.retrying("trust_clock", || async {
            let transaction = self.begin().await?;
            forget().exec(&*transaction).await?;
            transaction.commit().await
        })
        .await
    }

    /// Compares the clocks with what was known of them before, and keeps what is known now. Where
    /// nothing is known the machine was started anew, or an operator has said that its clock is right.
    async fn remember_clock(&self, clock: &Clock) -> Result<(), StoreError> {
        let (Some(boot_id), Some(_)) = (clock.boot_id(), clock.cautious()) else {
            return Ok(());
        };
        let known = self.built(&known(boot_id));
        let known: Option<Micros> = self
            .retrying("known_clock", || async {
                let row = self.pool().query_one_raw(known.clone()).await?;
                row.map(|row| Row::of(machine_clock::Entity, &row).get("wall_ahead"))
                    .transpose()
            })
            .await?;
        let jump = Micros::try_from(JUMP.as_micros()).unwrap_or(Micros::MAX);
        match (known, clock.cautious()) {
            (None, _) => clock.set_cautious(Micros::MAX),
            (Some(known), Some(now)) if now.saturating_sub(known) > jump => {
                clock.set_cautious(known);
            }
            _ => {}
        }
        let now = clock.cautious().unwrap_or_default();
        if known.is_some_and(|known| known.abs_diff(now) < WORTH_WRITING.unsigned_abs()) {
            return Ok(());
        }
        // On a full disk erasing goes on, and makes room.
        if let Err(error) = self.keep(boot_id, now).await {
            tracing::warn!(%error, "could not keep what is known of the clock");
        }
        Ok(())
    }

    async fn keep(&self, boot_id: &str, wall_ahead: Micros) -> Result<(), StoreError> {
        self.retrying("remember_clock", || async {
            let transaction = self.begin().await?;
            forget().exec(&*transaction).await?;
            keep(boot_id, wall_ahead)
                .exec_without_returning(&*transaction)
                .await?;
            transaction.commit().await
        })
        .await
    }
}

fn no_answer(column: &'static str) -> StoreError {
    StoreError::Inconsistent {
        table: "now",
        column: column.into(),
        key: "(no row)".to_owned(),
    }
}
