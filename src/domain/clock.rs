//! Points in time, and their source.
//!
//! All times that are stored or promised come from the database's clock, so replicas agree even if their own
//! clocks are wrong. A [`Clock`] estimates that time between two answers of the database: see [`Estimate`].

mod estimate;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use estimate::{Estimate, micros};

pub use estimate::{JUMP, Micros, Told};

/// How far this machine's wall clock and the database's may be apart before nothing is erased any more
/// and the server does not count as ready: one of the two is wrong, and it is not known which. It is less
/// than time zones differ by, so that a clock that was set to local time is noticed, and little beside
/// the 24 hours in which a deletion can be undone by default.
pub const MOST_SKEW: Duration = Duration::from_mins(30);

/// A point in time: microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Where the service learns the time. Passed in, so that tests can turn it by hand.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    Database(Arc<DatabaseClock>),
    Manual(ManualClock),
}

struct DatabaseClock {
    machine: Box<dyn Fn() -> Readings + Send + Sync>,
    boot_id: Option<String>,
    estimate: Estimate,
}

/// The times that the clocks of this machine show, read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readings {
    /// The time of day, as far as this machine knows it.
    pub wall: Timestamp,
    /// The time since some moment. Nobody sets this clock, and it goes on while the machine sleeps.
    pub steady: Timestamp,
}

/// When the database was asked for its time, by the steady clock.
#[derive(Debug, Clone, Copy)]
pub struct Asked(Timestamp);

/// A clock that stands still until it is turned.
#[derive(Clone, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl Timestamp {
    /// From microseconds since the Unix epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This much earlier; the beginning of time at least.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// This much later; the end of time at most.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

impl Clock {
    /// The database's clock. `machine` reads this machine's; `boot_id` names the time since the machine was
    /// started, if it has a name. Until [`Clock::told`] for the first time, the database's clock counts as
    /// this machine's.
    #[must_use]
    pub fn of_database(
        boot_id: Option<String>,
        machine: impl Fn() -> Readings + Send + Sync + 'static,
    ) -> Self {
        let estimate = Estimate::new(machine());
        Self(Source::Database(Arc::new(DatabaseClock {
            machine: Box::new(machine),
            boot_id,
            estimate,
        })))
    }

    /// Whether it is the database's clock, and not one that is turned by hand.
    #[must_use]
    pub const fn follows_database(&self) -> bool {
        matches!(self.0, Source::Database(_))
    }

    /// Names the time since the machine was started.
    #[must_use]
    pub fn boot_id(&self) -> Option<&str> {
        match &self.0 {
            Source::Database(clock) => clock.boot_id.as_deref(),
            Source::Manual(_) => None,
        }
    }

    /// The time now. It may go backward when the database's clock is set, or another database takes over.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Database(clock) => clock.estimate.at((clock.machine)().steady),
            Source::Manual(clock) => Timestamp(clock.0.load(Ordering::SeqCst)),
        }
    }

    /// The time that this machine's wall clock shows.
    #[must_use]
    pub fn wall(&self) -> Timestamp {
        match &self.0 {
            Source::Database(clock) => (clock.machine)().wall,
            Source::Manual(_) => self.now(),
        }
    }

    /// Taken before the database is asked for its time.
    #[must_use]
    pub fn ask(&self) -> Asked {
        match &self.0 {
            Source::Database(clock) => Asked((clock.machine)().steady),
            Source::Manual(_) => Asked(self.now()),
        }
    }

    /// The database has just answered that its clock shows `time`. A clock that is turned by hand does not
    /// care.
    pub fn told(&self, Asked(asked): Asked, time: Timestamp) -> Told {
        match &self.0 {
            Source::Database(clock) => {
                let answered = (clock.machine)().steady;
                clock.estimate.tell(asked, time, answered)
            }
            Source::Manual(_) => Told::Expected,
        }
    }

    /// How far this machine's wall clock is ahead of the database's.
    #[must_use]
    pub fn skew(&self) -> Micros {
        match &self.0 {
            Source::Database(clock) => {
                let Readings { wall, steady } = (clock.machine)();
                wall.0.saturating_sub(clock.estimate.at(steady).0)
            }
            Source::Manual(_) => 0,
        }
    }

    /// Whether this machine's wall clock and the database's are close enough to be both believed: see
    /// [`MOST_SKEW`].
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.skew().unsigned_abs() <= micros(MOST_SKEW).unsigned_abs()
    }

    /// How far the time that certainly has passed is behind the database's clock, because that has jumped
    /// ahead.
    #[must_use]
    pub fn held_back(&self) -> Duration {
        match &self.0 {
            Source::Database(clock) => {
                let held = clock.estimate.ahead() - clock.estimate.cautious();
                Duration::from_micros(held.unsigned_abs())
            }
            Source::Manual(_) => Duration::ZERO,
        }
    }

    /// How far the database's clock was ahead of the steady one before it jumped ahead. `None` for a clock
    /// that is turned by hand.
    #[must_use]
    pub fn cautious(&self) -> Option<Micros> {
        match &self.0 {
            Source::Database(clock) => Some(clock.estimate.cautious()),
            Source::Manual(_) => None,
        }
    }

    /// Sets what [`Clock::cautious`] gives, as far as the database's clock is not behind it.
    pub fn set_cautious(&self, ahead: Micros) {
        if let Source::Database(clock) = &self.0 {
            clock.estimate.set_cautious(ahead);
        }
    }
}

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }

    /// The clock to hand to the service.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock(Source::Manual(self.clone()))
    }

    /// Moves the time forward.
    pub fn advance(&self, duration: Duration) {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// Sets the time, backward too.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.0, Ordering::SeqCst);
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            Source::Database(_) => "database",
            Source::Manual(_) => "manual",
        };
        write!(f, "Clock({name}, {})", self.now().0)
    }
}
