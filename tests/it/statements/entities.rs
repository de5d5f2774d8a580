//! The entities know the schema as the migrations have made it: the same tables, columns, types and keys.

use std::collections::BTreeMap;

use conversation_service::store::{Kind, Table, tables};
use sea_orm::QueryResult;

use super::Observed;
use crate::support::{
    databases::{TestDatabase, on_one_server},
    rows::{Rows, is_sqlite},
};

on_one_server!(the_entities_are_the_migrated_schema);

/// The tables without an entity: the record of migrations, and SQLite's row about its own file.
const BESIDE: [&str; 2] = ["conversation_schema", "vacuums"];

/// Of each column: its table, its name, its type, whether it may be NULL, and its place in the primary key, zero if
/// it has none.
const OF_SQLITE: &str = "SELECT t.name, c.name, c.type, c.\"notnull\" = 0, c.pk \
    FROM sqlite_master AS t CROSS JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'";
const OF_POSTGRES: &str = "SELECT c.table_name::text, c.column_name::text, c.data_type::text, \
        (c.is_nullable = 'YES')::int::bigint, COALESCE(k.ordinal_position, 0)::bigint \
    FROM information_schema.columns AS c \
    LEFT JOIN (information_schema.table_constraints AS p \
        JOIN information_schema.key_column_usage AS k USING (constraint_schema, constraint_name)) \
        ON p.constraint_type = 'PRIMARY KEY' AND p.table_schema = c.table_schema \
        AND p.table_name = c.table_name AND k.column_name = c.column_name \
    WHERE c.table_schema = current_schema()";

/// A column, whether it may be NULL, and its place in the primary key.
type Column = (String, bool, i64);

/// All columns, by their tables and names.
type Schema = BTreeMap<String, BTreeMap<String, Column>>;

async fn the_entities_are_the_migrated_schema(database: TestDatabase) {
    Observed::open(&database).await;
    let rows = Rows::of(&database).await;
    let (columns, bytes) = if is_sqlite(&database) {
        (OF_SQLITE, "blob")
    } else {
        (OF_POSTGRES, "bytea")
    };
    let mut migrated = Schema::new();
    for row in rows.query(columns).await {
        let (table, name, column) = column(&row);
        if !BESIDE.contains(&table.as_str()) && !table.starts_with("sqlite_") {
            migrated.entry(table).or_default().insert(name, column);
        }
    }
    let known: Schema = tables()
        .iter()
        .map(|table| (table.name.to_owned(), known(table, bytes)))
        .collect();
    assert_eq!(known, migrated);
}

fn column(row: &QueryResult) -> (String, String, Column) {
    let text = |index| -> String { row.try_get_by_index(index).expect("a text") };
    let number = |index| -> i64 { row.try_get_by_index(index).expect("a number") };
    // SQLite writes some types in capitals.
    let kind = text(2).to_lowercase();
    (text(0), text(1), (kind, number(3) != 0, number(4)))
}

/// The columns of a table as its entity knows them.
fn known(table: &Table, bytes: &str) -> BTreeMap<String, Column> {
    let columns = table.columns.iter().map(|column| {
        let kind = match column.kind {
            Kind::Bigint => "bigint",
            Kind::Smallint => "smallint",
            Kind::Text => "text",
            Kind::Bytes => bytes,
        };
        let place = table.key.iter().position(|name| *name == column.name);
        let place = place.map_or(0, |place| i64::try_from(place + 1).expect("a small number"));
        let column_of_table = (kind.to_owned(), column.is_nullable, place);
        (column.name.to_owned(), column_of_table)
    });
    columns.collect()
}
