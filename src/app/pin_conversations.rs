//! Pinning conversations to the top of the list.

use super::{App, AppError};
use crate::domain::{Batch, Changed, ConversationId, Origin, Pinning};

/// Pins or unpins conversations. A conversation that is not listed is left as it is.
///
/// # Errors
///
/// [`AppError::PinLimitReached`], [`AppError::RequestIdReused`], or that the database failed.
pub async fn pin_conversations(
    app: &App,
    origin: Origin,
    conversations: Batch<ConversationId>,
    pinning: Pinning,
) -> Result<Changed, AppError> {
    let heads = app.store.heads();
    let conversations = heads.positions(&origin.user, conversations).await?;
    let limit = app.policy.pin_limit;
    let pinned = app
        .store
        .settings()
        .pin(&origin, app.clock.now(), pinning, conversations, limit)
        .await?;
    app.wakes.changed(&origin.user, pinned.revision);
    Ok(pinned)
}
