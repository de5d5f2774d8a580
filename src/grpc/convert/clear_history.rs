//! `ClearHistory`.

use super::{delete_conversations, deletion, origin};
use crate::{
    app::{DeletionRequest, History},
    domain::{CallerName, Deletion, Reappearance, Settings},
    grpc::violations::InvalidRequest,
    proto::{ClearHistoryRequest, ClearHistoryResponse, DeleteConversationsResponse},
};

pub(crate) fn parse(
    mut request: ClearHistoryRequest,
    caller: Option<CallerName>,
) -> Result<DeletionRequest, InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let ClearHistoryRequest {
        user_id: _,
        conversation_ids,
        request_id: _,
        client_id: _,
        sync_to_other_clients,
        seen_through,
    } = request;
    let parsed = deletion::parse(
        asker,
        History::Clear,
        (Reappearance::OnMessage, Settings::Keep),
        &conversation_ids,
        sync_to_other_clients,
        &seen_through,
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
