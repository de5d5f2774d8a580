//! A page of a list reads the rows that it shows and one more, however long the list is.
//!
//! PostgreSQL reports how many rows it has read. There a later page also reads the row after which it begins, and
//! skips pinned rows among the others, at most as many as the limit of pins.

use sea_orm::{DbBackend, QueryResult, Statement};
use serde_json::Value as Json;

use super::{FAMILIES, Observed, recorder::Recorder};
use crate::support::{
    client::{Client, active_since},
    databases::{TestDatabase, on_one_server},
    ids::{c2c, group},
    rows::Rows,
    seed,
};

on_one_server!(
    a_page_reads_what_it_shows_and_one_row_more_however_long_the_list_is,
    pins_fill_a_page_before_anything_else_is_read,
    a_page_reads_besides_it_only_the_rows_of_large_groups,
    deleted_conversations_are_not_read_any_more,
);

const PAGE: i32 = 50;

/// The rows that a page has read.
#[derive(Debug, PartialEq)]
struct Cost {
    /// Rows that were returned by the statement that finds the page.
    found: usize,
    /// Rows of `members` that PostgreSQL looked at, those included that it passed over. SQLite does not
    /// tell; that it reads in the order of the list, the plans show.
    read: Option<usize>,
}

/// A connection that plans as if there were very much, although the tables are small here.
async fn looking(database: &TestDatabase) -> Rows {
    let rows = Rows::of(database).await;
    if rows.backend() == DbBackend::Postgres {
        rows.run("SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off")
            .await;
    }
    rows
}

/// Asks for a page; returns what it has read, and the token of the next.
async fn page(observed: &Observed, rows: &Rows, size: i32, token: String) -> (Cost, String) {
    let Observed {
        client, recorder, ..
    } = observed;
    recorder.take();
    let page = client.list_page("alice", None, size, token).await;
    let page = page.expect("readable");
    (cost(recorder, rows).await, page.next_page_token)
}

/// How many entries a statement has returned: as rows, or gathered in one value.
fn found(rows: &[QueryResult]) -> usize {
    if let [row] = rows
        && let Ok(gathered) = row.try_get::<String>("", "gathered")
    {
        let gathered: Vec<Json> = serde_json::from_str(&gathered).expect("a JSON array");
        return gathered.len();
    }
    let key = |row: &&QueryResult| row.try_get::<Option<Vec<u8>>>("", "conversation_key");
    let found = rows.iter().filter(|row| matches!(key(row), Ok(Some(_))));
    found.count()
}

/// The rows that the recorded statements have read.
async fn cost(recorder: &Recorder, rows: &Rows) -> Cost {
    let statements = recorder.take();
    let [list, others @ ..] = statements.as_slice() else {
        panic!("a list is read by some statement");
    };
    let found = found(&rows.query_statement(list.clone()).await);
    let read = match rows.backend() {
        DbBackend::Postgres => Some(read(rows, list.clone(), &["members"]).await),
        _ => None,
    };
    let cost = Cost { found, read };
    for other in others {
        if rows.backend() == DbBackend::Postgres {
            let read = read_all(rows, other.clone()).await;
            // A head and a message of each.
            let most = 2 * cost.found;
            assert!(read <= most, "{read} rows are read by {}", other.sql);
        }
    }
    cost
}

async fn read_all(rows: &Rows, statement: Statement) -> usize {
    let tables: Vec<_> = FAMILIES.iter().copied().flatten().copied().collect();
    read(rows, statement, &tables).await
}

/// How many rows of these tables a statement looks at.
async fn read(rows: &Rows, statement: Statement, tables: &[&str]) -> usize {
    let explain = Statement {
        sql: format!("EXPLAIN (ANALYZE, FORMAT JSON) {}", statement.sql),
        ..statement
    };
    let plan: Json = rows.query_statement(explain).await[0]
        .try_get_by_index(0)
        .expect("a plan in JSON");
    let read = scanned(&plan, tables);
    assert!(read.fract() == 0.0, "rows are whole: {read}");
    format!("{read}").parse().expect("a count")
}

fn scanned(plan: &Json, tables: &[&str]) -> f64 {
    match plan {
        Json::Array(items) => items.iter().map(|item| scanned(item, tables)).sum(),
        Json::Object(fields) => {
            let table = plan["Relation Name"].as_str().unwrap_or_default();
            let number = |name: &str| plan[name].as_f64().unwrap_or_default();
            let rows = number("Actual Rows") + number("Rows Removed by Filter");
            let own = if tables.contains(&table) {
                rows * number("Actual Loops")
            } else {
                0.0
            };
            let below = fields.values();
            own + below.map(|value| scanned(value, tables)).sum::<f64>()
        }
        _ => 0.0,
    }
}

/// So many were found, and so many besides were passed over.
fn exactly(rows: &Rows, found: usize, passed_over: usize) -> Cost {
    let is_known = rows.backend() == DbBackend::Postgres;
    Cost {
        found,
        read: is_known.then_some(found + passed_over),
    }
}

