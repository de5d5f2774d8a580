//! Tables that are distributed over a Citus cluster: making them so, and being served from several of its servers.
//!
//! On a cluster (`TEST_CITUS_URLS`) all other tests of PostgreSQL run on distributed tables, too.

use std::time::Duration;

use conversation_service::{
    config::DatabaseConfig,
    store::{self, Migrated, StoreError, tables},
};

use crate::support::{
    citus,
    clock::TestClock,
    concurrently::concurrently,
    databases::{Backend, TestDatabase},
    ids::c2c,
    rows::Rows,
    server::{TestServer, config},
};

/// How many migrate at a time.
const RUNS: usize = 4;
const USER: &str = "alice";

/// The tables by how they are distributed: by a column, or to every server.
const LAYOUT: &str = "SELECT count(*) FROM pg_dist_partition AS p \
    WHERE p.logicalrelid::text = ANY(ARRAY[";

fn asked_to_distribute(database: &TestDatabase) -> DatabaseConfig {
    DatabaseConfig {
        distributed: true,
        ..config(database).database
    }
}

/// How many tables the service has, with the record of its migrations.
fn all_tables() -> usize {
    tables().len() + 1
}

async fn distributed_by(rows: &Rows, column: &str) -> i64 {
    let names = tables().into_iter().filter(|table| table.key[0] == column);
    let names: Vec<_> = names.map(|table| format!("'{}'", table.name)).collect();
    let by = format!(
        "{LAYOUT}{}]) AND column_to_column_name(p.logicalrelid, p.partkey) = '{column}'",
        names.join(", ")
    );
    let found = rows.number(&by).await;
    assert_eq!(usize::try_from(found), Ok(names.len()), "by {column}");
    let families = format!(
        "SELECT count(DISTINCT p.colocationid) FROM pg_dist_partition AS p \
         WHERE p.logicalrelid::text = ANY(ARRAY[{}])",
        names.join(", ")
    );
    assert_eq!(
        rows.number(&families).await,
        1,
        "they lie beside each other"
    );
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_migrate_the_tables_are_distributed_once() {
    let Some(database) = TestDatabase::create_on_cluster().await else {
        return;
    };
    let runs = (0..RUNS).map(|_| {
        let config = asked_to_distribute(&database);
        async move { store::migrate(&config).await }
    });
    let mut distributed = Vec::new();
    for run in concurrently(runs).await {
        distributed.push(run.unwrap_or_else(|error| panic!("{error}")).distributed);
    }
    distributed.sort_unstable();
    assert_eq!(distributed, [0, 0, 0, all_tables()]);

    let rows = Rows::of(&database).await;
    let of_users = distributed_by(&rows, "user_id").await;
    let of_conversations = distributed_by(&rows, "conversation_key").await;
    let everywhere = "SELECT count(*) FROM citus_tables WHERE citus_table_type = 'reference'";
    assert_eq!(
        usize::try_from(of_users + of_conversations + rows.number(everywhere).await),
        Ok(all_tables())
    );
    // Without the setting it is found, and nothing is left to do.
    let again = store::migrate(&config(&database).database).await;
    let Migrated {
        ran, distributed, ..
    } = again.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((ran, distributed), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_data_is_distributed_and_goes_on() {
    let Some(database) = TestDatabase::create_on_cluster().await else {
        return;
    };
    let clock = TestClock::new();
    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    for other in ["bob", "carol", "dave"] {
        client.send(other, c2c(USER), "before").await;
    }
    client.delete(USER, [c2c("bob")]).await;
    let before = client.list_all(USER).await;
    assert_eq!(before.len(), 2);
    drop(client);
    server.stop().await;

    let migrated = store::migrate(&asked_to_distribute(&database)).await;
    let migrated = migrated.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(migrated.distributed, all_tables());
    let rows = Rows::of(&database).await;
    distributed_by(&rows, "user_id").await;
    distributed_by(&rows, "conversation_key").await;
    rows.close().await;

    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    assert_eq!(client.list_all(USER).await, before);
    client.send("bob", c2c(USER), "after").await;
    assert_eq!(client.list_all(USER).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_citus_nothing_is_distributed() {
    if citus::is_there() {
        return;
    }
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let migrated = store::migrate(&asked_to_distribute(&database)).await;
    let error = migrated.expect_err("there is no Citus");
    assert!(matches!(error, StoreError::Setup(_)), "{error}");
    assert!(
        error.to_string().contains("CREATE EXTENSION citus"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_through_one_server_of_the_cluster_reaches_a_watcher_on_another() {
    let Some(database) = TestDatabase::create_on_cluster().await else {
        return;
    };
    let migrated = store::migrate(&asked_to_distribute(&database)).await;
    migrated.unwrap_or_else(|error| panic!("{error}"));
    let clock = TestClock::new();
    let start = |database: TestDatabase| {
        let mut config = config(&database);
        config.watch.poll_interval = Duration::from_millis(50);
        let clock = clock.clone();
        async move { TestServer::start_with(config, &clock).await }
    };
    let coordinator = start(TestDatabase::elsewhere(&database)).await;
    let worker = start(database.by_worker(1)).await;
    for (here, there) in [(&coordinator, &worker), (&worker, &coordinator)] {
        let (here, there) = (here.client().await, there.client().await);
        there.send("bob", c2c(USER), "text").await;
        let present = there.list_page(USER, None, 0, String::new()).await;
        let revision = present.expect("the list can be read").revision;
        let mut watcher = here.follow(USER, "", Some(revision)).await;
        there.delete(USER, [c2c("bob")]).sync(true).await;
        assert_eq!(watcher.change().await.revision, revision + 1);
    }
}
