//! The typed ID of a conversation, its text form, and the form that all its members share.

use std::{fmt, str::FromStr};

use super::{GroupId, IdError, UserId};

const C2C_PREFIX: &str = "C2C";
const GROUP_PREFIX: &str = "GROUP";
const SYSTEM: &str = "@TIM#SYSTEM";

/// Separates the parts of a [`CanonicalId`]. A control character, so no ID can hold it.
const SEPARATOR: &str = "\n";

/// A conversation, as one user sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConversationId {
    /// A one-to-one chat with this user, who may be the user themself.
    C2c(UserId),
    /// This group chat.
    Group(GroupId),
    /// The user's own system notifications.
    System,
}

/// The kind of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConversationKind {
    /// One-to-one.
    C2c,
    /// A group.
    Group,
    /// System notifications.
    System,
}

/// A conversation as all its members share it: the same for both sides of a one-to-one chat, and
/// different for each user's system conversation.
///
/// It is one text, so that it can be stored and hashed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CanonicalId(String);

/// The users who have a view of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parties {
    /// Both sides of a one-to-one chat, who may be the same user, or the owner of a system conversation.
    These(Vec<UserId>),
    /// Everybody who is or was a member of the group, which its ID does not say.
    Members,
}

/// Why a text is not the text form of a conversation ID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationIdError {
    /// It begins with none of the known prefixes.
    UnknownForm,
    /// The ID after the prefix is not valid.
    Id(IdError),
}

impl ConversationId {
    /// The bytes of the ID that it holds.
    #[must_use]
    pub fn name_bytes(&self) -> usize {
        match self {
            Self::C2c(user) => user.as_str().len(),
            Self::Group(group) => group.as_str().len(),
            Self::System => 0,
        }
    }

    /// The kind of this conversation.
    #[must_use]
    pub const fn kind(&self) -> ConversationKind {
        match self {
            Self::C2c(_) => ConversationKind::C2c,
            Self::Group(_) => ConversationKind::Group,
            Self::System => ConversationKind::System,
        }
    }

    /// The conversation that `user` means by this ID.
    #[must_use]
    pub fn canonical(&self, user: &UserId) -> CanonicalId {
        match self {
            Self::C2c(other) => {
                let (first, second) = if user <= other {
                    (user, other)
                } else {
                    (other, user)
                };
                CanonicalId::of_parts(&[C2C_PREFIX, first.as_str(), second.as_str()])
            }
            Self::Group(group) => CanonicalId::of_group(group),
            Self::System => CanonicalId::of_parts(&[SYSTEM, user.as_str()]),
        }
    }
}

impl CanonicalId {
    /// A group chat, which is the same for all its members.
    #[must_use]
    pub fn of_group(group: &GroupId) -> Self {
        Self::of_parts(&[GROUP_PREFIX, group.as_str()])
    }

    fn of_parts(parts: &[&str]) -> Self {
        Self(parts.join(SEPARATOR))
    }

    /// Takes a stored text for what it is. [`CanonicalId::seen_by`] finds out whether it parses.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text to store or hash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }

    /// The users who have a view of this conversation; `None` if the text is malformed.
    #[must_use]
    pub fn parties(&self) -> Option<Parties> {
        let mut parts = self.0.split(SEPARATOR);
        let (prefix, first) = (parts.next()?, parts.next()?);
        if prefix == GROUP_PREFIX {
            let group = GroupId::new(first).ok()?;
            return (Self::of_group(&group) == *self).then_some(Parties::Members);
        }
        let first = UserId::new(first).ok()?;
        self.seen_by(&first)?;
        let mut users = vec![first];
        for second in parts {
            let second = UserId::new(second).ok()?;
            if !users.contains(&second) {
                users.push(second);
            }
        }
        Some(Parties::These(users))
    }

    /// How `user` sees this conversation; `None` if the text is malformed or the user is no side of
    /// it.
    #[must_use]
    pub fn seen_by(&self, user: &UserId) -> Option<ConversationId> {
        let mut parts = self.0.split(SEPARATOR);
        let (prefix, first, second) = (parts.next()?, parts.next()?, parts.next());
        if parts.next().is_some() {
            return None;
        }
        let id = match (prefix, second) {
            (C2C_PREFIX, Some(second)) => {
                let other = if first == user.as_str() {
                    second
                } else {
                    first
                };
                ConversationId::C2c(UserId::new(other).ok()?)
            }
            (GROUP_PREFIX, None) => ConversationId::Group(GroupId::new(first).ok()?),
            (SYSTEM, None) => ConversationId::System,
            _ => return None,
        };
        (id.canonical(user) == *self).then_some(id)
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::C2c(user) => write!(f, "{C2C_PREFIX}{user}"),
            Self::Group(group) => write!(f, "{GROUP_PREFIX}{group}"),
            Self::System => f.write_str(SYSTEM),
        }
    }
}

