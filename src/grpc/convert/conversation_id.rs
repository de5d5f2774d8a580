//! Typed conversation IDs.

use std::fmt;

use super::batch::batch;
use crate::{
    domain::{Batch, ConversationId, GroupId, UserId},
    grpc::violations::{Found, Violations},
    proto::{self, SystemConversation, ViolationReason, conversation_id::Id},
};

pub(super) fn parse(
    path: impl fmt::Display,
    id: Option<&proto::ConversationId>,
    violations: &mut Violations,
) -> Option<ConversationId> {
    match id.and_then(|proto::ConversationId { id }| id.as_ref()) {
        Some(Id::C2cUserId(user)) => violations
            .check(format_args!("{path}.c2c_user_id"), UserId::new(user))
            .map(ConversationId::C2c),
        Some(Id::GroupId(group)) => violations
            .check(format_args!("{path}.group_id"), GroupId::new(group))
            .map(ConversationId::Group),
        Some(Id::System(SystemConversation {})) => Some(ConversationId::System),
        Some(Id::Text(text)) => violations.check(format_args!("{path}.text"), text.parse()),
        None => {
            let description = "must have one of c2c_user_id, group_id, system and text set";
            violations.add(path, &Found(ViolationReason::Required, description));
            None
        }
    }
}

/// The path of the field by which the request names the system conversation.
pub(super) fn path_of_system(path: &str, id: Option<&proto::ConversationId>) -> String {
    let field = match id.and_then(|id| id.id.as_ref()) {
        Some(Id::Text(_)) => "text",
        _ => "system",
    };
    format!("{path}.{field}")
}

/// The field `conversation_ids`.
pub(super) fn parse_batch(
    ids: &[proto::ConversationId],
    violations: &mut Violations,
) -> Option<Batch<ConversationId>> {
    batch(
        "conversation_ids",
        ids,
        violations,
        |path, id, violations| parse(path, Some(id), violations),
    )
}

pub(super) fn render(id: &ConversationId) -> proto::ConversationId {
    let id = match id {
        ConversationId::C2c(user) => Id::C2cUserId(user.as_str().to_owned()),
        ConversationId::Group(group) => Id::GroupId(group.as_str().to_owned()),
        ConversationId::System => Id::System(SystemConversation {}),
    };
    proto::ConversationId { id: Some(id) }
}
