//! `SetCustomData`.

use super::{change_result, conversation_id, origin};
use crate::{
    domain::{Batch, CallerName, Changed, ConversationId, CustomData, Origin},
    grpc::violations::{InvalidRequest, Violations},
    proto::{SetCustomDataRequest, SetCustomDataResponse},
};

pub(crate) fn parse(
    mut request: SetCustomDataRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, Batch<ConversationId>, CustomData), InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let SetCustomDataRequest {
        user_id,
        conversation_ids,
        custom_data,
        request_id: _,
        client_id,
    } = &request;

    let mut violations = Violations::default();
    let asker = origin::parse(
        "SetCustomData",
        user_id,
        client_id,
        &request_id,
        &request,
        caller,
        &mut violations,
    );
    let conversations = conversation_id::parse_batch(conversation_ids, &mut violations);
    let data = violations.check("custom_data", CustomData::new(custom_data.clone()));
    let parsed = asker.zip(conversations).zip(data);
    violations.finish(parsed.map(|((asker, conversations), data)| {
        let origin = asker.asking(|meaning| {
            meaning.conversations(&conversations);
            meaning.bytes(data.as_bytes());
        });
        (origin, conversations, data)
    }))
}

pub(crate) fn render(changed: Changed) -> SetCustomDataResponse {
    let (results, revision) = change_result::render_all(changed);
    SetCustomDataResponse { results, revision }
}
