//! `DeleteConversations`.

use std::collections::HashMap;

use super::{conversation_id, origin, time};
use crate::{
    app::DeleteConversations,
    domain::{
        ConversationDeletion, ConversationId, Deletion, DeletionOutcome, History, Seq,
        Synchronisation,
    },
    grpc::violations::{InvalidRequest, Violations},
    proto::{self, DeleteConversationsRequest, DeleteConversationsResponse, SeenThrough},
};

pub(crate) fn parse(
    mut request: DeleteConversationsRequest,
) -> Result<DeleteConversations, InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let DeleteConversationsRequest {
        user_id,
        conversation_ids,
        clear_history,
        request_id: _,
        client_id,
        sync_to_other_clients,
        seen_through,
    } = &request;

    let mut violations = Violations::default();
    let origin = origin::parse(
        "DeleteConversations",
        user_id,
        client_id,
        &request_id,
        &request,
        &mut violations,
    );
    let conversations = conversation_id::parse_batch(conversation_ids, &mut violations);
    let seen_through = parse_seen_through(seen_through, conversation_ids, &mut violations);
    // Absent means true, as in the API that this one models.
    let history = if clear_history.unwrap_or(true) {
        History::Clear
    } else {
        History::Keep
    };
    let synchronisation = sync_to_other_clients.map(|sync| {
        if sync {
            Synchronisation::OtherClients
        } else {
            Synchronisation::OriginOnly
        }
    });
    let parsed = origin
        .zip(conversations)
        .map(|(origin, conversations)| DeleteConversations {
            origin,
            conversations,
            history,
            synchronisation,
            seen_through,
        });
    violations.finish(parsed)
}

/// The field `seen_through`: at most once for each conversation of the request.
fn parse_seen_through(
    seen_through: &[SeenThrough],
    conversation_ids: &[proto::ConversationId],
    violations: &mut Violations,
) -> HashMap<ConversationId, Seq> {
    let mut parsed = HashMap::new();
    for (
        index,
        SeenThrough {
            conversation_id,
            seq,
        },
    ) in seen_through.iter().enumerate()
    {
        if violations.is_full() {
            break;
        }
        let path = format!("seen_through[{index}].conversation_id");
        let Some(id) = conversation_id::parse(&path, conversation_id.as_ref(), violations) else {
            continue;
        };
        if !conversation_id
            .as_ref()
            .is_some_and(|id| conversation_ids.contains(id))
        {
            violations.add(path, "must be one of conversation_ids");
        } else if parsed.insert(id, Seq::saturating(*seq)).is_some() {
            violations.add(path, "must not name a conversation twice");
        }
    }
    parsed
}

pub(crate) fn render(deletion: Deletion) -> DeleteConversationsResponse {
    let Deletion {
        conversations,
        revision,
        restorable_until,
    } = deletion;
    DeleteConversationsResponse {
        results: conversations.into_iter().map(render_result).collect(),
        deletion_id: revision.to_string(),
        restorable_until: restorable_until.map(time::render),
        revision: revision.get(),
    }
}

fn render_result(deletion: ConversationDeletion) -> proto::DeletionResult {
    let ConversationDeletion {
        conversation_id,
        outcome,
        hidden_through,
        cleared_through,
    } = deletion;
    proto::DeletionResult {
        conversation_id: Some(conversation_id::render(&conversation_id)),
        outcome: render_outcome(outcome).into(),
        hidden_through: hidden_through.get(),
        cleared_through: cleared_through.get(),
    }
}

const fn render_outcome(outcome: DeletionOutcome) -> proto::DeletionOutcome {
    match outcome {
        DeletionOutcome::Deleted => proto::DeletionOutcome::Deleted,
        DeletionOutcome::AlreadyDeleted => proto::DeletionOutcome::AlreadyDeleted,
        DeletionOutcome::NewerMessagesKept => proto::DeletionOutcome::NewerMessagesKept,
        DeletionOutcome::NotFound => proto::DeletionOutcome::NotFound,
    }
}
