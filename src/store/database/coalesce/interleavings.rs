//! The coalescer under a scheduler that tries thousands of orders of its steps, where the normal runtime shows only
//! a few. The scheduler reports a lost request as a deadlock.
//!
//! The source of the coalescer is compiled a second time with the scheduler's primitives: once with correct ones,
//! and once with a mistake in them, which the scheduler has to find.

mod mistaken;
mod right;
mod shuttled;

use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::{Config, FailurePersistence, Runner, scheduler::RandomScheduler};

/// How many orders are tried of each scenario.
const ORDERS: usize = 2000;
/// Where the dice begin: a failure comes again.
const SEED: u64 = 20_261_128;

fn explore(scenario: fn()) {
    let mut config = Config::new();
    config.failure_persistence = FailurePersistence::None;
    let scheduler = RandomScheduler::new_from_seed(SEED, ORDERS);
    Runner::new(scheduler, config).run(scenario);
}

#[test]
fn everybody_is_answered_once_in_whatever_order_things_happen() {
    explore(right::scenario::everybody_waits);
}

#[test]
fn those_who_give_up_take_nobody_elses_answer_along() {
    explore(right::scenario::some_give_up);
}

#[test]
fn a_refusal_of_one_is_no_refusal_of_those_that_ran_with_it() {
    explore(right::scenario::one_is_refused);
}

#[test]
fn a_turn_that_is_lost_is_found() {
    for scenario in [
        mistaken::scenario::everybody_waits,
        mistaken::scenario::some_give_up,
        mistaken::scenario::one_is_refused,
    ] {
        let found = catch_unwind(AssertUnwindSafe(|| explore(scenario)));
        let message = found.expect_err("somebody waits for ever");
        let message = message.downcast_ref::<String>().cloned();
        assert!(message.unwrap_or_default().contains("deadlock"));
    }
}
