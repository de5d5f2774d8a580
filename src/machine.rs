//! This machine's own clocks.
//!
//! Only two things read the wall clock of the machine: SQLite, whose clock it is, and the comparison with
//! the database's clock. The time of everything else is [`Clock::now`].

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::domain::{Clock, Readings, Timestamp};

/// It goes on while the machine sleeps. Where there is no such clock, waking up counts as a jump.
#[cfg(any(target_os = "linux", target_os = "android"))]
const STEADY: ClockId = ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const STEADY: ClockId = ClockId::Monotonic;

/// Names the time since the machine was started, where the system has a name for it.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The database's clock, carried on by this machine's.
#[must_use]
pub fn clock() -> Clock {
    Clock::of_database(boot_id(), readings)
}

/// The times that the machine's clocks show.
fn readings() -> Readings {
    Readings {
        wall: wall(),
        steady: steady(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
fn wall() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
}

fn steady() -> Timestamp {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(STEADY);
    Timestamp::from_micros(tv_sec * 1_000_000 + tv_nsec / 1_000)
}

/// Identifies the boot of this machine. Readings of the steady clock can be compared only within one boot. `None`
/// where there is no such ID.
fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string(BOOT_ID).ok()?;
    let id = id.trim();
    (!id.is_empty()).then(|| id.to_owned())
}
