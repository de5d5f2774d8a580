//! The wall clock of a machine is set while SQLite's file is in use, whose only clock it is.

use conversation_service::{
    config::Config,
    jobs::{self, Schedule},
    proto::RestorationOutcome,
    store::{self, Store},
};

use super::{HOUR, Machine};
use crate::support::{
    databases::{Backend, TestDatabase},
    ids::c2c,
    server::config,
    stage::Assembled,
};

const ALICE: &str = "alice";

/// A database whose users have cleared one message, and what erases it.
struct Stage {
    deletion: String,
    config: Config,
    store: Store,
}

impl Stage {
    async fn open(database: &TestDatabase, machine: &Machine) -> Self {
        let config = config(database);
        let server = Assembled::with_clock(&config, machine.clock()).await;
        let client = server.client().await;
        client.send("bob", c2c(ALICE), "hi").await;
        // Nobody else has it.
        client.delete("bob", [c2c(ALICE)]).await;
        let deletion = client.delete(ALICE, [c2c("bob")]).await.deletion_id;
        let store = store::connect(&config.database).await;
        Self {
            deletion,
            config,
            store: store.expect("the file is there"),
        }
    }

    /// A round of a process that has just been started on this machine; returns how many messages it has
    /// erased.
    async fn erased_on(&self, machine: &Machine) -> u64 {
        let (clock, schedule) = (machine.clock(), Schedule::of(&self.config.jobs));
        let round = jobs::run_due(&self.store, &clock, schedule).await;
        round.expect("the file is there").messages
    }
}

async fn sqlite() -> TestDatabase {
    let database = TestDatabase::create(Backend::Sqlite).await;
    database.expect("it is always there")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ahead_erases_nothing_before_the_time_has_passed() {
    let (database, machine) = (sqlite().await, Machine::started("once"));
    let stage = Stage::open(&database, &machine).await;
    machine.set(25 * HOUR);
    assert_eq!(stage.erased_on(&machine).await, 0);
    // Somebody sets it right again.
    machine.set(0);
    assert_eq!(stage.erased_on(&machine).await, 0);
    // The server may not have noticed yet; a new one has.
    let server = Assembled::with_clock(&stage.config, machine.clock()).await;
    let client = server.client().await;
    let restored = client.restored(ALICE, &stage.deletion).await;
    assert_eq!(restored, [RestorationOutcome::Restored]);
    client.delete(ALICE, [c2c("bob")]).await;

    machine.set(25 * HOUR);
    assert_eq!(stage.erased_on(&machine).await, 0);
    machine.sleep(23 * HOUR);
    assert_eq!(stage.erased_on(&machine).await, 0);
    machine.sleep(2 * HOUR);
    assert_eq!(stage.erased_on(&machine).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_process_notices_a_jump_by_itself() {
    let (database, machine) = (sqlite().await, Machine::started("once"));
    let stage = Stage::open(&database, &machine).await;
    let clock = machine.clock();
    let schedule = Schedule::of(&stage.config.jobs);
    let round = || async {
        let round = jobs::run_due(&stage.store, &clock, schedule).await;
        round.expect("the file is there").messages
    };
    assert_eq!(round().await, 0);
    machine.set(25 * HOUR);
    assert_eq!(round().await, 0);
    assert!(clock.held_back().as_secs().abs_diff(25 * 3600) < 10);
    machine.set(0);
    assert_eq!(round().await, 0);
    assert!(clock.held_back().as_secs() < 10);
    machine.sleep(25 * HOUR);
    assert_eq!(round().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_can_say_that_a_clock_that_has_jumped_is_right() {
    let (database, machine) = (sqlite().await, Machine::started("once"));
    let stage = Stage::open(&database, &machine).await;
    machine.set(25 * HOUR);
    let running = machine.clock();
    let schedule = Schedule::of(&stage.config.jobs);
    let round = jobs::run_due(&stage.store, &running, schedule).await;
    assert_eq!(round.expect("the file is there").messages, 0);
    stage
        .store
        .database()
        .trust_clock()
        .await
        .expect("the file is there");
    // It counts for a process that runs already, too.
    let round = jobs::run_due(&stage.store, &running, schedule).await;
    assert_eq!(round.expect("the file is there").messages, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_started_anew_believes_its_clock() {
    let (database, machine) = (sqlite().await, Machine::started("once"));
    let stage = Stage::open(&database, &machine).await;
    assert_eq!(stage.erased_on(&machine).await, 0);
    let again = Machine::started("again");
    again.set(25 * HOUR);
    assert_eq!(stage.erased_on(&again).await, 1);
}
