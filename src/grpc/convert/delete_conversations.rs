//! `DeleteConversations`.

use super::{deletion, origin, time};
use crate::{
    app::{DeletionRequest, History},
    domain::{CallerName, Deletion},
    grpc::violations::InvalidRequest,
    proto::{DeleteConversationsRequest, DeleteConversationsResponse},
};

pub(crate) fn parse(
    mut request: DeleteConversationsRequest,
    caller: Option<CallerName>,
) -> Result<(DeletionRequest, History), InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let DeleteConversationsRequest {
        user_id: _,
        conversation_ids,
        clear_history,
        request_id: _,
        client_id: _,
        sync_to_other_clients,
        seen_through,
        reappearance,
        forget_settings,
    } = request;
    let history = deletion::history(clear_history);
    let reappearance = deletion::reappearance(reappearance, &mut violations).unwrap_or_default();
    let parsed = deletion::parse(
        asker,
        history,
        (reappearance, deletion::settings(forget_settings)),
        &conversation_ids,
        sync_to_other_clients,
        &seen_through,
        &mut violations,
    );
    violations.finish(parsed.map(|parsed| (parsed, history)))
}

pub(crate) fn render(deletion: Deletion) -> DeleteConversationsResponse {
    let Deletion {
        conversations,
        revision,
        restorable_until,
    } = deletion;
    DeleteConversationsResponse {
        results: conversations
            .into_iter()
            .map(deletion::render_result)
            .collect(),
        deletion_id: revision.to_string(),
        restorable_until: restorable_until.map(time::render),
        revision: revision.get(),
    }
}
