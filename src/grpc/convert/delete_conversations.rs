//! `DeleteConversations`.

use super::{deletion, origin, time};
use crate::{
    app::{DeletionRequest, History},
    domain::{CallerName, Deletion},
    grpc::violations::{InvalidRequest, Violations},
    proto::{DeleteConversationsRequest, DeleteConversationsResponse},
};

pub(crate) fn parse(
    mut request: DeleteConversationsRequest,
    caller: Option<CallerName>,
) -> Result<(DeletionRequest, History), InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let DeleteConversationsRequest {
        user_id,
        conversation_ids,
        clear_history,
        request_id: _,
        client_id,
        sync_to_other_clients,
        seen_through,
        reappearance,
        forget_settings,
    } = &request;

    let mut violations = Violations::default();
    let asker = origin::parse(
        "DeleteConversations",
        user_id,
        client_id,
        &request_id,
        &request,
        caller,
        &mut violations,
    );
    // Absent means true, as in the API that this one models.
    let clear_history = clear_history.unwrap_or(true);
    let settings = deletion::settings(*forget_settings);
    let reappearance = deletion::reappearance(*reappearance, &mut violations);
    let parsed = deletion::parse(
        asker,
        clear_history,
        (reappearance.unwrap_or_default(), settings),
        conversation_ids,
        *sync_to_other_clients,
        seen_through,
        &mut violations,
    );
    let history = if clear_history {
        History::Clear
    } else {
        History::Keep
    };
    violations.finish(parsed).map(|parsed| (parsed, history))
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
