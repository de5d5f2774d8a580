//! Muting conversations.

use super::{App, AppError, keyed};
use crate::domain::{Batch, Changed, ConversationId, Muting, Origin};

/// Mutes or unmutes conversations, listed or not.
///
/// # Errors
///
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn mute_conversations(
    app: &App,
    origin: Origin,
    conversations: Batch<ConversationId>,
    muting: Muting,
) -> Result<Changed, AppError> {
    let conversations = keyed(&origin.user, conversations);
    let changed = app
        .store
        .settings()
        .mute(&origin, app.clock.now(), muting, conversations)
        .await?;
    app.wakes.changed(&origin.user, changed.revision);
    Ok(changed)
}
