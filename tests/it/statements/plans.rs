//! The plans of the statements when there is much data: each uses an index, and is planned once.

use std::collections::BTreeMap;

use rusqlite::{Connection, StatementStatus, types};
use sea_orm::{DbBackend, Statement, Value, sea_query::ArrayType};
use serde_json::Value as Json;

use super::{FAMILIES, Observed, tables, together, use_everything};
use crate::support::{
    databases::{TestDatabase, on_one_server},
    ids::c2c,
    rows::Rows,
    seed,
};

on_one_server!(every_statement_uses_an_index);

/// So much that reading all of a table would be noticed. Every conversation has two members, as most
/// have. Autovacuum is off, so that no analysis of what was only half there outlives the one at the end.
const SEED_POSTGRES: &str = "
    ALTER TABLE members SET (autovacuum_enabled = off);
    ALTER TABLE folders SET (autovacuum_enabled = off);
    ALTER TABLE folder_conversations SET (autovacuum_enabled = off);
    ALTER TABLE conversations SET (autovacuum_enabled = off);
    ALTER TABLE messages SET (autovacuum_enabled = off);
    ALTER TABLE users SET (autovacuum_enabled = off);
    ALTER TABLE changes SET (autovacuum_enabled = off);
    ALTER TABLE group_requests SET (autovacuum_enabled = off);
    ALTER TABLE group_members SET (autovacuum_enabled = off);
    ALTER TABLE erased_messages SET (autovacuum_enabled = off);
    INSERT INTO members (user_id, conversation_key, kind, last_seq, last_time)
        SELECT 'seed ' || (n % 2000), decode(md5((n / 2)::text), 'hex'), 1, n % 10, n
        FROM generate_series(1, 200000) AS n;
    INSERT INTO folders (user_id, folder_id, name)
        SELECT 'seed ' || (n % 2000), n, 'folder ' || n FROM generate_series(1, 10000) AS n;
    INSERT INTO folder_conversations (user_id, folder_id, conversation_key, added_by, ord)
        SELECT 'seed ' || (n % 2000), n % 10000, decode(md5(n::text), 'hex'), n, 0
        FROM generate_series(1, 100000) AS n;
    INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time)
        SELECT decode(md5(n::text), 'hex'), 'seed ' || n, 100, n FROM generate_series(1, 50000) AS n;
    INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, send_time, content)
        SELECT decode(md5((n % 1000)::text), 'hex'), n / 1000, 'seed', 'm' || n, n, ''
        FROM generate_series(0, 99999) AS n;
    INSERT INTO users (user_id, revision) SELECT 'seed ' || n, 10 FROM generate_series(0, 19999) AS n;
    INSERT INTO changes (user_id, revision, request_id, kind, changed_at, synced, conversations, results)
        SELECT 'seed ' || (n % 2000), n / 2000, decode(md5(n::text), 'hex'), 1, 1, 0, '[]', '[]'
        FROM generate_series(0, 199999) AS n;
    INSERT INTO group_requests (conversation_key, request_id, request_digest, kept_until, changed_count)
        SELECT decode(md5((n % 1000)::text), 'hex'), decode(md5(n::text), 'hex'), '', 8000000000000000000 + n, 1
        FROM generate_series(0, 199999) AS n;
    INSERT INTO erased_messages (conversation_key, sender_user_id, client_message_id, seq, send_time,
            fingerprint, recognised_until)
        SELECT decode(md5((n % 1000)::text), 'hex'), 'seed', 'e' || n, n, n, 0, 8000000000000000000 + n
        FROM generate_series(0, 49999) AS n;
    INSERT INTO group_members (conversation_key, user_id, is_member)
        SELECT decode(md5((n / 5)::text), 'hex'), 'seed ' || (n % 5), n % 2 FROM generate_series(0, 199999) AS n;
    ANALYZE";