impl FromStr for ConversationId {
    type Err = ConversationIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == SYSTEM {
            Ok(Self::System)
        } else if let Some(user) = text.strip_prefix(C2C_PREFIX) {
            Ok(Self::C2c(UserId::new(user)?))
        } else if let Some(group) = text.strip_prefix(GROUP_PREFIX) {
            Ok(Self::Group(GroupId::new(group)?))
        } else {
            Err(ConversationIdError::UnknownForm)
        }
    }
}

impl From<IdError> for ConversationIdError {
    fn from(error: IdError) -> Self {
        Self::Id(error)
    }
}

impl fmt::Display for ConversationIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownForm => {
                write!(
                    f,
                    "must be {C2C_PREFIX}<user id>, {GROUP_PREFIX}<group id> or {SYSTEM}"
                )
            }
            Self::Id(error) => write!(f, "the ID after the prefix {error}"),
        }
    }
}

impl std::error::Error for ConversationIdError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str) -> UserId {
        UserId::new(text).expect("a valid user ID")
    }

    #[test]
    fn the_text_form_parses_back_to_the_same_id() {
        for text in [
            "C2Cbob",
            "GROUPrust|ub[ntu",
            "@TIM#SYSTEM",
            "C2CGROUPx",
            "GROUPC2C",
            "C2C@TIM#SYSTEM",
        ] {
            assert_eq!(
                text.parse::<ConversationId>().map(|id| id.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn other_texts_are_no_conversation_ids() {
        for text in ["C2C", "GROUP", "c2cX", "X", "", "@TIM#SYSTEMx", "groupx"] {
            assert!(text.parse::<ConversationId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn both_sides_of_a_chat_share_one_canonical_id() {
        let (alice, bob) = (user("alice"), user("bob"));
        let shared = ConversationId::C2c(bob.clone()).canonical(&alice);
        assert_eq!(shared, ConversationId::C2c(alice.clone()).canonical(&bob));
        assert_eq!(
            shared.seen_by(&alice),
            Some(ConversationId::C2c(bob.clone()))
        );
        assert_eq!(
            shared.seen_by(&bob),
            Some(ConversationId::C2c(alice.clone()))
        );
        assert_eq!(shared.seen_by(&user("carol")), None);
        assert_eq!(shared.parties(), Some(Parties::These(vec![alice, bob])));
    }

    #[test]
    fn the_parties_of_a_group_are_its_members() {
        let group = CanonicalId::of_group(&GroupId::new("crew").expect("a valid group ID"));
        assert_eq!(group.parties(), Some(Parties::Members));
    }

    #[test]
    fn a_chat_with_oneself_has_a_canonical_id_too() {
        let alice = user("alice");
        let own = ConversationId::C2c(alice.clone());
        let canonical = own.canonical(&alice);
        assert_eq!(canonical.seen_by(&alice), Some(own));
        assert_eq!(canonical.parties(), Some(Parties::These(vec![alice])));
    }

    #[test]
    fn system_conversations_of_two_users_differ() {
        let (alice, bob) = (user("alice"), user("bob"));
        let of_alice = ConversationId::System.canonical(&alice);
        assert_ne!(of_alice, ConversationId::System.canonical(&bob));
        assert_eq!(of_alice.seen_by(&alice), Some(ConversationId::System));
        assert_eq!(of_alice.seen_by(&bob), None);
        assert_eq!(of_alice.parties(), Some(Parties::These(vec![alice])));
    }

    #[test]
    fn a_malformed_stored_text_is_seen_by_nobody() {
        for text in [
            "",
            "C2C",
            "C2C\na",
            "C2C\nb\na",
            "C2C\na\nb\nc",
            "GROUP\n",
            "GROUP\na\nb",
            "X\na",
        ] {
            let stored = CanonicalId::from_stored(text.to_owned());
            assert_eq!(stored.seen_by(&user("a")), None, "{text:?}");
            assert_eq!(stored.parties(), None, "{text:?}");
        }
    }
}
