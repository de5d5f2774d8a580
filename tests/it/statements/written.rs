//! Every statement that the service runs is in the files that are read in its place.

use std::collections::BTreeSet;

use super::{Observed, together, use_everything};
use crate::support::{
    databases::{TestDatabase, on_every_database},
    rows::is_sqlite,
};

on_every_database!(every_statement_is_in_its_file);

const SQLITE: &str = include_str!("../../../src/store/statements/sqlite.sql");
const POSTGRES: &str = include_str!("../../../src/store/statements/postgresql.sql");

async fn every_statement_is_in_its_file(database: TestDatabase) {
    let server = Observed::open(&database).await;
    use_everything(&server.client).await;
    server.run_jobs().await;
    together::use_every_kind(&server, &database).await;

    let file = if is_sqlite(&database) {
        SQLITE
    } else {
        POSTGRES
    };
    let comment = |line: &&str| !line.starts_with("--");
    let statements: Vec<_> = file.lines().filter(comment).collect();
    let statements = statements.join("\n");
    let written = statements.split(";\n");
    let written = written.map(|sql| without_space(sql.trim_end_matches(';')));
    let written: BTreeSet<_> = written.collect();
    let run = server.recorder.take();
    let run: BTreeSet<_> = run.iter().map(|statement| &statement.sql).collect();
    assert!(run.len() > 60, "only {} statements", run.len());
    let missing: Vec<_> = run
        .into_iter()
        .filter(|sql| !written.contains(&without_space(sql)))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A statement as it is compared: its formatting is for people.
fn without_space(sql: &str) -> String {
    sql.split_whitespace().collect()
}