const SEED_SQLITE: &str = "
    CREATE TEMP TABLE n AS
        WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n < 199999) SELECT n FROM r;
    INSERT INTO members (user_id, conversation_key, kind, last_seq, last_time)
        SELECT 'seed ' || (n % 2000), unhex(printf('%032x', n / 2)), 1, n % 10, n FROM n;
    INSERT INTO folders (user_id, folder_id, name)
        SELECT 'seed ' || (n % 2000), n, 'folder ' || n FROM n WHERE n < 10000;
    INSERT INTO folder_conversations (user_id, folder_id, conversation_key, added_by, ord)
        SELECT 'seed ' || (n % 2000), n % 10000, unhex(printf('%032x', n)), n, 0 FROM n WHERE n < 100000;
    INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time)
        SELECT unhex(printf('%032x', n)), 'seed ' || n, 100, n FROM n WHERE n < 50000;
    INSERT INTO messages (conversation_key, seq, sender_user_id, client_message_id, send_time, content)
        SELECT unhex(printf('%032x', n % 1000)), n / 1000, 'seed', 'm' || n, n, x'' FROM n WHERE n < 100000;
    INSERT INTO users (user_id, revision) SELECT 'seed ' || n, 10 FROM n WHERE n < 20000;
    INSERT INTO changes (user_id, revision, request_id, kind, changed_at, synced, conversations, results)
        SELECT 'seed ' || (n % 2000), n / 2000, unhex(printf('%032x', n)), 1, 1, 0, '[]', '[]' FROM n;
    INSERT INTO group_requests (conversation_key, request_id, request_digest, kept_until, changed_count)
        SELECT unhex(printf('%032x', n % 1000)), unhex(printf('%032x', n)), x'', 8000000000000000000 + n, 1
        FROM n;
    INSERT INTO erased_messages (conversation_key, sender_user_id, client_message_id, seq, send_time,
            fingerprint, recognised_until)
        SELECT unhex(printf('%032x', n % 1000)), 'seed', 'e' || n, n, n, 0, 8000000000000000000 + n
        FROM n WHERE n < 50000;
    INSERT INTO group_members (conversation_key, user_id, is_member)
        SELECT unhex(printf('%032x', n / 5)), 'seed ' || (n % 5), n % 2 FROM n;
    DROP TABLE n";

/// How many different statements the service is known to run, at least.
const AT_LEAST: usize = 60;

async fn every_statement_uses_an_index(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let rows = Rows::of(&database).await;
    seed::chats(&database, "alice", 300).await;
    rows.run(match rows.backend() {
        DbBackend::Postgres => SEED_POSTGRES,
        _ => SEED_SQLITE,
    })
    .await;
    observed.recorder.take();
    use_everything(&observed.client).await;
    // So much in folders that what they show is counted.
    rows.run(
        "INSERT INTO folder_conversations (user_id, folder_id, conversation_key, added_by, ord) \
         SELECT 'alice', d.folder_id, f.conversation_key, 1, 0 FROM folders AS d, \
             (SELECT DISTINCT conversation_key FROM folder_conversations LIMIT 1001) AS f \
         WHERE d.user_id = 'alice' AND d.name = 'work' ON CONFLICT DO NOTHING",
    )
    .await;
    let one = [c2c(seed::user(1))];
    observed.client.add_to_folder("alice", "work", one).await;
    observed.run_jobs().await;
    together::use_every_kind(&observed, &database).await;

    let distinct: BTreeMap<String, Statement> = observed
        .recorder
        .take()
        .into_iter()
        .map(|statement| (statement.sql.clone(), statement))
        .collect();
    assert!(
        distinct.len() >= AT_LEAST,
        "only {} different statements",
        distinct.len()
    );
    for statement in distinct.values().cloned() {
        match rows.backend() {
            DbBackend::Postgres => check_postgres(&rows, statement).await,
            _ => check_sqlite(&rows, statement).await,
        }
    }
    if let Some(file) = database.url().strip_prefix("sqlite://") {
        let connection = Connection::open(file).expect("it is open already");
        for statement in distinct.values() {
            check_planned_once(&connection, statement);
        }
        // So far it knew nothing of the data, as it does when nobody has had it analysed.
        rows.run("ANALYZE").await;
        for statement in distinct.into_values() {
            check_sqlite(&rows, statement).await;
        }
    }
}

fn is_ours(table: &str) -> bool {
    FAMILIES.iter().any(|family| family.contains(&table))
}

/// Whether a statement may read all rows of a user: only the one that adds up what is unread, and the one that
/// counts what a selector leaves.
pub(super) fn may_read_all_of_a_user(sql: &str) -> bool {
    sql.contains("AS muted_messages") || sql.contains("AS matched")
}

/// Whether a statement reads a page of a user's whole list.
fn is_page(sql: &str) -> bool {
    sql.contains("rest AS (") && !sql.contains("filed AS (")
}

/// The indices in whose order a statement has to read the parts of a page, of the list or of what is hidden.
pub(super) fn read_in_order(sql: &str) -> &'static [&'static str] {
    if is_page(sql) {
        &["members_listed"]
    } else if sql.contains("just_deleted AS (") {
        &["members_listed", "members_unlisted"]
    } else {
        &[]
    }
}

