//! The service's clock, turned by hand. The only place where the tests touch the clock's own API.

use std::time::Duration;

use conversation_service::{
    domain::{Clock, ManualClock, Timestamp},
    machine,
};

/// 2023-11-14 22:13:20 UTC: where the tests' time begins.
const START_MICROS: i64 = 1_700_000_000_000_000;

/// A clock that stands still until it is turned. Its clones show the same time, so that several
/// servers can share it.
#[derive(Clone)]
pub(crate) struct TestClock(ManualClock);

impl TestClock {
    /// A clock that shows the start of the tests' time.
    pub(crate) fn new() -> Self {
        Self(ManualClock::new(Timestamp::from_micros(START_MICROS)))
    }

    /// A clock that shows the present, as that of a process does.
    pub(crate) fn at_present() -> Self {
        Self(ManualClock::new(machine::clock().now()))
    }

    /// The clock that a server is given to read the time from.
    pub(crate) fn clock(&self) -> Clock {
        self.0.clock()
    }

    /// The time that it shows.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock().now()
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, time: Duration) {
        self.0.advance(time);
    }

    /// Sets the time back, as happens to a machine whose clock was wrong.
    pub(crate) fn set_back(&self, time: Duration) {
        let now = self.0.clock().now().as_micros();
        let micros = i64::try_from(time.as_micros()).expect("a test sets it back a little");
        self.0.set(Timestamp::from_micros(now - micros));
    }
}
