//! `RestoreConversations`.

use super::{conversation_id, origin};
use crate::{
    app::RestoreConversations,
    domain::{CallerName, Restoration, RestorationOutcome, RestoredConversation, Revision},
    grpc::violations::{Found, InvalidRequest},
    proto::{self, RestoreConversationsRequest, RestoreConversationsResponse, ViolationReason},
};

pub(crate) fn parse(
    mut request: RestoreConversationsRequest,
    caller: Option<CallerName>,
) -> Result<RestoreConversations, InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let RestoreConversationsRequest {
        user_id: _,
        deletion_id,
        request_id: _,
        client_id: _,
        conversation_ids,
    } = request;
    let deletion = violations.check("deletion_id", parse_deletion_id(&deletion_id));
    let conversations = if conversation_ids.is_empty() {
        None
    } else {
        conversation_id::parse_batch(&conversation_ids, &mut violations)
    };
    let parsed = asker.asking(deletion, |deletion, meaning| {
        meaning.number(deletion.get());
        if let Some(conversations) = &conversations {
            meaning.conversations(conversations);
        }
    });
    violations.finish(parsed.map(|(origin, deletion)| RestoreConversations {
        origin,
        deletion,
        conversations,
    }))
}

/// A deletion is named by the revision that it made.
fn parse_deletion_id(id: &str) -> Result<Revision, Found<&'static str>> {
    let number = id.parse().ok().and_then(Revision::from_stored);
    number
        .filter(|revision| revision.to_string() == id)
        .ok_or(Found(
            ViolationReason::Malformed,
            "must be the deletion_id of a response",
        ))
}

pub(crate) fn render(restoration: Restoration) -> RestoreConversationsResponse {
    let Restoration {
        conversations,
        revision,
    } = restoration;
    let results = conversations.into_iter().map(render_result);
    RestoreConversationsResponse {
        results: results.collect(),
        revision: revision.get(),
    }
}

fn render_result(restored: RestoredConversation) -> proto::RestorationResult {
    let RestoredConversation {
        conversation_id,
        outcome,
        is_pin_left_out,
    } = restored;
    proto::RestorationResult {
        conversation_id: Some(conversation_id::render(&conversation_id)),
        outcome: render_outcome(outcome).into(),
        pin_left_out: is_pin_left_out,
    }
}

const fn render_outcome(outcome: RestorationOutcome) -> proto::RestorationOutcome {
    match outcome {
        RestorationOutcome::Restored => proto::RestorationOutcome::Restored,
        RestorationOutcome::Superseded => proto::RestorationOutcome::Superseded,
        RestorationOutcome::NothingTaken => proto::RestorationOutcome::NothingTaken,
    }
}
