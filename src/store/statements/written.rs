//! Compares the statements with the files that they are written in.

use std::fmt::Write as _;

use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection};
use sea_orm_migration::MigratorTrait as _;
use serde_json::Value as Json;

use super::{Statements, built, layout::laid_out};
use crate::{
    reference,
    store::database::{dialect::Dialect, migration::Migrator},
};

/// The lines of a high screen. A statement that does not fit one wants another design.
const SCREEN: usize = 110;

#[tokio::test]
async fn sqlites_statements_and_plans_are_as_written() {
    let database = migrated().await;
    let mut written = String::from(
        "-- The statements that the service runs on SQLite, and how it carries them out.\n",
    );
    for (name, sql) in statements(Dialect::Sqlite) {
        write_statement(&mut written, &name, &sql);
        for (depth, step) in plan(&database, &sql).await {
            let _ = writeln!(written, "-- {}{step}", "  ".repeat(depth));
        }
    }
    compare("sqlite.sql", &written);
}

#[test]
fn postgresqls_statements_are_as_written() {
    let mut written = String::from("-- The statements that the service runs on PostgreSQL.\n");
    for (name, sql) in statements(Dialect::Postgres) {
        write_statement(&mut written, &name, &sql);
    }
    compare("postgresql.sql", &written);
}

#[test]
fn the_statements_of_a_cluster_that_differ_are_as_written() {
    let of_one_server = statements(Dialect::Postgres);
    let mut written = String::from(
        "-- The statements that the service runs on Citus and not, or not in this form, on PostgreSQL.\n",
    );
    for statement in statements(Dialect::Citus) {
        if !of_one_server.contains(&statement) {
            let (name, sql) = statement;
            write_statement(&mut written, &name, &sql);
        }
    }
    compare("citus.sql", &written);
}

/// All statements by their names, which say where they stand in [`Statements`].
fn statements(dialect: Dialect) -> Vec<(String, String)> {
    let statements = serde_json::to_value(Statements::new(dialect)).unwrap();
    let mut found = Vec::new();
    collect("", &statements, &mut found);
    found.extend(built::statements(dialect));
    found.sort_by(|(one, _), (other, _)| one.split('.').cmp(other.split('.')));
    found
}

fn collect(name: &str, part: &Json, found: &mut Vec<(String, String)>) {
    let within = |inner: &dyn std::fmt::Display| match name {
        "" => inner.to_string(),
        outer => format!("{outer}.{inner}"),
    };
    match part {
        Json::String(sql) => found.push((name.to_owned(), sql.clone())),
        Json::Array(parts) => {
            for (place, part) in parts.iter().enumerate() {
                collect(&within(&place), part, found);
            }
        }
        Json::Object(parts) => {
            for (field, part) in parts {
                collect(&within(field), part, found);
            }
        }
        other => panic!("{name} is no statement: {other}"),
    }
}

fn write_statement(written: &mut String, name: &str, sql: &str) {
    let sql = laid_out(sql);
    assert!(
        sql.lines().count() <= SCREEN,
        "{name} does not fit a screen"
    );
    let _ = writeln!(written, "\n-- {name}\n{sql};");
}

/// The steps by which SQLite carries a statement out, each with its depth. It knows nothing of the data.
async fn plan(database: &DatabaseConnection, sql: &str) -> Vec<(usize, String)> {
    let explain = format!("EXPLAIN QUERY PLAN {sql}");
    let rows = database.query_all_raw(sea_orm::Statement::from_string(
        database.get_database_backend(),
        explain,
    ));
    let mut depths = std::collections::BTreeMap::from([(0, 0)]);
    let mut steps = Vec::new();
    for row in rows.await.unwrap() {
        let (id, parent): (i32, i32) = (
            row.try_get_by_index(0).unwrap(),
            row.try_get_by_index(1).unwrap(),
        );
        let depth = depths.get(&parent).copied().unwrap_or_default();
        depths.insert(id, depth + 1);
        steps.push((depth, row.try_get_by_index(3).unwrap()));
    }
    steps
}

/// A database with the newest schema and nothing in it.
async fn migrated() -> DatabaseConnection {
    let mut options = ConnectOptions::new("sqlite::memory:");
    options.max_connections(1).sqlx_logging(false);
    let database = Database::connect(options).await.unwrap();
    Migrator::up(&database, None).await.unwrap();
    database
}

fn compare(name: &str, written: &str) {
    let file = format!("src/store/statements/{name}");
    reference::compare(&file, written, ("RENEW_STATEMENTS", "statements"));
}
