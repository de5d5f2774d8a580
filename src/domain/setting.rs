//! The settings of conversations that a user changes, and the results of such a change.

use std::fmt;

use super::{ConversationId, Marks, Revision, Seq};

/// Whether conversations are to be pinned to the top of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pinning {
    /// They are.
    Pin,
    /// They are not.
    Unpin,
}

/// Whether conversations are to be left out of unread totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Muting {
    /// They are.
    Mute,
    /// They are not.
    Unmute,
}

/// The product's own data on a list entry: at most 256 bytes; none is the same as empty.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct CustomData(Vec<u8>);

/// Data of more than 256 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CustomDataError;

/// The outcome of a change for one conversation. Every outcome is a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOutcome {
    /// It is now as asked, and was not before.
    Changed,
    /// It was as asked already.
    Unchanged,
    /// The user never had it.
    NotFound,
    /// It is deleted at present, so it cannot be pinned.
    NotListed,
}

/// The result of a change. A retry gets the same value, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<T = ()> {
    /// For each conversation, in the order of the request, what happened and how it stands since.
    pub conversations: Vec<(ConversationId, ChangeOutcome, T)>,
    /// The user's revision that the change made.
    pub revision: Revision,
}

/// The most conversations that one request reads, so that its answer and its event have a bound.
pub const MAX_READ: usize = 1000;

/// The result of a reading. A retry gets the same value, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadingChanged {
    /// How far each conversation is read.
    pub changed: Changed<Seq>,
    /// Whether others can be read further, of those that the request asked for.
    pub more: bool,
}
/// The result of a change of marks: all the marks of each conversation.
pub type MarksChanged = Changed<Marks>;

impl CustomData {
    /// The most bytes.
    pub const MAX_BYTES: usize = 256;

    /// Takes `bytes` as data.
    ///
    /// # Errors
    ///
    /// A [`CustomDataError`] when they are too many.
    pub fn new(bytes: Vec<u8>) -> Result<Self, CustomDataError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(CustomDataError);
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The size, and never the content, which is the product's business.
impl fmt::Debug for CustomData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CustomData({} bytes)", self.0.len())
    }
}

impl fmt::Display for CustomDataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "must be at most {} bytes long", CustomData::MAX_BYTES)
    }
}

impl std::error::Error for CustomDataError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_data_has_at_most_256_bytes_and_does_not_tell_them() {
        let data = CustomData::new(vec![b'x'; 256]).expect("not too many");
        assert_eq!(format!("{data:?}"), "CustomData(256 bytes)");
        assert_eq!(CustomData::new(vec![0; 257]), Err(CustomDataError));
    }
}