/// Whether a statement reads what a selector leaves of a user's whole list. PostgreSQL reads all rows of a user who
/// has fewer than are counted, and sorts them.
fn is_selection(sql: &str) -> bool {
    sql.contains("AS matched") && !sql.contains("filed AS (")
}

/// The plan for these very values, and the plan for any values, which is the one that the service's
/// connections ask for.
async fn check_postgres(rows: &Rows, statement: Statement) {
    let sql = statement.sql.clone();
    let values = statement
        .values
        .clone()
        .map_or_else(Vec::new, |values| values.0);
    let types: Vec<_> = values.iter().map(postgres_type).collect();

    let explain = Statement::from_sql_and_values(
        DbBackend::Postgres,
        format!("EXPLAIN (FORMAT JSON) {sql}"),
        values,
    );
    check_plan(rows, explain, &sql).await;

    let (types, nulls) = (types.join(", "), vec!["NULL"; types.len()].join(", "));
    rows.run(&format!(
        "SET plan_cache_mode = force_generic_plan; PREPARE checked ({types}) AS {sql}"
    ))
    .await;
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE checked ({nulls})");
    let explain = Statement::from_string(DbBackend::Postgres, explain);
    let plan = check_plan(rows, explain, &sql).await;
    rows.run("DEALLOCATE checked").await;
    for kind in ["Index Scan", "Index Only Scan", "Bitmap Index Scan"] {
        let mut scans = Vec::new();
        find_nodes(&plan, kind, &mut scans);
        let all_of_a_user = scans.iter().any(|scan| {
            let index = scan["Index Name"].as_str().unwrap_or_default();
            let condition = scan["Index Cond"].as_str().unwrap_or_default();
            let of_users = ["members_pkey", "members_listed", "members_unlisted"];
            of_users.contains(&index) && !condition.contains(" AND ")
        });
        assert!(
            may_read_all_of_a_user(&sql) || !all_of_a_user,
            "all rows of a user are read\nin: {sql}\n{plan:#}"
        );
    }
    for index in read_in_order(&sql) {
        let mut parts = Vec::new();
        find_nodes(&plan, "Limit", &mut parts);
        // Pins are few, and are sorted; so are two parts together.
        parts.retain(|part| {
            let mut within = Vec::new();
            find_nodes(part, "Limit", &mut within);
            part.to_string().contains(index) && within.len() == 1
        });
        let [part] = parts.as_slice() else {
            panic!("not one part by {index}\nin: {sql}\n{plan:#}");
        };
        let (mut sorts, mut scans) = (Vec::new(), Vec::new());
        find_nodes(part, "Sort", &mut sorts);
        find_nodes(part, "Index Scan", &mut scans);
        let in_order = scans.iter().any(|scan| scan["Index Name"] == *index);
        assert!(
            in_order && sorts.is_empty(),
            "the part is not read in its order\nin: {sql}\n{plan:#}"
        );
    }
}

/// The nodes of this type in a plan, without those of subqueries in what it returns.
fn find_nodes<'a>(plan: &'a Json, kind: &str, found: &mut Vec<&'a Json>) {
    match plan {
        Json::Array(items) => items.iter().for_each(|item| find_nodes(item, kind, found)),
        Json::Object(fields) if plan["Parent Relationship"] != "SubPlan" => {
            if plan["Node Type"] == kind {
                found.push(plan);
            }
            let below = fields.values();
            below.for_each(|value| find_nodes(value, kind, found));
        }
        _ => {}
    }
}

async fn check_plan(rows: &Rows, explain: Statement, sql: &str) -> Json {
    let plan: Json = rows.query_statement(explain).await[0]
        .try_get_by_index(0)
        .expect("a plan in JSON");
    let mut scans = Vec::new();
    find_scans(&plan, &mut scans);
    let read_by_scan: Vec<_> = scans
        .iter()
        .filter(|(kind, table)| is_ours(table) && kind == "Seq Scan")
        .collect();
    assert!(
        read_by_scan.is_empty(),
        "{read_by_scan:?}\nin: {sql}\n{plan:#}"
    );
    plan
}

/// The nodes of a plan that read a table: kind and table.
fn find_scans(plan: &Json, scans: &mut Vec<(String, String)>) {
    match plan {
        Json::Array(items) => items.iter().for_each(|item| find_scans(item, scans)),
        Json::Object(fields) => {
            let text = |name: &str| {
                fields
                    .get(name)
                    .and_then(Json::as_str)
                    .map(ToOwned::to_owned)
            };
            scans.extend(text("Node Type").zip(text("Relation Name")));
            fields.values().for_each(|value| find_scans(value, scans));
        }
        _ => {}
    }
}

