//! `ShowConversations`.

use super::{conversation_id, origin};
use crate::{
    domain::{Batch, CallerName, ConversationId, Origin, ShowOutcome, Shown},
    grpc::violations::{InvalidRequest, Violations},
    proto::{self, ShowConversationsRequest, ShowConversationsResponse, ShowResult},
};

pub(crate) fn parse(
    mut request: ShowConversationsRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, Batch<ConversationId>), InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let ShowConversationsRequest {
        user_id,
        conversation_ids,
        request_id: _,
        client_id,
    } = &request;

    let mut violations = Violations::default();
    let asker = origin::parse(
        "ShowConversations",
        user_id,
        client_id,
        &request_id,
        &request,
        caller,
        &mut violations,
    );
    let conversations = conversation_id::parse_batch(conversation_ids, &mut violations);
    let parsed = asker.zip(conversations);
    violations.finish(parsed.map(|(asker, conversations)| {
        let origin = asker.asking(|meaning| meaning.conversations(&conversations));
        (origin, conversations)
    }))
}

pub(crate) fn render(shown: Shown) -> ShowConversationsResponse {
    let Shown {
        conversations,
        revision,
    } = shown;
    let results = conversations.iter().map(|(id, outcome)| ShowResult {
        conversation_id: Some(conversation_id::render(id)),
        outcome: render_outcome(*outcome).into(),
    });
    ShowConversationsResponse {
        results: results.collect(),
        revision: revision.get(),
    }
}

const fn render_outcome(outcome: ShowOutcome) -> proto::ShowOutcome {
    match outcome {
        ShowOutcome::Shown => proto::ShowOutcome::Shown,
        ShowOutcome::AlreadyListed => proto::ShowOutcome::AlreadyListed,
        ShowOutcome::NotFound => proto::ShowOutcome::NotFound,
    }
}
