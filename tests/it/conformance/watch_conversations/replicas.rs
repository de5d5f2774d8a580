//! Changes that are made on another replica, with and without PostgreSQL's `NOTIFY`.
//!
//! SQLite serves one process, so there is nothing of this on it.

use std::time::Duration;

use conversation_service::config::Config;
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};
use tokio::time::timeout;

use super::{USER, conversations};
use crate::support::{
    clock::TestClock,
    databases::{Backend, TestDatabase},
    server::{TestServer, config},
};

/// So rare that no test sees it happen.
const NEVER: Duration = Duration::from_hours(1);
const OFTEN: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(30);

/// The connections that hear notifications.
const EARS: &str = "FROM pg_stat_activity \
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'";

fn polling(database: &TestDatabase, interval: Duration) -> Config {
    let mut config = config(database);
    config.watch.poll_interval = interval;
    config
}

async fn connection(database: &TestDatabase) -> DatabaseConnection {
    let connection = Database::connect(database.url()).await;
    connection.expect("the database is there")
}

async fn number(connection: &DatabaseConnection, sql: &str) -> i64 {
    let statement = sea_orm::Statement::from_string(sea_orm::DbBackend::Postgres, sql);
    let row = connection.query_one_raw(statement).await;
    let row = row.expect("the question makes sense").expect("a row");
    row.try_get_by_index(0).expect("a number")
}

/// Waits until this many replicas hear notifications.
async fn until_listening(connection: &DatabaseConnection, replicas: i64) {
    let question = format!("SELECT COUNT(*) {EARS}");
    let all_listen = async { while number(connection, &question).await < replicas {} };
    timeout(PATIENCE, all_listen)
        .await
        .expect("the replicas listen in time");
}

/// Watches on one replica and makes changes on the other.
async fn a_change_on_one_reaches_the_other(here: &TestServer, there: &TestServer) {
    let (here, there) = (here.client().await, there.client().await);
    let ids = conversations(&there, USER, 3).await;
    let present = there.list_page(USER, None, 0, String::new()).await;
    let mut revision = present.expect("the list can be read").revision;
    let mut watcher = here.follow(USER, "", Some(revision)).await;
    for id in ids {
        there.delete(USER, [id]).sync(true).await;
        revision += 1;
        assert_eq!(watcher.change().await.revision, revision);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_carries_a_change_to_the_other_replica() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let clock = TestClock::new();
    let one = TestServer::start_with(polling(&database, NEVER), &clock).await;
    let two = TestServer::start_with(polling(&database, NEVER), &clock).await;
    until_listening(&connection(&database).await, 2).await;
    a_change_on_one_reaches_the_other(&one, &two).await;
    a_change_on_one_reaches_the_other(&two, &one).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_notifications_the_slow_poll_carries_changes() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let superuser = connection(&database).await;
    // Found before the built-in function of the same name from the next connection on.
    let mute = "CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS ''; \
        DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', \
            current_database()); END $$";
    let muted = superuser.execute_unprepared(mute).await;
    muted.expect("a superuser may do that");
    let is_mute = "SELECT COUNT(*) FROM pg_proc WHERE oid = to_regprocedure('pg_notify(text, text)') \
        AND pronamespace = 'public'::regnamespace";
    assert_eq!(number(&connection(&database).await, is_mute).await, 1);

    let clock = TestClock::new();
    let one = TestServer::start_with(polling(&database, OFTEN), &clock).await;
    let two = TestServer::start_with(polling(&database, OFTEN), &clock).await;
    until_listening(&superuser, 2).await;
    a_change_on_one_reaches_the_other(&one, &two).await;
    a_change_on_one_reaches_the_other(&two, &one).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_has_lost_its_ear_polls_and_listens_anew() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let clock = TestClock::new();
    let one = TestServer::start_with(polling(&database, OFTEN), &clock).await;
    let two = TestServer::start_with(polling(&database, OFTEN), &clock).await;
    let superuser = connection(&database).await;
    for _ in 0..3 {
        until_listening(&superuser, 2).await;
        let cut = format!("SELECT COUNT(pg_terminate_backend(pid)) {EARS}");
        assert_eq!(number(&superuser, &cut).await, 2);
        a_change_on_one_reaches_the_other(&one, &two).await;
    }
    until_listening(&superuser, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listening_takes_no_connection_away_from_calls() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let mut config = polling(&database, NEVER);
    config.database.pool_size = 1;
    let server = TestServer::start_with(config, &TestClock::new()).await;
    until_listening(&connection(&database).await, 1).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 1).await;
    let mut watcher = client.follow(USER, "", None).await;
    client.delete(USER, ids).sync(true).await;
    assert_eq!(watcher.change().await.revision, 1);
}
