//! The database's time, as this process knows it between two answers.
//!
//! An answer says what the database's clock showed at some moment between asking and being answered. In
//! between, the time is carried on by the machine's steady clock, which nobody sets. So the wall clock
//! of this machine has no part in it, and to know the time costs nothing.
//!
//! An answer bounds the distance between the two clocks from both sides. The estimate moves only as far
//! as it must to lie within these bounds: a slow answer, whose bounds are wide, does not disturb it. It
//! is off by at most the time that the quickest recent answer took.
//!
//! Erased messages cannot be brought back, so erasing goes by a second estimate, which does not follow
//! the database's clock where that jumps ahead by more than [`JUMP`]: it goes on with the time that has
//! passed since before the jump ([`Estimate::cautious`]). It follows a jump back at once.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use super::{Readings, Timestamp};

/// Clocks that are kept at the right time are moved by seconds at most. A larger move is a jump: a clock
/// was set, or the database is on another machine now.
pub const JUMP: Duration = Duration::from_mins(1);

/// A distance of two clocks, in microseconds; positive if the first is ahead of the second.
pub type Micros = i64;

/// How far the database's clock is ahead of this machine's steady one.
#[derive(Debug)]
pub(super) struct Estimate {
    ahead: AtomicI64,
    /// The same, but for jumps ahead. Never above `ahead`.
    cautious: AtomicI64,
    /// Whether the database has answered; held while an answer is worked in.
    is_told: Mutex<bool>,
}

/// The effect of an answer on the estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The time is as it was expected, or this is the first answer.
    Expected,
    /// The database's clock has jumped by so much.
    Jumped(Micros),
}

impl Estimate {
    /// Until the database has answered, its clock counts as this machine's.
    pub(super) fn new(Readings { wall, steady }: Readings) -> Self {
        let ahead = wall.0.saturating_sub(steady.0);
        Self {
            ahead: AtomicI64::new(ahead),
            cautious: AtomicI64::new(ahead),
            is_told: Mutex::new(false),
        }
    }

    /// The database's time when the steady clock shows `steady`.
    pub(super) fn at(&self, steady: Timestamp) -> Timestamp {
        Timestamp(steady.0.saturating_add(self.ahead()))
    }

    /// How far the database's clock is ahead of the steady one.
    pub(super) fn ahead(&self) -> Micros {
        self.ahead.load(Ordering::SeqCst)
    }

    /// The same as far as it is certain that so much time has passed.
    pub(super) fn cautious(&self) -> Micros {
        self.cautious.load(Ordering::SeqCst)
    }

    /// The database has answered that its clock shows `time`.
    pub(super) fn tell(&self, asked: Timestamp, time: Timestamp, answered: Timestamp) -> Told {
        let mut is_told = self.is_told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.ahead();
        let least = time.0.saturating_sub(answered.0);
        let most = time.0.saturating_sub(asked.0).max(least);
        let is_first = !std::mem::replace(&mut *is_told, true);
        let ahead = if is_first {
            least
        } else {
            before.clamp(least, most)
        };
        let moved = ahead.saturating_sub(before);
        let has_jumped = !is_first && moved.unsigned_abs() > micros(JUMP).unsigned_abs();
        let cautious = if is_first {
            ahead
        } else if has_jumped {
            self.cautious().min(ahead)
        } else {
            self.cautious().saturating_add(moved)
        };
        self.ahead.store(ahead, Ordering::SeqCst);
        self.cautious.store(cautious, Ordering::SeqCst);
        if has_jumped {
            Told::Jumped(moved)
        } else {
            Told::Expected
        }
    }

    /// Goes by this distance for what is erased, if the database's clock is not behind it.
    pub(super) fn set_cautious(&self, cautious: Micros) {
        let _is_told = self.is_told.lock().unwrap_or_else(PoisonError::into_inner);
        self.cautious
            .store(cautious.min(self.ahead()), Ordering::SeqCst);
    }
}

/// A duration as a distance.
pub(super) fn micros(duration: Duration) -> Micros {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const HOUR: i64 = 3600 * SECOND;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    /// An estimate that was told, at 0 of the steady clock, that the database's shows `time`.
    fn told(time: i64) -> Estimate {
        let estimate = Estimate::new(Readings {
            wall: at(-5 * HOUR),
            steady: at(0),
        });
        assert_eq!(estimate.tell(at(0), at(time), at(0)), Told::Expected);
        estimate
    }

    #[test]
    fn the_first_answer_counts_whatever_the_wall_clock_shows() {
        let estimate = told(1000 * HOUR);
        assert_eq!(estimate.at(at(7 * SECOND)), at(1000 * HOUR + 7 * SECOND));
        assert_eq!(estimate.cautious(), estimate.ahead());
    }

    #[test]
    fn a_slow_answer_does_not_disturb_what_is_known() {
        let estimate = told(HOUR);
        // The database has looked at its clock at some moment of these three seconds.
        estimate.tell(at(10 * SECOND), at(HOUR + 10 * SECOND), at(13 * SECOND));
        estimate.tell(at(20 * SECOND), at(HOUR + 23 * SECOND), at(23 * SECOND));
        assert_eq!(estimate.ahead(), HOUR);
    }

    #[test]
    fn an_answer_that_contradicts_moves_the_time_only_as_far_as_it_must() {
        let estimate = told(HOUR);
        estimate.tell(at(10 * SECOND), at(HOUR + 9 * SECOND), at(11 * SECOND));
        assert_eq!(estimate.ahead(), HOUR - SECOND);
        estimate.tell(at(20 * SECOND), at(HOUR + 22 * SECOND), at(21 * SECOND));
        assert_eq!(estimate.ahead(), HOUR + SECOND);
        assert_eq!(estimate.cautious(), HOUR + SECOND);
    }

    #[test]
    fn what_is_erased_does_not_follow_a_jump_ahead_and_goes_on_with_the_time_that_passes() {
        let estimate = told(HOUR);
        let jump = 25 * HOUR;
        let told = estimate.tell(at(SECOND), at(HOUR + SECOND + jump), at(SECOND));
        assert_eq!(told, Told::Jumped(jump));
        assert_eq!(estimate.at(at(SECOND)), at(HOUR + SECOND + jump));
        assert_eq!(estimate.cautious(), HOUR);
        // Small corrections of the clock are followed.
        estimate.tell(at(SECOND), at(HOUR + 3 * SECOND + jump), at(SECOND));
        assert_eq!(estimate.cautious(), HOUR + 2 * SECOND);
        // Somebody sets the clock right again.
        estimate.tell(at(SECOND), at(HOUR + SECOND), at(SECOND));
        assert_eq!(estimate.ahead(), HOUR);
        assert_eq!(estimate.cautious(), HOUR);
    }

    #[test]
    fn a_jump_back_is_followed_at_once_and_the_way_ahead_again_is_not() {
        let estimate = told(10 * HOUR);
        let told = estimate.tell(at(0), at(8 * HOUR), at(0));
        assert_eq!(told, Told::Jumped(-2 * HOUR));
        assert_eq!(estimate.cautious(), 8 * HOUR);
        estimate.tell(at(0), at(10 * HOUR), at(0));
        assert_eq!(estimate.ahead(), 10 * HOUR);
        assert_eq!(estimate.cautious(), 8 * HOUR);
    }

    #[test]
    fn a_clock_that_is_said_to_be_right_is_followed_as_far_as_it_goes() {
        let estimate = told(HOUR);
        estimate.tell(at(0), at(26 * HOUR), at(0));
        estimate.set_cautious(i64::MAX);
        assert_eq!(estimate.cautious(), 26 * HOUR);
    }
}
