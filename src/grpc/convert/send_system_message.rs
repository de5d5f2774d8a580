//! `SendSystemMessage`.

use super::{batch, message};
use crate::{
    app::SendSystemMessage,
    domain::Message,
    grpc::violations::{InvalidRequest, Violations},
    proto::{SendSystemMessageRequest, SendSystemMessageResponse},
};

pub(crate) fn parse(
    request: SendSystemMessageRequest,
) -> Result<SendSystemMessage, InvalidRequest> {
    let SendSystemMessageRequest {
        user_ids,
        body,
        client_message_id,
    } = request;
    let mut violations = Violations::default();
    let users = batch::users("user_ids", &user_ids, &mut violations);
    let body = message::parse_body(body, &mut violations);
    let client_message_id = message::parse_client_message_id(&client_message_id, &mut violations);
    let parsed = users.zip(body);
    let parsed = parsed.map(|(users, body)| SendSystemMessage {
        users,
        body,
        client_message_id,
    });
    violations.finish(parsed)
}

pub(crate) fn render(messages: Vec<Message>) -> SendSystemMessageResponse {
    SendSystemMessageResponse {
        messages: messages.into_iter().map(message::render).collect(),
    }
}
