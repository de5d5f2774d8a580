//! Storing a system message for several users.

use super::{App, AppError};
use crate::{
    domain::{Batch, ClientMessageId, ConversationId, Message, MessageBody, UserId},
    store::{Append, Audience},
};

/// Asks for a system message to be stored.
#[derive(Debug)]
pub struct SendSystemMessage {
    /// The recipients.
    pub users: Batch<UserId>,
    /// The content.
    pub body: MessageBody,
    /// The ID by which a retry is recognised, for each user.
    pub client_message_id: Option<ClientMessageId>,
}

/// Stores a message in the system conversation of each user and returns each of them, in order.
///
/// # Errors
///
/// [`AppError::ClientMessageIdReused`], or that the database failed.
pub async fn send_system_message(
    app: &App,
    request: SendSystemMessage,
) -> Result<Vec<Message>, AppError> {
    let SendSystemMessage {
        users,
        body,
        client_message_id,
    } = request;
    let append = Append {
        to: Audience::System { owners: users },
        body: body.clone(),
        client_message_id,
    };
    let appended = app.store.messages().append(append, &app.clock).await?;
    Ok(appended
        .into_iter()
        .map(|appended| Message {
            conversation_id: ConversationId::System,
            seq: appended.seq,
            sender: None,
            send_time: appended.send_time,
            body: body.clone(),
        })
        .collect())
}
