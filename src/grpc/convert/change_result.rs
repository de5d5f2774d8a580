//! The results of changes for each of their conversations.

use super::conversation_id;
use crate::{
    domain::{ChangeOutcome, Changed, ConversationId},
    proto::{self, ChangeResult},
};

pub(super) const fn outcome(outcome: ChangeOutcome) -> proto::ChangeOutcome {
    match outcome {
        ChangeOutcome::Changed => proto::ChangeOutcome::Changed,
        ChangeOutcome::Unchanged => proto::ChangeOutcome::Unchanged,
        ChangeOutcome::NotFound => proto::ChangeOutcome::NotFound,
        ChangeOutcome::NotListed => proto::ChangeOutcome::NotListed,
    }
}

pub(super) fn render(id: &ConversationId, change: ChangeOutcome) -> ChangeResult {
    ChangeResult {
        conversation_id: Some(conversation_id::render(id)),
        outcome: outcome(change).into(),
    }
}

/// The fields `results` and `revision` of a change of which there is nothing more to say.
pub(super) fn render_all(changed: Changed) -> (Vec<ChangeResult>, u64) {
    let Changed {
        conversations,
        revision,
    } = changed;
    let results = conversations
        .iter()
        .map(|(id, outcome, ())| render(id, *outcome));
    (results.collect(), revision.get())
}
