//! Repeated log lines: the first of a kind is written, and the others are counted.
//!
//! A peer that can cause one line can cause a million. The first line and a count say as much as all of them. So
//! within an interval only the first is written, and a count at its end. The number of kinds is bounded, too,
//! because a kind includes the address of a peer.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long lines are counted before the count is written.
pub(crate) const INTERVAL: Duration = Duration::from_secs(10);

/// The most kinds that are distinguished within an interval.
const MOST_KINDS: usize = 256;

/// The kinds that have been seen in the present interval.
#[derive(Debug)]
pub(crate) struct Repeats<K>(Mutex<Seen<K>>);

#[derive(Debug)]
struct Seen<K> {
    /// How often each kind has come after its first line.
    kinds: HashMap<K, u64>,
    others: u64,
}

/// The lines that were counted in an interval, and not written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counted<K> {
    /// Of each kind that came more than once.
    pub(crate) kinds: Vec<(K, u64)>,
    /// Of all those that were too many to be distinguished.
    pub(crate) others: u64,
}

impl<K: Eq + Hash> Repeats<K> {
    /// Whether the line is the first of its kind and is to be written. It is counted if not.
    pub(crate) fn is_first(&self, kind: K) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = seen.kinds.get_mut(&kind) {
            *count += 1;
            return false;
        }
        if seen.kinds.len() == MOST_KINDS {
            seen.others += 1;
            return false;
        }
        seen.kinds.insert(kind, 0);
        true
    }

    /// Ends the interval and begins the next one.
    pub(crate) fn take(&self) -> Counted<K> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { kinds, others } = std::mem::take(&mut *seen);
        drop(seen);
        let repeated = kinds.into_iter().filter(|(_, count)| *count > 0);
        Counted {
            kinds: repeated.collect(),
            others,
        }
    }
}

impl<K> Default for Repeats<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K> Default for Seen<K> {
    fn default() -> Self {
        Self {
            kinds: HashMap::new(),
            others: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_kind_is_written_and_the_others_are_counted_until_the_interval_ends() {
        let repeats = Repeats::default();
        let mut written = Vec::new();
        for kind in ["a", "b", "a", "a"] {
            if repeats.is_first(kind) {
                written.push(kind);
            }
        }
        assert_eq!(written, ["a", "b"]);
        let counted = Counted {
            kinds: vec![("a", 2)],
            others: 0,
        };
        assert_eq!(repeats.take(), counted);
        assert!(repeats.is_first("a"), "a new interval");
    }

    #[test]
    fn kinds_without_end_are_counted_together() {
        let repeats = Repeats::default();
        let written = (0..100_000).filter(|kind| repeats.is_first(*kind)).count();
        assert_eq!(written, MOST_KINDS);
        let counted = repeats.take();
        assert_eq!(counted.kinds, []);
        assert_eq!(counted.others, 100_000 - 256);
    }
}
