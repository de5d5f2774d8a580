//! Randomness from a seed that is printed, so that a failing test says what it did.

use std::env;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// A source of random numbers.
pub(crate) struct Dice(StdRng);

impl Dice {
    /// From a seed, which a failing test shows.
    #[expect(
        clippy::print_stdout,
        reason = "the harness shows it when the test fails"
    )]
    pub(crate) fn new(seed: u64) -> Self {
        println!("dice from seed {seed}");
        Self(StdRng::seed_from_u64(seed))
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.random_range(0..bound)
    }

    /// One of these.
    pub(crate) fn one_of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.0.random_range(0..items.len())]
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Where randomness begins: at `usual`, if `TEST_SEED` does not say otherwise. A failing test shows it.
#[expect(
    clippy::print_stdout,
    reason = "the harness shows it when the test fails"
)]
pub(crate) fn seed(usual: u64) -> u64 {
    let seed =
        env::var("TEST_SEED").map_or(usual, |seed| seed.parse().expect("TEST_SEED is a number"));
    println!("TEST_SEED={seed}");
    seed
}

/// A number that the environment sets, or else the usual one.
pub(crate) fn number(name: &str, usual: usize) -> usize {
    env::var(name).map_or(usual, |number| {
        let number = number.parse().ok();
        number.unwrap_or_else(|| panic!("{name} is not a number"))
    })
}

/// A text that the environment sets, or else an empty one.
pub(crate) fn words(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
