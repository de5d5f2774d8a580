//! The 1 to 100 distinct things that one request is about.

use std::{collections::HashSet, fmt, hash::Hash, ops::Deref};

/// 1 to 100 distinct items, in the order of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch<T>(Vec<T>);

/// Why items are no [`Batch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchError {
    /// There is none.
    Empty,
    /// There are more than 100.
    TooMany,
    /// One stands there twice.
    Duplicate,
}

impl Batch<()> {
    /// The most items of any batch.
    pub const MAX: usize = 100;
}

impl<T: Eq + Hash> Batch<T> {
    /// Takes `items` as a batch.
    ///
    /// # Errors
    ///
    /// A [`BatchError`] when there are none, too many, or two that are equal.
    pub fn new(items: Vec<T>) -> Result<Self, BatchError> {
        if items.is_empty() {
            return Err(BatchError::Empty);
        }
        if items.len() > Batch::MAX {
            return Err(BatchError::TooMany);
        }
        let mut seen = HashSet::with_capacity(items.len());
        if !items.iter().all(|item| seen.insert(item)) {
            return Err(BatchError::Duplicate);
        }
        Ok(Self(items))
    }
}

impl<T> Deref for Batch<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> IntoIterator for Batch<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Batch<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::TooMany => write!(f, "must have at most {} items", Batch::MAX),
            Self::Duplicate => f.write_str("must not repeat an item"),
        }
    }
}

impl std::error::Error for BatchError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_between_one_and_a_hundred_distinct_items() {
        assert_eq!(Batch::<u32>::new(vec![]), Err(BatchError::Empty));
        assert_eq!(
            Batch::new((0..101).collect::<Vec<u32>>()),
            Err(BatchError::TooMany)
        );
        assert_eq!(Batch::new(vec![1, 2, 1]), Err(BatchError::Duplicate));
        assert_eq!(
            Batch::new((0..100).collect::<Vec<u32>>()).map(|batch| batch.len()),
            Ok(100)
        );
    }
}
