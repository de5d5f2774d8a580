//! Numbers that could be swapped by mistake, each with a type of its own.

use std::fmt;

/// The position of a message in its conversation: 1, 2, 3, … without gaps. 0 is "before the first".
///
/// At most `i64::MAX`, because that is what the databases hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(i64);

/// The number of changes a user has made: grows by one with each, without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(i64);

impl Seq {
    /// Before the first message.
    pub const ZERO: Self = Self(0);

    /// The position that a caller gave. One beyond what can exist means the highest that can.
    #[must_use]
    pub fn saturating(number: u64) -> Self {
        Self(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// A stored position; `None` if it is negative.
    #[must_use]
    pub fn from_stored(number: i64) -> Option<Self> {
        (number >= 0).then_some(Self(number))
    }

    /// As the databases hold it; never negative.
    #[must_use]
    pub const fn to_stored(self) -> i64 {
        self.0
    }

    /// As the protocol carries it.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.unsigned_abs()
    }

    /// The position after this one; the highest that can exist stays.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The position before this one; zero stays.
    #[must_use]
    pub fn previous(self) -> Self {
        Self((self.0 - 1).max(0))
    }
}

impl Revision {
    /// A stored revision; `None` if it is negative.
    #[must_use]
    pub fn from_stored(number: i64) -> Option<Self> {
        (number >= 0).then_some(Self(number))
    }

    /// As the databases hold it; never negative.
    #[must_use]
    pub const fn to_stored(self) -> i64 {
        self.0
    }

    /// As the protocol carries it.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.unsigned_abs()
    }

    /// The revision that a caller gave. One beyond what can exist means the highest that can.
    #[must_use]
    pub fn saturating(number: u64) -> Self {
        Self(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// The revision of the next change.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
