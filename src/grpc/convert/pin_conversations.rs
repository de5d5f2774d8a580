//! `PinConversations`.

use super::{change_result, conversation_id, origin};
use crate::{
    domain::{Batch, CallerName, Changed, ConversationId, Origin, Pinning},
    grpc::violations::InvalidRequest,
    proto::{PinConversationsRequest, PinConversationsResponse},
};

pub(crate) fn parse(
    mut request: PinConversationsRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, (Batch<ConversationId>, Pinning)), InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let PinConversationsRequest {
        user_id: _,
        conversation_ids,
        pinned,
        request_id: _,
        client_id: _,
    } = request;
    let conversations = conversation_id::parse_batch(&conversation_ids, &mut violations);
    let pinning = if pinned { Pinning::Pin } else { Pinning::Unpin };
    let parsed = conversations.map(|conversations| (conversations, pinning));
    let parsed = asker.asking(parsed, |(conversations, _), meaning| {
        meaning.conversations(conversations);
        meaning.flag(pinned);
    });
    violations.finish(parsed)
}

pub(crate) fn render(changed: Changed) -> PinConversationsResponse {
    let (results, revision) = change_result::render_all(changed);
    PinConversationsResponse { results, revision }
}
