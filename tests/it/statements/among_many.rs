//! One row among very many: PostgreSQL finds it by its whole key, whatever it believes of the others.
//!
//! Its beliefs come from statistics, and those may be missing, or be of the average user and conversation, or of
//! a time before most of the rows came. A user who has a hundred times as many conversations as others must
//! not pay for that, and a conversation that has ten thousand times as many messages must not cost more.

use std::collections::BTreeMap;

use sea_orm::{DbBackend, Statement};
use serde_json::Value as Json;

use super::{
    Observed,
    plans::{may_read_all_of_a_user, postgres_type, read_in_order},
    tables, together, use_everything,
};
use crate::support::{
    databases::{Backend, TestDatabase},
    rows::Rows,
    seed,
};

/// A table whose rows become many.
struct Growing {
    table: &'static str,
    /// Few rows for each user or conversation. That is what the statistics say.
    seed: &'static str,
    /// Many rows for some of them.
    growth: &'static str,
    /// Which statements find its rows by their keys.
    finds_by_key: fn(&str) -> bool,
    /// How many of those there are at least.
    at_least: usize,
    is_by_whole_key: fn(&Json) -> bool,
}

/// Everybody has one conversation. Then others get 200, and alice 20,000, all of them deleted.
const MEMBERS: Growing = Growing {
    table: "members",
    seed: "
        INSERT INTO members (user_id, conversation_key, kind, last_seq, last_time, hidden_through)
            SELECT 'seed ' || n, decode(md5(n::text), 'hex'), 1, 1, n, 1 FROM generate_series(1, 1000) AS n",
    growth: "
        INSERT INTO members (user_id, conversation_key, kind, last_seq, last_time, hidden_through)
            SELECT 'seed ' || n % 100, decode(md5('many ' || n), 'hex'), 1, 1, n, 1
            FROM generate_series(1, 20000) AS n;
        INSERT INTO members (user_id, conversation_key, kind, last_seq, last_time, hidden_through)
            SELECT 'alice', decode(md5('alice ' || n), 'hex'), 1, 1, n, 1
            FROM generate_series(1, 20000) AS n",
    finds_by_key: finds_members_by_key,
    at_least: 20,
    is_by_whole_key: is_by_whole_key_of_members,
};

