//! `MuteConversations`.

use super::{change_result, conversation_id, origin};
use crate::{
    domain::{Batch, CallerName, Changed, ConversationId, Muting, Origin},
    grpc::violations::{InvalidRequest, Violations},
    proto::{MuteConversationsRequest, MuteConversationsResponse},
};

pub(crate) fn parse(
    mut request: MuteConversationsRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, Batch<ConversationId>, Muting), InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let MuteConversationsRequest {
        user_id,
        conversation_ids,
        muted,
        request_id: _,
        client_id,
    } = &request;

    let mut violations = Violations::default();
    let asker = origin::parse(
        "MuteConversations",
        user_id,
        client_id,
        &request_id,
        &request,
        caller,
        &mut violations,
    );
    let conversations = conversation_id::parse_batch(conversation_ids, &mut violations);
    let muting = if *muted { Muting::Mute } else { Muting::Unmute };
    let parsed = asker.zip(conversations);
    violations.finish(parsed.map(|(asker, conversations)| {
        let origin = asker.asking(|meaning| {
            meaning.conversations(&conversations);
            meaning.flag(*muted);
        });
        (origin, conversations, muting)
    }))
}

pub(crate) fn render(changed: Changed) -> MuteConversationsResponse {
    let (results, revision) = change_result::render_all(changed);
    MuteConversationsResponse { results, revision }
}
