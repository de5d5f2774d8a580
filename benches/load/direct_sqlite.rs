//! The floor of the database on SQLite: the service's own statements in one transaction, on one
//! connection and one thread, with the service's settings. SQLite has one writer at a time, so more
//! callers could not do more.
//!
//! By `rusqlite` and not the service's driver, because that runs each statement on another thread and
//! hands the result back: on SQLite that is a cost of its own, and a floor must not contain it. Both
//! use the same copy of SQLite.

use std::{
    slice,
    time::{Duration, Instant},
};

use conversation_service::machine;
use rusqlite::{Connection, Row, Statement, types::Value};
use serde::Serialize;

use crate::{captured::Captured, database::hex, drive::Times, people::Call, support::Outcome};

const WINDOW: Duration = Duration::from_hours(24);
const RETENTION: Duration = Duration::from_hours(168);

/// Opens the file with the service's settings.
pub fn open(file: &str) -> Outcome<Connection> {
    let connection = Connection::open(file)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON",
    )?;
    Ok(connection)
}

/// The file of a URL.
pub fn file(url: &str) -> Outcome<String> {
    Ok(url.strip_prefix("sqlite://").ok_or("no file")?.to_owned())
}

#[derive(Debug, Clone)]
pub struct DirectSqlite {
    file: String,
    statements: [&'static str; 5],
}

/// The statements, prepared.
struct Prepared<'a> {
    positions: Statement<'a>,
    begin: Statement<'a>,
    raise: Statement<'a>,
    earlier: Statement<'a>,
    apply: Statement<'a>,
    record: Statement<'a>,
    commit: Statement<'a>,
}

impl DirectSqlite {
    pub fn new(url: &str, captured: &Captured) -> Outcome<Self> {
        let Ok(statements) = <[&str; 5]>::try_from(&captured.0[..]) else {
            return Err(format!("a deletion has other statements: {captured:#?}").into());
        };
        Ok(Self {
            file: file(url)?,
            statements,
        })
    }

    /// Deletions, one after the other.
    pub fn delete_all(&self, calls: &[Call]) -> Outcome<Times> {
        let connection = open(&self.file)?;
        let [positions, raise, earlier, apply, record] = self.statements;
        let mut prepared = Prepared {
            positions: connection.prepare(positions)?,
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            raise: connection.prepare(raise)?,
            earlier: connection.prepare(earlier)?,
            apply: connection.prepare(apply)?,
            record: connection.prepare(record)?,
            commit: connection.prepare("COMMIT")?,
        };
        let mut times = Times::default();
        let begun = Instant::now();
        for (number, call) in calls.iter().enumerate() {
            let begun = Instant::now();
            prepared.delete(call)?;
            times.calls.push((number, begun.elapsed()));
        }
        times.elapsed = begun.elapsed();
        Ok(times)
    }
}

impl Prepared<'_> {
    fn delete(&mut self, call: &Call) -> Outcome<()> {
        let keys: Vec<_> = call.keys.iter().map(|key| hex(key.as_bytes())).collect();
        let asked: Vec<_> = keys.iter().zip(&call.canonical_ids).collect();
        let mut heads: Vec<i64> = Vec::new();
        query(&mut self.positions, &[json(&asked)?], |row| {
            let positions: String = row.get("positions")?;
            heads = serde_json::from_str(&positions).unwrap_or_default();
            Ok(())
        })?;
        let request_id = hex(&call.request_id);
        let request = [json(&[(&call.user, &request_id)])?];
        query(&mut self.begin, &[], |_| Ok(()))?;
        let mut revision: i64 = 0;
        query(&mut self.raise, &request, |row| {
            revision = row.get("revision")?;
            Ok(())
        })?;
        query(&mut self.earlier, &request, |_| Ok(()))?;
        let rows = keys.iter().zip(&heads);
        let rows: Vec<_> = rows
            .map(|(key, head)| (revision, &call.user, key, head, head, head, 0))
            .collect();
        let rows = json(&rows)?;
        query(&mut self.apply, slice::from_ref(&rows), |_| Ok(()))?;
        let now = machine::clock().now();
        let until = now.saturating_add(WINDOW).as_micros();
        let nothing = serde_json::Value::Null;
        let made = serde_json::json!([[
            call.user,
            request_id,
            hex(&call.request_digest),
            nothing,
            2,
            now.as_micros(),
            0,
            until,
            until,
            1,
            nothing,
            call.texts,
            nothing,
            nothing,
            now.saturating_add(RETENTION).as_micros(),
            revision
        ]]);
        query(&mut self.record, &[json(&made)?, rows], |row| {
            row.get::<_, String>("results").map(drop)
        })?;
        query(&mut self.commit, &[], |_| Ok(()))
    }
}

fn json(rows: &(impl Serialize + ?Sized)) -> Outcome<Value> {
    Ok(Value::from(serde_json::to_string(rows)?))
}

/// Runs a statement whose parameters are called `$1`, `$2`, …
fn query(
    statement: &mut Statement<'_>,
    values: &[Value],
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> Outcome<()> {
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).ok_or("no name")?;
        let number: usize = name.trim_start_matches('$').parse()?;
        statement.raw_bind_parameter(index, &values[number - 1])?;
    }
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        each(row)?;
    }
    Ok(())
}
