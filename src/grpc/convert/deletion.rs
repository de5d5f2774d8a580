//! What `DeleteConversations` and `ClearHistory` have in common.

use std::collections::HashMap;

use super::conversation_id;
use crate::{
    app::DeletionRequest,
    domain::{
        Batch, ConversationDeletion, ConversationId, DeletionOutcome, Origin, Seq, Synchronisation,
    },
    grpc::violations::Violations,
    proto::{self, SeenThrough},
};

/// The fields that say what to take something from, and how far.
pub(super) fn parse(
    origin: Option<Origin>,
    conversation_ids: &[proto::ConversationId],
    sync_to_other_clients: Option<bool>,
    seen_through: &[SeenThrough],
    violations: &mut Violations,
) -> Option<DeletionRequest> {
    let conversations: Option<Batch<_>> =
        conversation_id::parse_batch(conversation_ids, violations);
    let seen_through = parse_seen_through(seen_through, conversation_ids, violations);
    let synchronisation = sync_to_other_clients.map(|sync| {
        if sync {
            Synchronisation::OtherClients
        } else {
            Synchronisation::OriginOnly
        }
    });
    Some(DeletionRequest {
        origin: origin?,
        conversations: conversations?,
        synchronisation,
        seen_through,
    })
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

pub(super) fn render_result(deletion: ConversationDeletion) -> proto::DeletionResult {
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
