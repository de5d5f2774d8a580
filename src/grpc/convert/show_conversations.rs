//! `ShowConversations`.

use super::{conversation_id, origin};
use crate::{
    domain::{Batch, CallerName, ConversationId, Origin, ShowOutcome, Shown},
    grpc::violations::InvalidRequest,
    proto::{self, ShowConversationsRequest, ShowConversationsResponse, ShowResult},
};

pub(crate) fn parse(
    mut request: ShowConversationsRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, Batch<ConversationId>), InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let ShowConversationsRequest {
        user_id: _,
        conversation_ids,
        request_id: _,
        client_id: _,
    } = request;
    let conversations = conversation_id::parse_batch(&conversation_ids, &mut violations);
    let parsed = asker.asking(conversations, |conversations, meaning| {
        meaning.conversations(conversations);
    });
    violations.finish(parsed)
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
