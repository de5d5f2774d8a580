//! The key under which the rows of a conversation stand.

use std::fmt;

use ring::digest::{SHA256, digest};
use uuid::Uuid;

use crate::domain::{CanonicalId, ConversationId, UserId};

/// 16 bytes that stand for a conversation: the first half of the SHA-256 of its canonical ID.
///
/// It is computed, never looked up, and every primary key of a conversation's tables begins with it.
/// The row of the conversation's head keeps the canonical ID itself, and every use compares the two,
/// so a collision would be an error and never a conversation shared by mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConversationKey([u8; Self::BYTES]);

impl ConversationKey {
    const BYTES: usize = 16;

    /// The key of what `user` calls `id`.
    pub(crate) fn of(id: &ConversationId, user: &UserId) -> Self {
        (&id.canonical(user)).into()
    }

    /// The key of this text form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_key = is_hex && text.len() == 2 * Self::BYTES;
        let number = is_key.then(|| u128::from_str_radix(text, 16).ok())?;
        number.map(|number| Self(number.to_be_bytes()))
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        self.0.to_vec()
    }

    pub(super) const fn to_uuid(self) -> Uuid {
        Uuid::from_bytes(self.0)
    }

    pub(super) fn from_stored(bytes: &[u8]) -> Option<Self> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_parses_back_from_its_text_form() {
        let key = ConversationKey([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 254, 255]);
        assert_eq!(ConversationKey::parse(&key.to_string()), Some(key));
        for text in ["", "00", "+0000000000000000000000000000001", "x"] {
            assert_eq!(ConversationKey::parse(text), None, "{text:?}");
        }
    }
}
