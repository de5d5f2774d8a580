//! Random operations on several replicas, which are sometimes restarted, also with other settings. There are only a few
//! users, so their operations often meet. After each operation the service must show what the model shows.
//!
//! The sequence of [`Step`]s is random, so a failure is shrunk to a short one. The seed is
//! fixed and stands in every failure, so that a run can be repeated; `TEST_SEED` sets another one and `TEST_OPERATIONS` the least
//! number of operations.

mod fault;
mod filter;
mod folders;
mod matching;
mod operation;
pub(crate) mod requests;
mod settings;
mod together;
mod world;

use std::{cell::Cell, env, str::FromStr};

use proptest::{
    collection::vec,
    strategy::Strategy,
    test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner},
};
use tokio::runtime::Runtime;

use crate::support::databases::{Backend, TestDatabase};
use operation::Step;
use world::World;

/// Where randomness begins, if `TEST_SEED` does not say otherwise.
const SEED: u64 = 20_231_114;

/// How many operations a run does at least, if `TEST_OPERATIONS` does not say otherwise.
const OPERATIONS: usize = 3_000;

/// How many steps a case has at most; on average it has half as many.
const LONGEST_CASE: usize = 1_200;

/// How many steps are dropped at a time, at first, when a failure is shrunk.
const PART: usize = 24;

/// How long a failure is shrunk.
const SHRINKING_MILLISECONDS: u32 = 120_000;

#[test]
fn random_operations_leave_what_the_model_says_on_sqlite() {
    run(Backend::Sqlite);
}

#[test]
fn random_operations_leave_what_the_model_says_on_postgres() {
    run(Backend::Postgres);
}

fn run(backend: Backend) {
    let seed = setting("TEST_SEED", SEED);
    let enough = setting("TEST_OPERATIONS", OPERATIONS);
    let mut runner = TestRunner::new(Config {
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_time: SHRINKING_MILLISECONDS,
        ..Config::default()
    });
    let strategy = steps();
    let runtime = Runtime::new().expect("a runtime can be started");

    let done = Cell::new(0);
    while done.get() < enough {
        let case = strategy
            .new_tree(&mut runner)
            .expect("nothing is filtered out");
        let outcome = runner.run_one(case, |steps| {
            done.set(done.get() + steps.len());
            // A database that is not there has been reported; there is nothing to do then.
            let skipped = runtime.block_on(take(backend, &steps))?;
            done.set(if skipped { enough } else { done.get() });
            Ok(())
        });
        match outcome {
            Ok(_) => {}
            Err(TestError::Fail(difference, steps)) => {
                let steps: Vec<String> = steps.iter().map(|step| format!("  {step:?}\n")).collect();
                panic!("TEST_SEED={seed}: {difference}\nafter:\n{}", steps.concat());
            }
            Err(TestError::Abort(why)) => panic!("TEST_SEED={seed}: {why}"),
        }
    }
}

/// The steps of a case. Their number and their division into parts only serve to shrink a failure
/// quickly: first what comes after it goes, by halves, then whole parts, then single steps.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let parts = vec(
        vec(operation::step(), 0..=PART),
        0..=4 * LONGEST_CASE / PART,
    );
    (1..=LONGEST_CASE, parts).prop_map(|(length, parts)| {
        let mut steps = parts.concat();
        steps.truncate(length);
        steps
    })
}

/// Takes the steps in a new world; returns whether there was no database for it.
async fn take(backend: Backend, steps: &[Step]) -> Result<bool, TestCaseError> {
    let Some(database) = TestDatabase::create(backend).await else {
        return Ok(true);
    };
    let mut world = World::new(database).await;
    for (number, step) in steps.iter().enumerate() {
        let taken = world.take(step).await;
        taken.map_err(|difference| {
            TestCaseError::fail(format!("step {} ({step:?}): {difference}", number + 1))
        })?;
    }
    world.end().await.map_err(TestCaseError::fail)?;
    Ok(false)
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is no setting of the service"
)]
fn setting<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).map_or(default, |value| {
        let value = value.parse().ok();
        value.unwrap_or_else(|| panic!("{name} is not a number"))
    })
}
