//! Logs an event at most once per interval, so that frequent events do not fill the log.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::metrics::Stopwatch;

/// How long nothing is said again.
const LULL: Duration = Duration::from_secs(10);

/// When something was said last.
#[derive(Debug, Default)]
pub(crate) struct Lull(Mutex<Option<Stopwatch>>);

impl Lull {
    /// Whether it may be said, which begins the next lull.
    pub(crate) fn is_over(&self) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_some_and(|said| said.elapsed() < LULL) {
            return false;
        }
        *said = Some(Stopwatch::start());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_said_once_in_a_while() {
        let lull = Lull::default();
        assert!(lull.is_over());
        assert!(!lull.is_over());
    }
}
