//! Every statement that the service runs is in the files that are read in its place.

use std::collections::{BTreeMap, BTreeSet};

use super::{Observed, together, use_everything};
use crate::support::{
    databases::{TestDatabase, on_one_server},
    rows::is_sqlite,
};

on_one_server!(every_statement_is_in_its_file);

const SQLITE: &str = include_str!("../../../src/store/statements/sqlite.sql");
const POSTGRES: &str = include_str!("../../../src/store/statements/postgresql.sql");

async fn every_statement_is_in_its_file(database: TestDatabase) {
    let server = Observed::open(&database).await;
    use_everything(&server.client).await;
    server.run_jobs().await;
    together::use_every_kind(&server, &database).await;

    let written = names(&database);
    let run = server.recorder.take();
    let run: BTreeSet<_> = run.iter().map(|statement| &statement.sql).collect();
    assert!(run.len() > 60, "only {} statements", run.len());
    let missing: Vec<_> = run
        .into_iter()
        .filter(|sql| !written.contains_key(&without_space(sql)))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The names of the statements of a database's file, by their texts without space.
pub(super) fn names(database: &TestDatabase) -> BTreeMap<String, String> {
    let file = if is_sqlite(database) {
        SQLITE
    } else {
        POSTGRES
    };
    let parts = file.split("\n\n-- ").skip(1);
    let named = parts.map(|part| {
        let (name, sql) = part.split_once('\n').expect("a name stands before it");
        let lines = sql.lines().filter(|line| !line.starts_with("--"));
        let sql = lines.collect::<Vec<_>>().join("\n");
        let sql = without_space(sql.trim_end_matches(';'));
        (sql, name.to_owned())
    });
    named.collect()
}

/// A statement as it is compared: its formatting is for people.
pub(super) fn without_space(sql: &str) -> String {
    sql.split_whitespace().collect()
}
