//! The marks that a user has put on a conversation.

use std::fmt;

/// A set of up to 64 marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Marks(u64);

/// One mark: exactly one of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark(u64);

/// Marks to put on and to take off: at least one, and none that is both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkChange {
    /// To put on.
    pub add: Marks,
    /// To take off.
    pub remove: Marks,
}

/// Why bits are no marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarksError {
    /// A bit from 4 to 31, which names no mark.
    Unknown,
    /// Not exactly one bit where one mark is asked for.
    NotOne,
    /// Neither a mark to put on nor one to take off.
    Nothing,
    /// A mark to put on and to take off.
    Both,
}

impl Marks {
    /// Star, unread, fold and hide; and the product's own, from bit 32 on.
    const KNOWN: u64 = 0xffff_ffff_0000_000f;

    /// The set that a caller gave.
    ///
    /// # Errors
    ///
    /// [`MarksError::Unknown`] when a bit of it names no mark.
    pub const fn new(bits: u64) -> Result<Self, MarksError> {
        if bits & !Self::KNOWN == 0 {
            Ok(Self(bits))
        } else {
            Err(MarksError::Unknown)
        }
    }

    /// A stored set.
    #[must_use]
    pub const fn from_stored(bits: i64) -> Self {
        Self(bits.cast_unsigned())
    }

    /// As the databases hold it.
    #[must_use]
    pub const fn to_stored(self) -> i64 {
        self.0.cast_signed()
    }

    /// The bits of the set.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

impl Mark {
    /// The mark with this bit.
    ///
    /// # Errors
    ///
    /// A [`MarksError`] when it is not one bit, or names no mark.
    pub const fn new(bit: u64) -> Result<Self, MarksError> {
        if !bit.is_power_of_two() {
            return Err(MarksError::NotOne);
        }
        match Marks::new(bit) {
            Ok(Marks(bit)) => Ok(Self(bit)),
            Err(error) => Err(error),
        }
    }

    /// The set of this mark alone.
    #[must_use]
    pub const fn alone(self) -> Marks {
        Marks(self.0)
    }
}

impl MarkChange {
    /// Puts the marks `add` on and takes the marks `remove` off.
    ///
    /// # Errors
    ///
    /// A [`MarksError`] when there is no mark at all, or one in both.
    pub const fn new(add: Marks, remove: Marks) -> Result<Self, MarksError> {
        if add.0 | remove.0 == 0 {
            Err(MarksError::Nothing)
        } else if add.0 & remove.0 != 0 {
            Err(MarksError::Both)
        } else {
            Ok(Self { add, remove })
        }
    }
}

impl fmt::Display for MarksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => {
                "must have no bits but star 1, unread 2, fold 4, hide 8 and bits 32 to 63"
            }
            Self::NotOne => "must be one bit",
            Self::Nothing => "must not be empty when remove_marks is",
            Self::Both => "must have no mark that remove_marks has",
        })
    }
}

impl std::error::Error for MarksError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_bits_and_the_products_own_are_marks() {
        for bits in [0, 1, 2, 4, 8, 15, 1 << 32, 1 << 63, u64::MAX << 32] {
            assert_eq!(Marks::new(bits).map(Marks::bits), Ok(bits));
        }
        for bits in [16, 1 << 31, 17, u64::MAX] {
            assert_eq!(Marks::new(bits), Err(MarksError::Unknown), "{bits}");
        }
        assert_eq!(Mark::new(3), Err(MarksError::NotOne));
        assert_eq!(Mark::new(0), Err(MarksError::NotOne));
        assert_eq!(Mark::new(16), Err(MarksError::Unknown));
    }

    #[test]
    fn a_change_of_marks_changes_something_and_only_one_way() {
        let (star, hide) = (Marks(1), Marks(8));
        assert!(MarkChange::new(star, hide).is_ok());
        assert_eq!(
            MarkChange::new(Marks(0), Marks(0)),
            Err(MarksError::Nothing)
        );
        assert_eq!(MarkChange::new(star, Marks(9)), Err(MarksError::Both));
    }

    #[test]
    fn the_highest_mark_survives_being_stored() {
        let marks = Marks(1 << 63 | 1);
        assert_eq!(Marks::from_stored(marks.to_stored()), marks);
    }
}
