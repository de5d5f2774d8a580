//! The sizes of pages.

use std::fmt;

/// The number of items of a page: 1 to 500, or 1 to 100 deletions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u16);

/// A page size that is negative or above the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSizeError {
    /// The most.
    pub limit: u16,
}

/// The most bytes of messages' bodies in one page. By default, gRPC clients accept answers of up to 4 MiB. Without
/// the bodies, 500 items take less than 1 MiB.
const MOST_BODY_BYTES: usize = 3 * 1024 * 1024;

/// How many of the items fit into a page, by the bytes of their bodies, in order.
pub fn fitting(bodies: impl IntoIterator<Item = usize>) -> usize {
    let mut sum = 0;
    let fits = |bytes: &usize| {
        sum += bytes;
        sum <= MOST_BODY_BYTES
    };
    bodies.into_iter().take_while(fits).count()
}

impl PageSize {
    const DEFAULT: u16 = 50;
    /// The most items of a page.
    pub const MAX: u16 = 500;
    const DEFAULT_OF_DELETIONS: u16 = 20;
    /// The most deletions of a page.
    pub const MAX_OF_DELETIONS: u16 = 100;

    /// The size that a request asks for; 0 asks for 50.
    ///
    /// # Errors
    ///
    /// A [`PageSizeError`] when it is negative or above 500.
    pub fn new(size: i32) -> Result<Self, PageSizeError> {
        Self::within(size, Self::DEFAULT, Self::MAX)
    }

    /// The size that a request for deletions asks for; 0 asks for 20.
    ///
    /// # Errors
    ///
    /// A [`PageSizeError`] when it is negative or above 100.
    pub fn of_deletions(size: i32) -> Result<Self, PageSizeError> {
        Self::within(size, Self::DEFAULT_OF_DELETIONS, Self::MAX_OF_DELETIONS)
    }

    fn within(size: i32, default: u16, limit: u16) -> Result<Self, PageSizeError> {
        match u16::try_from(size) {
            Ok(0) => Ok(Self(default)),
            Ok(size) if size <= limit => Ok(Self(size)),
            _ => Err(PageSizeError { limit }),
        }
    }

    /// The number of items.
    #[must_use]
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for PageSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be between 0 and {}", self.limit)
    }
}

impl std::error::Error for PageSizeError {}
