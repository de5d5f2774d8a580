//! `SetCustomData`.

use super::{change_result, conversation_id, origin};
use crate::{
    domain::{Batch, CallerName, Changed, ConversationId, CustomData, Origin},
    grpc::violations::InvalidRequest,
    proto::{SetCustomDataRequest, SetCustomDataResponse},
};

pub(crate) fn parse(
    mut request: SetCustomDataRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, (Batch<ConversationId>, CustomData)), InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let SetCustomDataRequest {
        user_id: _,
        conversation_ids,
        custom_data,
        request_id: _,
        client_id: _,
    } = request;
    let conversations = conversation_id::parse_batch(&conversation_ids, &mut violations);
    let data = violations.check("custom_data", CustomData::new(custom_data));
    let parsed = conversations.zip(data);
    let parsed = asker.asking(parsed, |(conversations, data), meaning| {
        meaning.conversations(conversations);
        meaning.bytes(data.as_bytes());
    });
    violations.finish(parsed)
}

pub(crate) fn render(changed: Changed) -> SetCustomDataResponse {
    let (results, revision) = change_result::render_all(changed);
    SetCustomDataResponse { results, revision }
}
