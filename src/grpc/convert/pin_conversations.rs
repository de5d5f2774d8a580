//! `PinConversations`.

use super::{change_result, conversation_id, origin};
use crate::{
    domain::{Batch, CallerName, Changed, ConversationId, Origin, Pinning},
    grpc::violations::{InvalidRequest, Violations},
    proto::{PinConversationsRequest, PinConversationsResponse},
};

pub(crate) fn parse(
    mut request: PinConversationsRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, Batch<ConversationId>, Pinning), InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let PinConversationsRequest {
        user_id,
        conversation_ids,
        pinned,
        request_id: _,
        client_id,
    } = &request;

    let mut violations = Violations::default();
    let asker = origin::parse(
        "PinConversations",
        user_id,
        client_id,
        &request_id,
        &request,
        caller,
        &mut violations,
    );
    let conversations = conversation_id::parse_batch(conversation_ids, &mut violations);
    let pinning = if *pinned {
        Pinning::Pin
    } else {
        Pinning::Unpin
    };
    let parsed = asker.zip(conversations);
    violations.finish(parsed.map(|(asker, conversations)| {
        let origin = asker.asking(|meaning| {
            meaning.conversations(&conversations);
            meaning.flag(*pinned);
        });
        (origin, conversations, pinning)
    }))
}

pub(crate) fn render(changed: Changed) -> PinConversationsResponse {
    let (results, revision) = change_result::render_all(changed);
    PinConversationsResponse { results, revision }
}
