//! The common part of `DeleteConversations` and `ClearHistory`.

use std::collections::HashMap;

use super::{App, AppError};
use crate::{
    domain::{
        Batch, ConversationId, Deletion, Origin, Reappearance, Seq, Settings, Synchronisation,
        Taking,
    },
    store::{Delete, DeletionTarget, Positioned, Terms},
};

/// Asks for something to be taken from a user's conversations.
#[derive(Debug)]
pub struct DeletionRequest {
    /// The user whose view changes, and the request's origin.
    pub origin: Origin,
    /// The conversations to delete or clear.
    pub conversations: Batch<ConversationId>,
    /// Whether other clients are notified; `None` as the deployment has decided.
    pub synchronisation: Option<Synchronisation>,
    /// Whether a newer message lists them again. A clearing leaves that as it is.
    pub reappearance: Reappearance,
    /// Whether their settings go, too. A clearing keeps them.
    pub settings: Settings,
    /// How far the user had seen conversations; the deletion reaches no further in them.
    pub seen_through: HashMap<ConversationId, Seq>,
}

/// Two round trips: the newest positions, which say how far a deletion may reach, then one statement on
/// the user's rows. A message that commits after they were read has a higher position than any of them,
/// so the deletion cannot hide it.
pub(super) async fn delete(
    app: &App,
    request: DeletionRequest,
    taking: Taking,
) -> Result<Deletion, AppError> {
    let DeletionRequest {
        origin,
        conversations,
        synchronisation,
        reappearance,
        settings,
        seen_through,
    } = request;
    let heads = app.store.heads();
    let targets = heads
        .positions(&origin.user, conversations)
        .await?
        .into_iter()
        .map(
            |Positioned {
                 conversation_id,
                 key,
                 position,
             }| DeletionTarget {
                head: position,
                seen_through: seen_through.get(&conversation_id).copied(),
                key,
                conversation_id,
            },
        )
        .collect();
    let delete = Delete {
        origin: &origin,
        targets,
        terms: terms(app, taking, reappearance, settings, synchronisation),
    };
    let deletion = app.store.deletions().delete(delete).await?;
    app.wakes.changed(&origin.user, deletion.revision);
    Ok(deletion)
}

/// The terms of a deletion that is made now.
pub(super) fn terms(
    app: &App,
    taking: Taking,
    reappearance: Reappearance,
    settings: Settings,
    synchronisation: Option<Synchronisation>,
) -> Terms {
    let default = if *app.policy.sync_deletions.borrow() {
        Synchronisation::OtherClients
    } else {
        Synchronisation::OriginOnly
    };
    let time = app.clock.now();
    let window = app.policy.restore_window;
    Terms {
        taking,
        reappearance,
        settings,
        synchronisation: synchronisation.unwrap_or(default),
        time,
        restorable_until: (!window.is_zero()).then(|| time.saturating_add(window)),
    }
}
