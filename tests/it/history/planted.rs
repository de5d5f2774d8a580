//! What is wrong with a database is found: rows that somebody has changed by hand, and what PostgreSQL
//! loses when it acknowledges before it writes.

use super::{
    checks::Rule,
    make_history,
    nemesis::{Service, Trouble},
    settling::{Afterwards, examine, serve, settle},
};
use crate::support::{
    cluster::Cluster,
    databases::{TestDatabase, on_every_database},
    rows::Rows,
};

on_every_database!(rows_that_were_changed_by_hand_are_found);

const SEED: u64 = 7;
const CALLS: usize = 200;

/// A table, what somebody does to it, and the rule that is broken then.
const PLANTED: &[(&str, &str, Rule)] = &[
    (
        "members",
        "UPDATE members SET hidden_through = 0, cleared_through = 0",
        Rule::State,
    ),
    (
        "members",
        "UPDATE members SET read_through = 0",
        Rule::State,
    ),
    (
        "members",
        "UPDATE members SET muted = 1 - muted",
        Rule::State,
    ),
    (
        "members",
        "UPDATE members SET pinned_at = NULL",
        Rule::State,
    ),
    (
        "folder_conversations",
        "DELETE FROM folder_conversations",
        Rule::State,
    ),
    (
        "changes",
        "DELETE FROM changes WHERE user_id = 'alice' AND revision = 3",
        Rule::Changes,
    ),
    (
        "changes",
        "DELETE FROM changes WHERE user_id = 'bob' AND revision = 5",
        Rule::Answers,
    ),
    (
        "users",
        "UPDATE users SET revision = revision + 1 WHERE user_id = 'carol'",
        Rule::Changes,
    ),
    (
        "users",
        "UPDATE users SET revision = revision - 1 WHERE user_id = 'carol'",
        Rule::Changes,
    ),
    // The crowd has cleared nothing.
    (
        "messages",
        "DELETE FROM messages WHERE seq = 1 AND conversation_key IN \
         (SELECT conversation_key FROM conversations WHERE canonical_id LIKE 'GROUP%hall')",
        Rule::Messages,
    ),
    (
        "messages",
        "UPDATE messages SET client_message_id = 'another' WHERE seq = 2",
        Rule::Messages,
    ),
    (
        "messages",
        "UPDATE messages SET send_time = send_time + 1 WHERE conversation_key IN \
         (SELECT conversation_key FROM conversations WHERE canonical_id LIKE 'GROUP%hall')",
        Rule::State,
    ),
    (
        "conversations",
        "UPDATE conversations SET last_seq = last_seq + 1",
        Rule::Messages,
    ),
    (
        "changes",
        "UPDATE changes SET results = '[]' WHERE user_id = 'dave'",
        Rule::Answers,
    ),
    (
        "changes",
        "UPDATE changes SET synced = 1 - synced",
        Rule::Watching,
    ),
];

async fn rows_that_were_changed_by_hand_are_found(database: TestDatabase) {
    let service = Service::start(&database, None, &super::SETTINGS).await;
    let (recorder, service) = make_history(service, SEED, CALLS, None).await;
    drop(service.stop().await);
    let Afterwards {
        history,
        violations,
    } = settle(&database, &recorder).await;
    violations.assert_none(SEED);

    let server = serve(&database).await;
    let client = server.client().await;
    let rows = Rows::of(&database).await;
    for (table, sql, rule) in PLANTED {
        let keep = format!("CREATE TABLE kept AS SELECT * FROM {table}");
        rows.run(&keep).await;
        rows.run(sql).await;
        let found = examine(history.clone(), &client, &rows).await.violations;
        assert!(found.rules().contains(rule), "{sql}: {found:?}");
        rows.run(&format!("DELETE FROM {table}")).await;
        rows.run(&format!("INSERT INTO {table} SELECT * FROM kept"))
            .await;
        rows.run("DROP TABLE kept").await;
    }
    let after = examine(history, &client, &rows).await.violations;
    after.assert_none(SEED);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_acknowledges_before_it_writes_is_found_to_be_lost() {
    let Some(mut cluster) = Cluster::create() else {
        return;
    };
    cluster.start(&["synchronous_commit=off"]);
    let database = cluster.database();
    let settings = vec!["synchronous_commit=off".to_owned()];
    let mut service = Service::start(&database, Some((cluster, settings)), &super::SETTINGS).await;
    // Whoever would write it down a little later does not: so it is certain that it is lost.
    let rows = Rows::of(&database).await;
    let writer = "SELECT pid::bigint FROM pg_stat_activity WHERE backend_type = 'walwriter'";
    let writer = rows.number(writer).await;
    service.cluster().pause(writer);
    rows.run("CHECKPOINT").await;
    rows.close().await;
    let (recorder, mut service) = make_history(service, SEED, CALLS, None).await;
    let mut done = recorder.done.subscribe();
    service.happens(Trouble::DatabaseKilled, 0, &mut done).await;
    let _cluster = service.stop().await;
    let violations = settle(&database, &recorder).await.violations;
    let rules = violations.rules();
    assert!(rules.contains(&Rule::Retries), "{violations:?}");
}
