//! The common part of `DeleteConversations` and `ClearHistory`.

use super::{conversation_id, meaning::Meaning, origin::Asker, seen_through};
use crate::{
    app::{DeletionRequest, History},
    domain::{ConversationDeletion, DeletionOutcome, Reappearance, Settings, Synchronisation},
    grpc::violations::{Found, Violations},
    proto::{self, SeenThrough, ViolationReason},
};

/// The fields that say what to take something from, and how far. `history`, `reappearance` and `settings`
/// tell one deletion from another.
pub(super) fn parse(
    asker: Asker,
    history: History,
    (reappearance, settings): (Reappearance, Settings),
    conversation_ids: &[proto::ConversationId],
    sync_to_other_clients: Option<bool>,
    seen_through: &[SeenThrough],
    violations: &mut Violations,
) -> Option<DeletionRequest> {
    let conversations = conversation_id::parse_batch(conversation_ids, violations);
    let seen_through = seen_through::parse(seen_through, Some(conversation_ids), violations);
    let parsed = asker.asking(conversations, |conversations, meaning| {
        meaning.conversations(conversations);
        meaning.flag(history == History::Clear);
        meaning.optional_flag(sync_to_other_clients);
        meaning.seen_through(&seen_through);
        mean(reappearance, settings, meaning);
    });
    parsed.map(|(origin, conversations)| DeletionRequest {
        origin,
        conversations,
        synchronisation: sync_to_other_clients.map(synchronisation),
        reappearance,
        settings,
        seen_through,
    })
}

/// A default adds nothing: requests of before there was a choice are recognised.
pub(super) fn mean(reappearance: Reappearance, settings: Settings, meaning: &mut Meaning) {
    if reappearance == Reappearance::Never {
        meaning.bytes(b"reappearance: never");
    }
    if settings == Settings::Forget {
        meaning.bytes(b"settings: forget");
    }
}

/// The field `clear_history`. Absent means true, as in the API that this one models.
pub(super) fn history(clear: Option<bool>) -> History {
    if clear.unwrap_or(true) {
        History::Clear
    } else {
        History::Keep
    }
}

/// The field `forget_settings`.
pub(super) const fn settings(forget: bool) -> Settings {
    if forget {
        Settings::Forget
    } else {
        Settings::Keep
    }
}

/// The field `reappearance`. Unspecified means `ON_MESSAGE`.
pub(super) fn reappearance(number: i32, violations: &mut Violations) -> Option<Reappearance> {
    let known = match proto::Reappearance::try_from(number) {
        Ok(proto::Reappearance::Unspecified | proto::Reappearance::OnMessage) => {
            Ok(Reappearance::OnMessage)
        }
        Ok(proto::Reappearance::Never) => Ok(Reappearance::Never),
        Err(_) => Err(Found(
            ViolationReason::UnknownValue,
            "must be one of the named rules",
        )),
    };
    violations.check("reappearance", known)
}

pub(super) const fn render_reappearance(reappearance: Reappearance) -> proto::Reappearance {
    match reappearance {
        Reappearance::OnMessage => proto::Reappearance::OnMessage,
        Reappearance::Never => proto::Reappearance::Never,
    }
}

/// The field `sync_to_other_clients`, if it is set.
pub(super) const fn synchronisation(sync: bool) -> Synchronisation {
    if sync {
        Synchronisation::OtherClients
    } else {
        Synchronisation::OriginOnly
    }
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
        DeletionOutcome::ChangedSincePlan => proto::DeletionOutcome::ChangedSincePlan,
    }
}
