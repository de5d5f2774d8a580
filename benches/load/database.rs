//! A database of the benchmark's own, and what it is asked beside the service.

use std::collections::HashMap;

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database as Connections, DatabaseConnection, DbBackend,
    Statement, Value,
};

use crate::{
    process,
    support::{Outcome, Place},
};

pub struct Database {
    pub place: Place,
    pub control: DatabaseConnection,
}

impl Database {
    /// Of a place where the service has been started once, so that the tables are there.
    pub async fn connect(place: Place) -> Outcome<Self> {
        let mut options = ConnectOptions::new(&place.url);
        options.max_connections(1).sqlx_logging(false);
        let control = Connections::connect(options).await?;
        Ok(Self { place, control })
    }

    pub fn is_postgres(&self) -> bool {
        self.control.get_database_backend() == DbBackend::Postgres
    }

    pub fn statement(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
        Statement::from_sql_and_values(self.control.get_database_backend(), sql, values)
    }

    pub async fn run(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Outcome<u64> {
        let statement = self.statement(sql, values);
        Ok(self.control.execute_raw(statement).await?.rows_affected())
    }

    /// A number, which the statement calls `n`.
    pub async fn number(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Outcome<i64> {
        let statement = self.statement(sql, values);
        let row = self.control.query_one_raw(statement).await?;
        Ok(row.ok_or("no row")?.try_get("", "n")?)
    }

    /// Makes all conversations of these people listed and readable again, as if nobody had ever
    /// deleted one. Returns how many were not.
    pub async fn reset(&self, name: &str) -> Outcome<u64> {
        self.run(
            "UPDATE members SET hidden_through = 0, cleared_through = 0, taken_by = NULL, \
                 prev_hidden_through = NULL, prev_cleared_through = NULL \
             WHERE hidden_through > 0 AND user_id >= $1 AND user_id < $2",
            names(name),
        )
        .await
    }

    /// How many conversations of these people are deleted.
    pub async fn deleted(&self, name: &str) -> Outcome<usize> {
        let deleted = self
            .number(
                "SELECT COUNT(*) AS n FROM members \
                 WHERE hidden_through > 0 AND user_id >= $1 AND user_id < $2",
                names(name),
            )
            .await?;
        Ok(usize::try_from(deleted)?)
    }

    /// Does now what would otherwise be done in the midst of a measurement.
    pub async fn settle(&self) -> Outcome<()> {
        let statements: &[&str] = if self.is_postgres() {
            &["VACUUM ANALYZE", "CHECKPOINT"]
        } else {
            &["PRAGMA wal_checkpoint(TRUNCATE)"]
        };
        for statement in statements {
            self.control.execute_unprepared(statement).await?;
        }
        Ok(())
    }

    /// Changes every page of these people's rows. PostgreSQL logs the whole of a page that changes for the
    /// first time since a checkpoint; the first subject after one would pay for all others.
    pub async fn touch(&self, name: &str) -> Outcome<()> {
        if self.is_postgres() {
            for table in ["users", "members"] {
                let lock = format!(
                    "SELECT COUNT(*) AS n FROM (SELECT user_id FROM {table} \
                     WHERE user_id >= $1 AND user_id < $2 FOR NO KEY UPDATE) AS locked"
                );
                self.number(&lock, names(name)).await?;
            }
        }
        Ok(())
    }

    /// How many bytes the write-ahead log has had.
    pub async fn log_written(&self) -> Outcome<Option<i64>> {
        if !self.is_postgres() {
            return Ok(None);
        }
        let bytes = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint AS n";
        Ok(Some(self.number(bytes, []).await?))
    }

    /// The CPU time of the processes that serve this database, by process; empty if they cannot be
    /// looked at.
    pub async fn cpu(&self) -> Outcome<HashMap<u32, std::time::Duration>> {
        if !self.is_postgres() {
            return Ok(HashMap::new());
        }
        let statement = self.statement(
            "SELECT pid FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
            [],
        );
        let rows = self.control.query_all_raw(statement).await?;
        let mut times = HashMap::new();
        for row in rows {
            let process = u32::try_from(row.try_get::<i32>("", "pid")?)?;
            if let Some(time) = process::cpu(process) {
                times.insert(process, time);
            }
        }
        Ok(times)
    }

    /// The settings that have to be known to judge the measurements.
    pub async fn settings(&self) -> Outcome<String> {
        let mut settings = Vec::new();
        if self.is_postgres() {
            let names = [
                "server_version",
                "fsync",
                "synchronous_commit",
                "full_page_writes",
                "shared_buffers",
                "max_wal_size",
                "checkpoint_timeout",
            ];
            for name in names {
                let row = self
                    .control
                    .query_one_raw(self.statement(&format!("SHOW {name}"), []))
                    .await?;
                let value: String = row.ok_or("no row")?.try_get_by_index(0)?;
                settings.push(format!("{name} {value}"));
            }
            settings.push("connections ask for generic plans".to_owned());
        } else {
            let row = self
                .control
                .query_one_raw(self.statement("SELECT sqlite_version()", []))
                .await?;
            let version: String = row.ok_or("no row")?.try_get_by_index(0)?;
            settings.push(format!("version {version}"));
            settings.push("journal_mode WAL, synchronous FULL, secure_delete ON".to_owned());
        }
        Ok(settings.join(", "))
    }
}

pub fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
    bytes.iter().flat_map(digits).flatten().collect()
}

/// The bounds of the names that begin with this name and a dash.
fn names(name: &str) -> [Value; 2] {
    // In byte order, a full stop follows upon a dash.
    [format!("{name}-").into(), format!("{name}.").into()]
}
