//! `MuteConversations`.

use super::{change_result, conversation_id, origin};
use crate::{
    domain::{Batch, CallerName, Changed, ConversationId, Muting, Origin},
    grpc::violations::InvalidRequest,
    proto::{MuteConversationsRequest, MuteConversationsResponse},
};

pub(crate) fn parse(
    mut request: MuteConversationsRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, (Batch<ConversationId>, Muting)), InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let MuteConversationsRequest {
        user_id: _,
        conversation_ids,
        muted,
        request_id: _,
        client_id: _,
    } = request;
    let conversations = conversation_id::parse_batch(&conversation_ids, &mut violations);
    let muting = if muted { Muting::Mute } else { Muting::Unmute };
    let parsed = conversations.map(|conversations| (conversations, muting));
    let parsed = asker.asking(parsed, |(conversations, _), meaning| {
        meaning.conversations(conversations);
        meaning.flag(muted);
    });
    violations.finish(parsed)
}

pub(crate) fn render(changed: Changed) -> MuteConversationsResponse {
    let (results, revision) = change_result::render_all(changed);
    MuteConversationsResponse { results, revision }
}
