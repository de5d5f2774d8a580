//! The key under which the rows of a conversation stand.

use std::fmt;

use ring::digest::{SHA256, digest};

use super::{CanonicalId, ConversationId, UserId};

/// 16 bytes that stand for a conversation: the first half of the SHA-256 of its canonical ID.
///
/// It is computed, never looked up, and every primary key of a conversation's tables begins with it.
/// The row of the conversation's head keeps the canonical ID itself, and every use compares the two,
/// so a collision would be an error and never a conversation shared by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationKey([u8; Self::BYTES]);

impl ConversationKey {
    const BYTES: usize = 16;

    /// The key of what `user` calls `id`.
    #[must_use]
    pub fn of(id: &ConversationId, user: &UserId) -> Self {
        (&id.canonical(user)).into()
    }

    /// Of these bytes, whatever they are.
    #[must_use]
    pub const fn of_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(self) -> [u8; Self::BYTES] {
        self.0
    }

    /// The bytes, as they are stored.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// From what is stored; `None` if that is not as long as a key.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl From<&CanonicalId> for ConversationKey {
    fn from(id: &CanonicalId) -> Self {
        let hash = digest(&SHA256, id.as_str().as_bytes());
        let mut key = [0; Self::BYTES];
        key.copy_from_slice(&hash.as_ref()[..Self::BYTES]);
        Self(key)
    }
}

/// Hexadecimal.
impl fmt::Display for ConversationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}
