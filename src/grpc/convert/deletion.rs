//! The common part of `DeleteConversations` and `ClearHistory`.

use super::{conversation_id, origin::Asker, seen_through};
use crate::{
    app::DeletionRequest,
    domain::{Batch, ConversationDeletion, DeletionOutcome, Synchronisation},
    grpc::violations::Violations,
    proto::{self, SeenThrough},
};

/// The fields that say what to take something from, and how far. `clear_history` tells one deletion from
/// another.
pub(super) fn parse(
    asker: Option<Asker>,
    clear_history: bool,
    conversation_ids: &[proto::ConversationId],
    sync_to_other_clients: Option<bool>,
    seen_through: &[SeenThrough],
    violations: &mut Violations,
) -> Option<DeletionRequest> {
    let conversations: Option<Batch<_>> =
        conversation_id::parse_batch(conversation_ids, violations);
    let seen_through = seen_through::parse(seen_through, Some(conversation_ids), violations);
    let synchronisation = sync_to_other_clients.map(|sync| {
        if sync {
            Synchronisation::OtherClients
        } else {
            Synchronisation::OriginOnly
        }
    });
    let conversations = conversations?;
    let origin = asker?.asking(|meaning| {
        meaning.conversations(&conversations);
        meaning.flag(clear_history);
        meaning.optional_flag(sync_to_other_clients);
        meaning.seen_through(&seen_through);
    });
    Some(DeletionRequest {
        origin,
        conversations,
        synchronisation,
        seen_through,
    })
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
