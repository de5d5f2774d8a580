//! Messages and their bodies.

use super::{conversation_id, time};
use crate::{
    domain::{ClientMessageId, Message, MessageBody, PayloadType},
    grpc::violations::{Found, Violations},
    proto::{self, Payload, ViolationReason, message_body::Content},
};

/// The field `body`.
pub(super) fn parse_body(
    body: Option<proto::MessageBody>,
    violations: &mut Violations,
) -> Option<MessageBody> {
    match body.and_then(|proto::MessageBody { content }| content) {
        Some(Content::Text(text)) => {
            violations.check("body.text", MessageBody::new(None, text.into_bytes()))
        }
        Some(Content::Payload(Payload { r#type, data })) => {
            let name = violations.check("body.payload.type", PayloadType::new(&r#type));
            // Looked at even if the type is bad, so that every violation is named.
            let body = violations.check("body.payload", MessageBody::new(name.clone(), data))?;
            name.map(|_| body)
        }
        None => {
            let description = "must have one of text and payload set";
            violations.add("body", &Found(ViolationReason::Required, description));
            None
        }
    }
}

/// The field `client_message_id`, which may be empty.
pub(super) fn parse_client_message_id(
    id: &str,
    violations: &mut Violations,
) -> Option<ClientMessageId> {
    violations.optional("client_message_id", id, ClientMessageId::new)
}

pub(super) fn render(message: Message) -> proto::Message {
    let Message {
        conversation_id,
        seq,
        sender,
        send_time,
        body,
    } = message;
    proto::Message {
        conversation_id: Some(conversation_id::render(&conversation_id)),
        seq: seq.get(),
        sender_user_id: sender.map(|sender| sender.to_string()).unwrap_or_default(),
        send_time: Some(time::render(send_time)),
        body: Some(render_body(body)),
    }
}

fn render_body(body: MessageBody) -> proto::MessageBody {
    let (payload_type, content) = body.into_parts();
    let content = match payload_type {
        None => Content::Text(String::from_utf8_lossy(&content).into_owned()),
        Some(name) => Content::Payload(Payload {
            r#type: name.to_string(),
            data: content,
        }),
    };
    proto::MessageBody {
        content: Some(content),
    }
}
