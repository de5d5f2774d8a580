//! `GetConversations`.

use super::{conversation, conversation_id};
use crate::{
    app::Found,
    domain::{Batch, ConversationId, UserId},
    grpc::violations::{InvalidRequest, Violations},
    proto::{GetConversationsRequest, GetConversationsResponse},
};

pub(crate) fn parse(
    request: GetConversationsRequest,
) -> Result<(UserId, Batch<ConversationId>), InvalidRequest> {
    let GetConversationsRequest {
        user_id,
        conversation_ids,
    } = request;
    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(&user_id));
    let ids = conversation_id::parse_batch(&conversation_ids, &mut violations);
    violations.finish(user.zip(ids))
}

pub(crate) fn render(found: Found) -> GetConversationsResponse {
    let Found {
        conversations,
        missing,
    } = found;
    GetConversationsResponse {
        conversations: conversations
            .into_iter()
            .map(conversation::render)
            .collect(),
        missing: missing.iter().map(conversation_id::render).collect(),
    }
}
