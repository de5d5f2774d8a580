//! Short ways to write conversation IDs and message bodies.

use conversation_service::proto::{
    ConversationId, MessageBody, SystemConversation, conversation_id::Id, message_body::Content,
};

/// The one-to-one chat with `user`.
pub(crate) fn c2c(user: impl Into<String>) -> ConversationId {
    ConversationId {
        id: Some(Id::C2cUserId(user.into())),
    }
}

/// The group chat `group`.
pub(crate) fn group(group: impl Into<String>) -> ConversationId {
    ConversationId {
        id: Some(Id::GroupId(group.into())),
    }
}

/// The user's system notifications.
pub(crate) fn system() -> ConversationId {
    ConversationId {
        id: Some(Id::System(SystemConversation {})),
    }
}

/// The same ID in its text form.
pub(crate) fn by_text(id: &ConversationId) -> ConversationId {
    ConversationId {
        id: Some(Id::Text(id.to_string())),
    }
}

/// A message body of plain text.
pub(crate) fn text(text: impl Into<String>) -> MessageBody {
    MessageBody {
        content: Some(Content::Text(text.into())),
    }
}
