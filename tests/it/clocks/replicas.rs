//! Replicas whose wall clocks are hours wrong, on one PostgreSQL.

use std::time::Duration;

use conversation_service::{
    config::Config,
    jobs::{self, NotDue, Schedule},
    machine,
    proto::RestorationOutcome,
    store::{self, Erased, Store},
};
use prost::Message as _;

use super::{HOUR, Machine};
use crate::support::{
    client::Client,
    databases::{Backend, TestDatabase},
    health::Health,
    ids::c2c,
    server::config,
    stage::Assembled,
};

const ALICE: &str = "alice";
const REQUEST: &str = "7f1d2a52-6c0a-4b3c-8a58-6f0f7a4f9b11";

/// A replica with the usual settings on a machine of the test's own.
async fn replica(database: &TestDatabase, machine: &Machine) -> Assembled {
    Assembled::with_clock(&config(database), machine.clock()).await
}

async fn store(config: &Config) -> Store {
    let store = store::connect(&config.database).await;
    store.expect("the database is there")
}

fn micros(time: Option<prost_types::Timestamp>) -> i64 {
    let time = time.expect("there is a time");
    time.seconds * 1_000_000 + i64::from(time.nanos) / 1_000
}

/// Deletes the conversation with bob, and its history; returns until when that can be undone, and how.
async fn delete(client: &Client) -> (i64, String) {
    client.send("bob", c2c(ALICE), "hi").await;
    let deletion = client.delete(ALICE, [c2c("bob")]).await;
    (micros(deletion.restorable_until), deletion.deletion_id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_25_hours_ahead_promises_dates_and_erases_by_the_databases_time() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let (right, ahead) = (Machine::ahead_by(0), Machine::ahead_by(25 * HOUR));
    let (one, other) = (
        replica(&database, &right).await,
        replica(&database, &ahead).await,
    );
    let (one, other) = (one.client().await, other.client().await);
    let before = machine::clock().now().as_micros();

    let sent = other.send("bob", c2c(ALICE), "from the future").await;
    let sent = micros(sent.send_time);
    let (until, deletion) = delete(&one).await;
    let (until_there, _) = {
        other.send("bob", c2c("carol"), "hi").await;
        let deletion = other.delete("carol", [c2c("bob")]).await;
        (micros(deletion.restorable_until), deletion.deletion_id)
    };
    let after = machine::clock().now().as_micros();
    let day = 24 * HOUR;
    let second = 1_000_000;
    assert!((before - second..=after + second).contains(&sent), "{sent}");
    for until in [until, until_there] {
        let promised = before + day - second..=after + day + second;
        assert!(promised.contains(&until), "{until}");
    }

    // Its rounds are refused, and if they were not, they would erase nothing either.
    let config = config(&database);
    let store = store(&config).await;
    let clock = ahead.clock();
    let round = jobs::run_due(&store, &clock, Schedule::of(&config.jobs)).await;
    assert!(matches!(round, Err(NotDue::Skewed { skew }) if skew.abs_diff(90_000) < 10));
    let round = jobs::run_once(&store, clock.now(), Schedule::of(&config.jobs)).await;
    assert_eq!(round.expect("the database is there"), Erased::default());
    let restored = other.restored(ALICE, &deletion).await;
    assert_eq!(restored, [RestorationOutcome::Restored]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_a_replica_8_days_behind_is_not_trimmed_and_its_retry_does_not_run_again() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let behind = Machine::ahead_by(-8 * 24 * HOUR);
    let replica = replica(&database, &behind).await;
    let client = replica.client().await;
    client.send("bob", c2c(ALICE), "one").await;
    let deletion = client.delete(ALICE, [c2c("bob")]).request_id(REQUEST);
    let first = deletion.clone().await;
    client.send("bob", c2c(ALICE), "two").await;

    let config = config(&database);
    let store = store(&config).await;
    let healthy = Machine::ahead_by(0).clock();
    let round = jobs::run_due(&store, &healthy, Schedule::of(&config.jobs)).await;
    assert_eq!(round.expect("the clocks agree"), Erased::default());
    let again = deletion.await;
    assert_eq!(again.encode_to_vec(), first.encode_to_vec());
    assert_eq!(client.listed(ALICE).await, [c2c("bob")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_not_ready_while_its_clock_is_far_from_the_databases() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let machine = Machine::ahead_by(0);
    let server = replica(&database, &machine).await;
    let mut health = Health::follow(server.address()).await;
    health.serving().await;
    machine.set(-HOUR);
    health.not_serving().await;
    // It goes on doing what it is asked to: no time that it stores is its own.
    let client = server.client().await;
    client.send("bob", c2c(ALICE), "hi").await;
    machine.set(0);
    health.serving().await;
    machine.set(i64::try_from(Duration::from_mins(20).as_micros()).expect("it is little"));
    // That is still believed; the log warns.
    let config = config(&database);
    let store = store(&config).await;
    let round = jobs::run_due(&store, &machine.clock(), Schedule::of(&config.jobs)).await;
    assert!(round.is_ok(), "{round:?}");
    assert!(health.is_serving());
}
