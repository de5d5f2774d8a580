//! Machines whose clocks are wrong: callers do not notice, and nothing is erased too early.
//!
//! - [`replicas`]: several replicas with clocks of their own on one PostgreSQL, whose clock counts;
//! - [`jumps`]: the clock of the machine that keeps SQLite's file is set while it is used.

mod jumps;
mod replicas;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use conversation_service::{
    domain::{Clock, Readings, Timestamp},
    machine,
};

/// An hour, in microseconds.
pub(crate) const HOUR: i64 = 3_600_000_000;

/// The clocks of a machine of a test's own: the time of day can be set, the steady clock cannot.
#[derive(Clone)]
pub(crate) struct Machine {
    boot_id: &'static str,
    /// How far its wall clock is ahead of the real time, in microseconds.
    wrong_by: Arc<AtomicI64>,
    /// How much time has passed on it that has not really passed.
    slept: Arc<AtomicI64>,
}

impl Machine {
    fn started(boot_id: &'static str) -> Self {
        Self {
            boot_id,
            wrong_by: Arc::default(),
            slept: Arc::default(),
        }
    }

    /// One whose wall clock is ahead by so much.
    pub(crate) fn ahead_by(micros: i64) -> Self {
        let machine = Self::started("of a test");
        machine.set(micros);
        machine
    }

    /// Sets its wall clock so far ahead of the real time.
    fn set(&self, wrong_by: i64) {
        self.wrong_by.store(wrong_by, Ordering::SeqCst);
    }

    /// Lets time pass, on both of its clocks.
    fn sleep(&self, micros: i64) {
        self.slept.fetch_add(micros, Ordering::SeqCst);
    }

    /// The clock of a process on this machine.
    pub(crate) fn clock(&self) -> Clock {
        let machine = self.clone();
        let real = machine::clock();
        Clock::of_database(Some(self.boot_id.to_owned()), move || {
            let later = |time: i64, by: &AtomicI64| time + by.load(Ordering::SeqCst);
            let passed = later(real.wall().as_micros(), &machine.slept);
            Readings {
                wall: Timestamp::from_micros(later(passed, &machine.wrong_by)),
                steady: Timestamp::from_micros(passed),
            }
        })
    }
}
