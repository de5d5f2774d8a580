//! The marks that a user has put on a conversation.

/// A set of up to 64 marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Marks(u64);

/// One mark: exactly one of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark(u64);

impl Marks {
    /// The set with these bits.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits of the set.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether `mark` is in the set.
    #[must_use]
    pub const fn contain(self, mark: Mark) -> bool {
        self.0 & mark.0 != 0
    }
}

impl Mark {
    /// The mark with this bit; `None` unless exactly one bit is set.
    #[must_use]
    pub const fn from_bit(bit: u64) -> Option<Self> {
        if bit.is_power_of_two() {
            Some(Self(bit))
        } else {
            None
        }
    }
}
