//! Storing a message of a user.

use super::{App, AppError};
use crate::{
    domain::{ClientMessageId, ConversationId, GroupId, Message, MessageBody, UserId},
    store::{Append, Audience},
};

/// Asks for a message to be stored.
#[derive(Debug)]
pub struct SendMessage {
    /// The user who sends it.
    pub sender: UserId,
    /// The recipient.
    pub recipient: Recipient,
    /// The content.
    pub body: MessageBody,
    /// The ID by which a retry is recognised.
    pub client_message_id: Option<ClientMessageId>,
}

/// The recipient of a user's message.
#[derive(Debug, Clone)]
pub enum Recipient {
    /// A user.
    User(UserId),
    /// The members of a group.
    Group(GroupId),
}

/// Stores a message and returns it as its sender sees it.
///
/// # Errors
///
/// [`AppError::NotAGroupMember`], [`AppError::ClientMessageIdReused`], or that the database failed.
pub async fn send_message(app: &App, request: SendMessage) -> Result<Message, AppError> {
    let SendMessage {
        sender,
        recipient,
        body,
        client_message_id,
    } = request;
    let to = match recipient.clone() {
        Recipient::User(recipient) => Audience::C2c {
            sender: sender.clone(),
            recipient,
        },
        Recipient::Group(group) => Audience::Group {
            sender: sender.clone(),
            group,
        },
    };
    let append = Append {
        to,
        body: body.clone(),
        client_message_id,
    };
    let appended = app.store.messages().append_one(append, &app.clock).await?;
    Ok(Message {
        conversation_id: match recipient {
            Recipient::User(user) => ConversationId::C2c(user),
            Recipient::Group(group) => ConversationId::Group(group),
        },
        seq: appended.seq,
        sender: Some(sender),
        send_time: appended.send_time,
        body,
    })
}
