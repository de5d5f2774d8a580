//! A queue of users that wait until the client has read what was sent before.
//!
//! Only the time counts for which the client has kept entries waiting. A slow database, or many other users in
//! front, make nobody late.

use std::{collections::VecDeque, time::Duration};

/// Those that wait, in their order.
#[derive(Debug)]
pub(super) struct Line<T> {
    waiting: VecDeque<(T, Moment)>,
    patience: Duration,
    now: Moment,
}

/// How long the client has kept entries waiting until then, in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(Duration);

impl<T> Line<T> {
    pub(super) const fn new(patience: Duration) -> Self {
        Self {
            waiting: VecDeque::new(),
            patience,
            now: Moment(Duration::ZERO),
        }
    }

    /// Waits from now on, behind all others.
    pub(super) fn push(&mut self, one: T) {
        self.waiting.push_back((one, self.now));
    }

    /// The client has kept an entry waiting for so long.
    pub(super) fn waited(&mut self, time: Duration) {
        self.now.0 += time;
    }

    pub(super) const fn now(&self) -> Moment {
        self.now
    }

    /// The one whose turn it is, and since when it has waited.
    pub(super) fn next(&mut self) -> Option<(T, Moment)> {
        self.waiting.pop_front()
    }

    /// Whether the client has kept one waiting for too long that waits since then.
    pub(super) fn is_too_long(&self, since: Moment) -> bool {
        self.now.0.saturating_sub(since.0) > self.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// The one whose turn it is, and whether it has waited for too long.
    fn next(line: &mut Line<u8>) -> Option<(u8, bool)> {
        let (one, since) = line.next()?;
        Some((one, line.is_too_long(since)))
    }

    #[test]
    fn those_that_wait_come_in_their_order() {
        let mut line = Line::new(PATIENCE);
        for one in 1..=3 {
            line.push(one);
        }
        assert_eq!(next(&mut line), Some((1, false)));
        line.push(1);
        for one in [2, 3, 1] {
            assert_eq!(next(&mut line), Some((one, false)));
        }
        assert_eq!(next(&mut line), None);
    }

    #[test]
    fn one_that_the_client_has_kept_waiting_for_too_long_is_late_and_the_others_are_not() {
        let mut line = Line::new(PATIENCE);
        line.push(1);
        line.waited(PATIENCE / 2);
        line.push(2);
        line.waited(PATIENCE / 2);
        line.push(3);
        line.waited(Duration::from_millis(1));
        for expected in [(1, true), (2, false), (3, false)] {
            assert_eq!(next(&mut line), Some(expected));
        }
    }
}
