//! Every statement but one is about tables of one family, and names the users or the conversations that it is about.

use std::collections::BTreeSet;

use super::{FAMILIES, Observed, Place, places, tables, together, use_everything, written};
use crate::support::{
    databases::{TestDatabase, on_one_server},
    rows::is_sqlite,
    seed,
};

on_one_server!(
    no_statement_but_one_names_tables_of_both_families,
    every_statement_names_its_users_or_conversations,
);

/// The columns by which the tables of [`FAMILIES`] are distributed.
const SHARD_KEYS: [&str; 2] = ["user_id", "conversation_key"];

/// The one statement that writes tables of both families. Only one PostgreSQL runs it.
const OF_BOTH: &str = "messages.append.at_once";

/// The statements that look for work of the background jobs, among all users or all conversations. Each returns no
/// more than a batch, changes nothing and locks nothing.
const LOOK_FOR_WORK: [&str; 9] = [
    "erasure.backlog.due.0",
    "erasure.backlog.due.1",
    "erasure.due_changes",
    "erasure.due_conversations",
    "erasure.trim.changes.due",
    "erasure.trim.changes_without_promise.due",
    "erasure.trim.erased_messages.due",
    "erasure.trim.group_requests.due",
    "erasure.unlisting.deletions",
];

async fn no_statement_but_one_names_tables_of_both_families(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    seed::chats(&database, "alice", 3).await;
    use_everything(&observed.client).await;
    observed.run_jobs().await;
    let names = written::names(&database);
    let (mut seen, mut of_both) = (0, 0);
    for statement in observed.recorder.take() {
        let tables = tables(&statement.sql);
        assert!(!tables.is_empty(), "of no table: {}", statement.sql);
        let families = FAMILIES
            .iter()
            .filter(|family| family.iter().any(|table| tables.contains(table)))
            .count();
        seen += 1;
        let name = names.get(&written::without_space(&statement.sql));
        if name.is_some_and(|name| name == OF_BOTH) {
            of_both += 1;
            continue;
        }
        assert_eq!(families, 1, "{tables:?} in {}", statement.sql);
    }
    assert!(seen > 50, "the API was used");
    assert_eq!(of_both > 0, !is_sqlite(&database), "{of_both}");
}

async fn every_statement_names_its_users_or_conversations(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    seed::chats(&database, "alice", 3).await;
    use_everything(&observed.client).await;
    observed.run_jobs().await;
    together::use_every_kind(&observed, &database).await;
    let names = written::names(&database);
    let run = observed.recorder.take();
    let run: BTreeSet<_> = run.iter().map(|statement| &statement.sql).collect();
    let (mut checked, mut looked) = (0, BTreeSet::new());
    for sql in run {
        let name = names.get(&written::without_space(sql));
        let name = name.unwrap_or_else(|| panic!("it is in no file: {sql}"));
        if LOOK_FOR_WORK.contains(&name.as_str()) {
            let reads = sql.starts_with("SELECT") && !sql.contains("FOR UPDATE");
            assert!(reads && sql.contains(" LIMIT "), "{name}: {sql}");
            looked.insert(name.clone());
            continue;
        }
        for place in places(sql) {
            assert!(is_restricted(sql, &place), "{name}: {place:?} in {sql}");
        }
        checked += 1;
    }
    assert!(checked > 60, "only {checked} statements");
    assert_eq!(looked.len(), LOOK_FOR_WORK.len(), "{looked:?}");
}

/// Whether a statement restricts the rows of a table to those of some users or conversations. Rows that are inserted
/// have their key.
fn is_restricted(sql: &str, place: &Place) -> bool {
    let Some(family) = FAMILIES.iter().position(|all| all.contains(&place.table)) else {
        return true;
    };
    let key = SHARD_KEYS[family];
    if place.is_insertion {
        let columns = format!("INSERT INTO {} (", place.table);
        let after = sql.replace('"', "");
        let after = after.split(&columns).nth(1).unwrap_or_default();
        let columns = after.split(')').next().unwrap_or_default();
        return columns.split(", ").any(|column| column == key);
    }
    let sql = sql.replace('"', "");
    let of_row = [
        format!("{}.{key}", place.alias),
        format!(" {key}"),
        format!("({key}"),
    ];
    let conditions = [" = ", " IN (", "= ANY("];
    let compared = of_row.iter().any(|column| {
        let mut found = sql.match_indices(column.as_str());
        found.any(|(start, _)| {
            let after = &sql[start + column.len()..];
            conditions
                .iter()
                .any(|condition| after.starts_with(condition))
                || is_part_of_a_row(after)
        })
    });
    // On the other side of the sign, and by the key of another table of the family.
    compared
        || sql.contains(&format!("= {}.{key}", place.alias))
        || sql.contains(&format!("USING ({key})"))
}

/// Whether a column is followed by those of a row that is one of a list: `, revision) IN (`.
fn is_part_of_a_row(after: &str) -> bool {
    let Some((columns, rest)) = after.split_once(')') else {
        return false;
    };
    let name = |letter: char| letter.is_alphanumeric() || ", _".contains(letter);
    columns.starts_with(", ") && columns.chars().all(name) && rest.starts_with(" IN (")
}

#[test]
fn a_statement_over_all_shards_is_found() {
    let restricted = |sql: &str| places(sql).iter().all(|place| is_restricted(sql, place));
    for sql in [
        "SELECT 1 FROM members AS m WHERE m.user_id = $1 AND m.conversation_key = $2",
        "UPDATE \"users\" SET \"revision\" = 1 WHERE \"users\".\"user_id\" = $1",
        "INSERT INTO users (user_id, revision) SELECT i.user_id, 1 FROM rows AS i",
        "DELETE FROM changes WHERE (user_id, revision) IN (SELECT i.user_id, i.revision FROM rows AS i)",
        "SELECT 1 FROM rows AS i JOIN messages AS m ON m.conversation_key = i.conversation_key",
    ] {
        assert!(restricted(sql), "{sql}");
    }
    for sql in [
        "SELECT 1 FROM members AS m WHERE m.conversation_key = $1",
        "SELECT 1 FROM users AS u JOIN members AS m ON m.kind = 1 WHERE u.user_id = $1",
        "UPDATE conversations SET is_large = 1 WHERE canonical_id = $1",
        "DELETE FROM changes WHERE revision = $1",
        "INSERT INTO users (revision) VALUES (1)",
    ] {
        assert!(!restricted(sql), "{sql}");
    }
}
