//! Deleting conversations from a user's list.

use std::collections::HashMap;

use super::{App, AppError};
use crate::{
    domain::{Batch, ConversationId, Deletion, History, Origin, Seq, Synchronisation},
    store::{ConversationKey, DeletionTarget},
};

/// Asks for conversations to be deleted.
#[derive(Debug)]
pub struct DeleteConversations {
    /// Whose view changes, and who asks.
    pub origin: Origin,
    /// What to delete.
    pub conversations: Batch<ConversationId>,
    /// What becomes of the history.
    pub history: History,
    /// Whether other clients are told; `None` as the deployment has decided.
    pub synchronisation: Option<Synchronisation>,
    /// How far the user had seen conversations; the deletion reaches no further in them.
    pub seen_through: HashMap<ConversationId, Seq>,
}

/// Deletes conversations. Two round trips: the heads, which say how far a deletion may reach, then
/// one statement on the user's rows. A message that commits after the heads were read has a higher
/// position than any of them, so the deletion cannot hide it.
///
/// # Errors
///
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn delete_conversations(
    app: &App,
    request: DeleteConversations,
) -> Result<Deletion, AppError> {
    let DeleteConversations {
        origin,
        conversations,
        history,
        synchronisation,
        seen_through,
    } = request;
    let keys: Vec<_> = conversations
        .iter()
        .map(|id| ConversationKey::from(&id.canonical(&origin.user)))
        .collect();
    let heads = app.store.heads(keys.clone()).await?;
    let targets: Vec<_> = conversations
        .into_iter()
        .zip(keys)
        .map(|(conversation_id, key)| DeletionTarget {
            head: heads.get(&key).map_or(Seq::ZERO, |head| head.last_seq),
            seen_through: seen_through.get(&conversation_id).copied(),
            key,
            conversation_id,
        })
        .collect();

    let synchronisation = synchronisation.unwrap_or(if app.policy.sync_deletions {
        Synchronisation::OtherClients
    } else {
        Synchronisation::OriginOnly
    });
    let now = app.clock.now();
    let restorable_until = (!app.policy.restore_window.is_zero())
        .then(|| now.saturating_add(app.policy.restore_window));
    let deletion = app
        .store
        .delete_conversations(
            &origin,
            &targets,
            history,
            synchronisation,
            now,
            restorable_until,
        )
        .await?;
    Ok(deletion)
}
