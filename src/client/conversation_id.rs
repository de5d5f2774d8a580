//! Short ways to write the ID of a conversation, and its text form.

use std::{fmt, str::FromStr};

use crate::{
    domain::{self, ConversationIdError, GroupId, UserId},
    proto::{ConversationId, SystemConversation, conversation_id::Id},
};

impl ConversationId {
    /// The one-to-one chat with a user.
    pub fn c2c(user_id: impl Into<String>) -> Self {
        Self {
            id: Some(Id::C2cUserId(user_id.into())),
        }
    }

    /// A group chat.
    pub fn group(group_id: impl Into<String>) -> Self {
        Self {
            id: Some(Id::GroupId(group_id.into())),
        }
    }

    /// The user's own system notifications.
    pub const fn system() -> Self {
        Self {
            id: Some(Id::System(SystemConversation {})),
        }
    }
}

/// From the text form: `C2C<user ID>`, `GROUP<group ID>` or `@TIM#SYSTEM`.
impl FromStr for ConversationId {
    type Err = ConversationIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse()? {
            domain::ConversationId::C2c(user) => Self::c2c(user.as_str()),
            domain::ConversationId::Group(group) => Self::group(group.as_str()),
            domain::ConversationId::System => Self::system(),
        })
    }
}

/// The text form. An ID that is not valid, and so never came from the service, has none.
impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = match &self.id {
            Some(Id::C2cUserId(user)) => UserId::new(user).ok().map(domain::ConversationId::C2c),
            Some(Id::GroupId(group)) => GroupId::new(group).ok().map(domain::ConversationId::Group),
            Some(Id::System(SystemConversation {})) => Some(domain::ConversationId::System),
            Some(Id::Text(text)) => text.parse().ok(),
            None => None,
        };
        match id {
            Some(id) => id.fmt(f),
            None => f.write_str("(not a conversation ID)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_leads_back_to_the_id() {
        for (text, id) in [
            ("C2Cbob", ConversationId::c2c("bob")),
            ("GROUPlunch", ConversationId::group("lunch")),
            ("@TIM#SYSTEM", ConversationId::system()),
        ] {
            assert_eq!(text.parse(), Ok(id.clone()));
            assert_eq!(id.to_string(), text);
        }
        assert!("bob".parse::<ConversationId>().is_err());
        assert!("C2C".parse::<ConversationId>().is_err());
    }

    #[test]
    fn what_is_no_id_has_no_text_form() {
        for id in [ConversationId::default(), ConversationId::c2c("a\nb")] {
            assert_eq!(id.to_string(), "(not a conversation ID)");
        }
    }
}
