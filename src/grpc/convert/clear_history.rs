//! `ClearHistory`.

use super::{delete_conversations, deletion, origin};
use crate::{
    app::DeletionRequest,
    domain::{CallerName, Deletion, Reappearance, Settings},
    grpc::violations::{InvalidRequest, Violations},
    proto::{ClearHistoryRequest, ClearHistoryResponse, DeleteConversationsResponse},
};

pub(crate) fn parse(
    mut request: ClearHistoryRequest,
    caller: Option<CallerName>,
) -> Result<DeletionRequest, InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let ClearHistoryRequest {
        user_id,
        conversation_ids,
        request_id: _,
        client_id,
        sync_to_other_clients,
        seen_through,
    } = &request;

    let mut violations = Violations::default();
    let asker = origin::parse(
        "ClearHistory",
        user_id,
        client_id,
        &request_id,
        &request,
        caller,
        &mut violations,
    );
    let parsed = deletion::parse(
        asker,
        true,
        (Reappearance::OnMessage, Settings::Keep),
        conversation_ids,
        *sync_to_other_clients,
        seen_through,
        &mut violations,
    );
    violations.finish(parsed)
}

/// As the response to a deletion.
pub(crate) fn render(deletion: Deletion) -> ClearHistoryResponse {
    let DeleteConversationsResponse {
        results,
        deletion_id,
        restorable_until,
        revision,
    } = delete_conversations::render(deletion);
    ClearHistoryResponse {
        results,
        deletion_id,
        restorable_until,
        revision,
    }
}
