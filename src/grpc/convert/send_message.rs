//! `SendMessage`.

use super::{conversation_id, message};
use crate::{
    app::{Recipient, SendMessage},
    domain::{ConversationId, Message, UserId},
    grpc::violations::{Found, InvalidRequest, Violations},
    proto::{self, SendMessageRequest, SendMessageResponse, ViolationReason},
};

pub(crate) fn parse(request: SendMessageRequest) -> Result<SendMessage, InvalidRequest> {
    let SendMessageRequest {
        sender_user_id,
        conversation_id,
        body,
        client_message_id,
    } = request;
    let mut violations = Violations::default();
    let sender = violations.check("sender_user_id", UserId::new(&sender_user_id));
    let id = conversation_id::parse("conversation_id", conversation_id.as_ref(), &mut violations);
    let recipient = id.and_then(|id| recipient(id, conversation_id.as_ref(), &mut violations));
    let body = message::parse_body(body, &mut violations);
    let client_message_id = message::parse_client_message_id(&client_message_id, &mut violations);
    let parsed = sender.zip(recipient).zip(body);
    let parsed = parsed.map(|((sender, recipient), body)| SendMessage {
        sender,
        recipient,
        body,
        client_message_id,
    });
    violations.finish(parsed)
}

fn recipient(
    id: ConversationId,
    named: Option<&proto::ConversationId>,
    violations: &mut Violations,
) -> Option<Recipient> {
    match id {
        ConversationId::C2c(user) => Some(Recipient::User(user)),
        ConversationId::Group(group) => Some(Recipient::Group(group)),
        ConversationId::System => {
            let description = "no user can send to it; SendSystemMessage does";
            violations.add(
                conversation_id::path_of_system("conversation_id", named),
                &Found(ViolationReason::NotAllowed, description),
            );
            None
        }
    }
}

pub(crate) fn render(message: Message) -> SendMessageResponse {
    SendMessageResponse {
        message: Some(message::render(message)),
    }
}