/// Each conversation has one message. Then 100 get 200 of them, and one 20,000.
const MESSAGES: Growing = Growing {
    table: "messages",
    seed: "
        INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, send_time, content)
            SELECT decode(md5(n::text), 'hex'), 1, 'seed', 'm', n, '' FROM generate_series(1, 1000) AS n",
    growth: "
        INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, send_time, content)
            SELECT decode(md5((n % 100)::text), 'hex'), 2 + n / 100, 'seed', 'm' || n, n, ''
            FROM generate_series(100, 20099) AS n;
        INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, send_time, content)
            SELECT decode(md5('many'), 'hex'), n, 'seed', 'm' || n, n, ''
            FROM generate_series(1, 20000) AS n",
    finds_by_key: |sql| tables(sql).contains("messages"),
    at_least: 4,
    is_by_whole_key: is_by_whole_key_of_messages,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_of_members_are_found_by_their_whole_key_whatever_the_statistics_say() {
    check(&MEMBERS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_found_by_their_whole_key_whatever_the_statistics_say() {
    check(&MESSAGES).await;
}

async fn check(growing: &Growing) {
    let Some(database) = TestDatabase::create_on_one_server(Backend::Postgres).await else {
        return;
    };
    let observed = Observed::open(&database).await;
    let rows = Rows::of(&database).await;
    seed::chats(&database, "alice", 10).await;
    observed.recorder.take();
    use_everything(&observed.client).await;
    observed.run_jobs().await;
    together::use_every_kind(&observed, &database).await;
    let by_key: BTreeMap<String, Statement> = observed
        .recorder
        .take()
        .into_iter()
        .filter(|statement| (growing.finds_by_key)(&statement.sql))
        .map(|statement| (statement.sql.clone(), statement))
        .collect();
    let count = by_key.len();
    assert!(count >= growing.at_least, "only {count} statements");

    let Growing {
        table,
        seed,
        growth,
        ..
    } = growing;
    rows.run(&format!(
        "ALTER TABLE {table} SET (autovacuum_enabled = off); {seed}; ANALYZE {table}; {growth}"
    ))
    .await;
    // As if nobody had ever counted the rows.
    let forget = format!(
        "DELETE FROM pg_statistic WHERE starelid = '{table}'::regclass; \
         UPDATE pg_class SET reltuples = -1 WHERE oid IN ('{table}'::regclass, '{table}_pkey'::regclass)"
    );
    for (belief, sql) in [
        ("of a time when there were few", "SELECT 1"),
        ("missing", &forget),
        ("up to date", &format!("ANALYZE {table}")),
    ] {
        rows.run(sql).await;
        for statement in by_key.values() {
            for plan in plans(&rows, statement).await {
                let mut searches = Vec::new();
                find_searches(table, &plan, &mut searches);
                for search in searches {
                    assert!(
                        (growing.is_by_whole_key)(search),
                        "with statistics {belief}: {search:#}\nin: {}\n{plan:#}",
                        statement.sql
                    );
                }
            }
        }
    }
}

/// Whether a statement looks rows of `members` up by their keys; lists and totals read them all, and
/// what is about a conversation is about all its members.
fn finds_members_by_key(sql: &str) -> bool {
    let of_a_conversation = ["WHERE", "AND"]
        .iter()
        .any(|word| sql.contains(&format!("{word} m.conversation_key = $1")))
        || sql.contains("WHERE conversation_key = $1")
        || sql.contains("WHERE \"members\".\"conversation_key\" = $1")
        || sql.contains("m.conversation_key = i.conversation_key AND m.kind > 0")
        || sql.contains("WITH views AS");
    tables(sql).contains("members")
        && read_in_order(sql).is_empty()
        && !may_read_all_of_a_user(sql)
        && !of_a_conversation
}

/// The plan for the values of this statement, and the one for any.
async fn plans(rows: &Rows, statement: &Statement) -> [Json; 2] {
    let values = statement.values.clone();
    let values = values.map_or_else(Vec::new, |values| values.0);
    let types: Vec<_> = values.iter().map(postgres_type).collect();
    let nulls = vec!["NULL"; types.len()].join(", ");
    let (sql, types) = (&statement.sql, types.join(", "));

    rows.run("SET plan_cache_mode = force_custom_plan").await;
    let explain = format!("EXPLAIN (FORMAT JSON) {sql}");
    let of_these = Statement::from_sql_and_values(DbBackend::Postgres, explain, values);
    let of_these = plan(rows, of_these).await;

    rows.run(&format!(
        "SET plan_cache_mode = force_generic_plan; PREPARE checked ({types}) AS {sql}"
    ))
    .await;
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE checked ({nulls})");
    let of_any = plan(rows, Statement::from_string(DbBackend::Postgres, explain)).await;
    rows.run("DEALLOCATE checked").await;
    [of_these, of_any]
}

async fn plan(rows: &Rows, explain: Statement) -> Json {
    let found = rows.query_statement(explain).await;
    found[0].try_get_by_index(0).expect("a plan in JSON")
}

/// The nodes of a plan that search a table or one of its indices.
fn find_searches<'a>(table: &str, plan: &'a Json, searches: &mut Vec<&'a Json>) {
    match plan {
        Json::Array(items) => items
            .iter()
            .for_each(|item| find_searches(table, item, searches)),
        Json::Object(fields) => {
            let index = plan["Index Name"].as_str().unwrap_or_default();
            let is_of_table = index
                .strip_prefix(table)
                .is_some_and(|rest| rest.starts_with('_'));
            let is_scan = plan["Node Type"] == "Seq Scan" && plan["Relation Name"] == table;
            if is_of_table || is_scan {
                searches.push(plan);
            }
            let below = fields.values();
            below.for_each(|value| find_searches(table, value, searches));
        }
        _ => {}
    }
}

/// Whether a search goes by user and conversation; the pins of a user are few.
fn is_by_whole_key_of_members(search: &Json) -> bool {
    let condition = search["Index Cond"].as_str().unwrap_or_default();
    let whole = condition.contains("user_id =") && condition.contains("conversation_key =");
    search["Index Name"] == "members_pinned" || (search["Index Name"] == "members_pkey" && whole)
}

/// Whether a search goes by conversation and position, or range of positions, or by conversation, sender and name.
fn is_by_whole_key_of_messages(search: &Json) -> bool {
    let condition = search["Index Cond"].as_str().unwrap_or_default();
    condition.contains("conversation_key =")
        && (condition.contains("(seq ")
            || (condition.contains("sender_user_id =")
                && condition.contains("client_message_id =")))
}