async fn a_page_reads_what_it_shows_and_one_row_more_however_long_the_list_is(
    database: TestDatabase,
) {
    const FEW: usize = 200;
    const MANY: usize = 20_000;
    let observed = Observed::open(&database).await;
    let rows = looking(&database).await;
    for count in [FEW, MANY] {
        rows.run("DELETE FROM members; DELETE FROM conversations; DELETE FROM messages")
            .await;
        seed::chats(&database, "alice", count).await;
        if rows.backend() == DbBackend::Postgres {
            rows.run("VACUUM ANALYZE members").await;
        }
        let mut token = String::new();
        for number in 1..4 {
            let (cost, next) = page(&observed, &rows, PAGE, token).await;
            // A later page begins after a row, which is passed over.
            let expected = exactly(&rows, 51, usize::from(number > 1));
            assert_eq!(cost, expected, "page {number} of {count}");
            token = next;
        }
        // A refresh finds nothing, and what there is.
        let client = &observed.client;
        let first = client.list_page("alice", None, 1, String::new()).await;
        let since = active_since(first.expect("readable").as_of.expect("a time"));
        refresh(client, &since, &observed.recorder).await;
        let cost = cost(&observed.recorder, &rows).await;
        assert_eq!(cost, exactly(&rows, 0, 0), "a refresh of {count}");
        client.send("bob", c2c("alice"), "hi").await;
        refresh(client, &since, &observed.recorder).await;
        let cost = self::cost(&observed.recorder, &rows).await;
        assert_eq!(cost, exactly(&rows, 1, 0), "a refresh of {count}");
    }
}

async fn refresh(
    client: &Client,
    since: &conversation_service::proto::ListFilter,
    recorder: &Recorder,
) {
    recorder.take();
    let page = client.list_page("alice", Some(since.clone()), PAGE, String::new());
    page.await.expect("readable");
}

async fn pins_fill_a_page_before_anything_else_is_read(database: TestDatabase) {
    const PINS: usize = 30;
    let observed = Observed::open_with_pins(&database, 100).await;
    let rows = looking(&database).await;
    let chats = seed::chats(&database, "alice", 300).await;
    let client = &observed.client;
    client.pin("alice", chats[..PINS].to_vec()).await;
    if rows.backend() == DbBackend::Postgres {
        rows.run("VACUUM ANALYZE members").await;
    }
    let (first, token) = page(&observed, &rows, 10, String::new()).await;
    assert_eq!(first.found, 11);
    let (second, token) = page(&observed, &rows, 10, token).await;
    assert_eq!(second.found, 11);
    // Only the pins are looked at: all of them, for they are few and in no order.
    for cost in [first, second] {
        assert!(cost.read.is_none_or(|read| read == PINS), "{cost:?}");
    }
    // The last pins and what is below them, where the pins are passed over.
    let (third, token) = page(&observed, &rows, 20, token).await;
    assert_eq!(third.found, 21);
    assert!(
        third.read.is_none_or(|read| read == PINS + PINS + 11),
        "{third:?}"
    );
    // Below that, the row after which the page begins is passed over.
    let (fourth, _) = page(&observed, &rows, 20, token).await;
    assert_eq!(fourth, exactly(&rows, 21, 1));
}

async fn a_page_reads_besides_it_only_the_rows_of_large_groups(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let rows = looking(&database).await;
    seed::chats(&database, "alice", 300).await;
    let members: Vec<_> = (0..12).map(|number| format!("member {number}")).collect();
    let mut members: Vec<_> = members.iter().map(String::as_str).collect();
    members.push("alice");
    for name in ["one", "two", "three"] {
        observed.client.join(name, &members).await;
        observed.client.send("member 1", group(name), "hi").await;
    }
    if rows.backend() == DbBackend::Postgres {
        rows.run("VACUUM ANALYZE members").await;
    }
    let (first, token) = page(&observed, &rows, PAGE, String::new()).await;
    assert_eq!(first, exactly(&rows, 51 + 3, 0));
    let (second, _) = page(&observed, &rows, PAGE, token).await;
    assert_eq!(second, exactly(&rows, 51 + 3, 1));
}

async fn deleted_conversations_are_not_read_any_more(database: TestDatabase) {
    const LISTED: usize = 10;
    const DELETED: usize = 1_000;
    let observed = Observed::open(&database).await;
    let rows = looking(&database).await;
    let chats = seed::chats(&database, "alice", LISTED + DELETED).await;
    let client = &observed.client;
    for some in chats[LISTED..].chunks(100) {
        client.delete("alice", some.to_vec()).await;
    }
    observed.run_jobs().await;
    if rows.backend() == DbBackend::Postgres {
        rows.run("VACUUM ANALYZE members").await;
    }
    assert_eq!(rows.in_lists_index("alice").await, 10);
    let (first, _) = page(&observed, &rows, PAGE, String::new()).await;
    assert_eq!(first, exactly(&rows, LISTED, 0));
    observed.recorder.take();
    assert_eq!(client.unread("alice").await, 10);
    // The hidden ones are read from the other index.
    let hidden = client.hidden_page("alice", &[], PAGE, String::new()).await;
    assert_eq!(hidden.expect("readable").hidden.len(), 50);
    for statement in observed.recorder.take() {
        if rows.backend() == DbBackend::Postgres {
            let read = read(&rows, statement.clone(), &["members"]).await;
            assert!(
                read <= LISTED + 51,
                "{read} rows are read by {}",
                statement.sql
            );
        }
    }
    // A message brings one back.
    client.send(&seed::user(0), c2c("alice"), "hi").await;
    assert_eq!(rows.in_lists_index("alice").await, 11);
    let (first, _) = page(&observed, &rows, PAGE, String::new()).await;
    assert_eq!(first, exactly(&rows, LISTED + 1, 0));
}