pub(super) fn postgres_type(value: &Value) -> &'static str {
    match value {
        Value::SmallInt(_) => "smallint",
        Value::BigInt(_) => "bigint",
        Value::String(_) => "text",
        Value::Bytes(_) => "bytea",
        Value::Array(ArrayType::Bool, _) => "boolean[]",
        Value::Array(ArrayType::BigInt, _) => "bigint[]",
        Value::Array(ArrayType::String, _) => "text[]",
        Value::Array(ArrayType::Bytes, _) => "bytea[]",
        Value::Array(ArrayType::Uuid, _) => "uuid[]",
        other => panic!("a value of a type that is new here: {other:?}"),
    }
}

/// SQLite plans a statement again when a value is given to a parameter that the plan depends on. Of one that changes
/// something this is not looked at.
fn check_planned_once(connection: &Connection, statement: &Statement) {
    let sql = &statement.sql;
    let mut prepared = connection.prepare(sql).expect("SQLite knows it");
    if !prepared.readonly() {
        return;
    }
    let values = statement.values.clone();
    let values = values.map_or_else(Vec::new, |values| values.0);
    for _ in 0..2 {
        for index in 1..=prepared.parameter_count() {
            // Parameters without a name come in the order of the values.
            let name = prepared.parameter_name(index);
            let number = name.map(|name| name.trim_start_matches('$').parse().expect("a number"));
            let number: usize = number.unwrap_or(index);
            let value = sqlite_value(&values[number - 1]);
            let bound = prepared.raw_bind_parameter(index, value);
            bound.expect("it takes the value");
        }
        let mut found = prepared.raw_query();
        while found.next().expect("it runs").is_some() {}
    }
    let again = prepared.get_status(StatementStatus::RePrepare);
    assert_eq!(again, 0, "planned anew\nin: {sql}");
}

fn sqlite_value(value: &Value) -> types::Value {
    match value {
        Value::SmallInt(Some(number)) => i64::from(*number).into(),
        Value::BigInt(Some(number)) => (*number).into(),
        Value::String(Some(text)) => text.clone().into(),
        Value::Bytes(Some(bytes)) => bytes.clone().into(),
        Value::SmallInt(None) | Value::BigInt(None) | Value::String(None) | Value::Bytes(None) => {
            types::Value::Null
        }
        other => panic!("a value of a type that is new here: {other:?}"),
    }
}

async fn check_sqlite(rows: &Rows, statement: Statement) {
    let sql = statement.sql.clone();
    let explain = Statement {
        sql: format!("EXPLAIN QUERY PLAN {sql}"),
        ..statement
    };
    let steps: Vec<String> = rows
        .query_statement(explain)
        .await
        .iter()
        .map(|row| {
            row.try_get_by_index(3)
                .expect("the fourth column is the step")
        })
        .collect();
    assert!(!tables(&sql).is_empty());
    for step in &steps {
        let words: Vec<_> = step.split(' ').collect();
        // The aliases of our tables in the statements are one letter each; `r` and `i` are input.
        let ours = words.get(1).is_some_and(|name| {
            is_ours(name) || ["m", "c", "u", "f", "d", "e", "g"].contains(name)
        });
        let all_of_a_user = words
            .get(1)
            .is_some_and(|name| ["m", "members"].contains(name))
            && step.ends_with("(user_id=?)")
            && !step.contains("members_pinned")
            && !may_read_all_of_a_user(&sql);
        let whole = words[0] == "SCAN" || step.contains("AUTOMATIC") || all_of_a_user;
        assert!(!(ours && whole), "{step}\nin: {sql}\n{steps:#?}");
    }
    if is_selection(&sql) {
        let by_activity = "SEARCH m USING INDEX members_listed (user_id=?";
        let in_order = steps.iter().any(|step| step.starts_with(by_activity))
            && !steps.iter().any(|step| step.contains("ORDER BY"));
        assert!(in_order, "not read in order\nin: {sql}\n{steps:#?}");
    }
    for index in read_in_order(&sql) {
        let in_order =
            format!("SEARCH m USING INDEX {index} (user_id=? AND last_time>? AND last_time<?)");
        let parts = ["SCAN rest", "SCAN just_deleted", "SCAN unlisted"];
        let sorted = steps
            .windows(2)
            .any(|pair| pair[0].contains("ORDER BY") && parts.contains(&pair[1].as_str()));
        assert!(
            steps.contains(&in_order) && !sorted,
            "the part is not read in its order\nin: {sql}\n{steps:#?}"
        );
    }
}
