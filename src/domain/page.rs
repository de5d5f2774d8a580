//! How much of a list is asked for, and given, at once.

use std::fmt;

/// The number of items of a page: 1 to 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize(u16);

/// A page size that is negative or above 500.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSizeError;

/// The most bytes of messages' bodies in one page. Clients of gRPC take answers of up to 4 MiB unless
/// they are told otherwise; what else there is of 500 items takes less than 1 MiB.
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

    /// The size that a request asks for; 0 asks for 50.
    ///
    /// # Errors
    ///
    /// A [`PageSizeError`] when it is negative or above 500.
    pub fn new(size: i32) -> Result<Self, PageSizeError> {
        match u16::try_from(size) {
            Ok(0) => Ok(Self(Self::DEFAULT)),
            Ok(size @ 1..=Self::MAX) => Ok(Self(size)),
            _ => Err(PageSizeError),
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
        write!(f, "must be between 0 and {}", PageSize::MAX)
    }
}

impl std::error::Error for PageSizeError {}
