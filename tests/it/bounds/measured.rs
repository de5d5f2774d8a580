//! The sizes of the answers of each method.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

/// The largest answer of each method, in bytes.
#[derive(Default)]
pub(super) struct Measured(BTreeMap<&'static str, usize>);

impl Measured {
    /// Measures an answer of this method.
    pub(super) fn answer(&mut self, method: &'static str, answer: &impl Message) {
        let largest = self.0.entry(method).or_default();
        *largest = answer.encoded_len().max(*largest);
    }

    /// The methods that were measured.
    pub(super) fn methods(&self) -> BTreeSet<String> {
        self.0.keys().map(ToString::to_string).collect()
    }

    /// The size of the largest answer of a method.
    pub(super) fn size(&self, method: &str) -> usize {
        self.0.get(method).copied().unwrap_or_default()
    }

    /// The same of all.
    pub(super) fn sizes(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.0.iter().map(|(method, size)| (*method, *size))
    }
}
