//! Identifiers that other systems choose: of users, groups, clients and their messages, the names that
//! users give their folders, and those that operators give the services that call this one.

use std::{fmt, marker::PhantomData, sync::Arc};

/// An identifier of one kind: UTF-8, compared byte for byte, without control characters and without
/// leading or trailing white space; 1 to 128 bytes, or as many as its kind allows.
///
/// `K` keeps identifiers of different kinds apart; cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id<K> {
    text: Arc<str>,
    kind: PhantomData<fn() -> K>,
}

/// A kind of thing that an [`Id`] can name.
pub trait Named {
    /// The most bytes an identifier of this kind may have.
    const MAX_BYTES: usize = 128;
}

/// Marks an [`Id`] as naming a user. Users are not registered: an ID exists once it is used.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum User {}

/// Marks an [`Id`] as naming a group chat.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {}

/// Marks an [`Id`] as naming one client (a device, a session) of a user.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Client {}

/// Marks an [`Id`] as a sending client's own name for a message.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OfMessage {}

/// Marks an [`Id`] as the type of a message's payload.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OfPayload {}

/// Marks an [`Id`] as the name that a user has given a folder, at most 32 bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OfFolder {}

/// Marks an [`Id`] as the name that the operator has given a service that calls this one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OfCaller {}

impl Named for User {}
impl Named for Group {}
impl Named for Client {}
impl Named for OfMessage {}
impl Named for OfPayload {}
impl Named for OfCaller {}
impl Named for OfFolder {
    const MAX_BYTES: usize = 32;
}

/// A user's ID.
pub type UserId = Id<User>;
/// A group chat's ID.
pub type GroupId = Id<Group>;
/// The ID of one of a user's clients.
pub type ClientId = Id<Client>;
/// A sending client's own name for a message, by which a retry is recognised.
pub type ClientMessageId = Id<OfMessage>;
/// The type of the bytes of a message's payload.
pub type PayloadType = Id<OfPayload>;
/// The name of a folder, which is its identity among its user's folders.
pub type FolderName = Id<OfFolder>;
/// The name of a service that calls this one, as the settings name it.
pub type CallerName = Id<OfCaller>;

/// Why a text is no identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    /// It has no bytes.
    Empty,
    /// It has more bytes than its kind allows.
    TooLong {
        /// The most bytes that are allowed.
        limit: usize,
    },
    /// It holds a control character.
    ControlCharacter,
    /// It begins or ends with white space.
    OuterWhiteSpace,
}

impl<K: Named> Id<K> {
    /// Takes `text` as an identifier.
    ///
    /// # Errors
    ///
    /// An [`IdError`] that says which rule it breaks.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if text.is_empty() {
            return Err(IdError::Empty);
        }
        if text.len() > K::MAX_BYTES {
            return Err(IdError::TooLong {
                limit: K::MAX_BYTES,
            });
        }
        if text.chars().any(char::is_control) {
            return Err(IdError::ControlCharacter);
        }
        if text.trim().len() != text.len() {
            return Err(IdError::OuterWhiteSpace);
        }
        Ok(Self {
            text: text.into(),
            kind: PhantomData,
        })
    }
}

impl<K> Id<K> {
    /// The identifier's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("must not be empty"),
            Self::TooLong { limit } => write!(f, "must be at most {limit} bytes long"),
            Self::ControlCharacter => f.write_str("must not contain control characters"),
            Self::OuterWhiteSpace => f.write_str("must not begin or end with white space"),
        }
    }
}

impl std::error::Error for IdError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_within_the_rules_is_an_id_and_keeps_its_bytes() {
        for text in [
            "a",
            "A|b[c]#d:e",
            "日本語",
            "🦀 crab",
            "e\u{301}",
            "C2C",
            &"x".repeat(128),
        ] {
            assert_eq!(
                UserId::new(text).map(|id| id.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn a_text_that_breaks_a_rule_is_refused_by_that_rule() {
        assert_eq!(UserId::new(""), Err(IdError::Empty));
        let too_long = IdError::TooLong { limit: 128 };
        assert_eq!(UserId::new(&"x".repeat(129)), Err(too_long));
        assert_eq!(UserId::new(&"é".repeat(65)), Err(too_long));
        let too_long = IdError::TooLong { limit: 32 };
        assert!(FolderName::new(&"x".repeat(32)).is_ok());
        assert_eq!(FolderName::new(&"é".repeat(17)), Err(too_long));
        for text in ["a\0b", "a\nb", "\u{7f}", "a\u{85}b"] {
            assert_eq!(
                UserId::new(text),
                Err(IdError::ControlCharacter),
                "{text:?}"
            );
        }
        for text in [" a", "a ", "\u{3000}a", "a\u{a0}", " "] {
            assert_eq!(UserId::new(text), Err(IdError::OuterWhiteSpace), "{text:?}");
        }
    }

    #[test]
    fn ids_are_compared_byte_for_byte() {
        assert_ne!(UserId::new("Bob"), UserId::new("bob"));
        assert_ne!(UserId::new("\u{e9}"), UserId::new("e\u{301}"));
    }
}
