//! Putting marks on conversations.

use super::{App, AppError, keyed};
use crate::domain::{Batch, ConversationId, MarkChange, MarksChanged, Origin};

/// Puts marks on conversations and takes marks off, listed or not.
///
/// # Errors
///
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn mark_conversations(
    app: &App,
    origin: Origin,
    conversations: Batch<ConversationId>,
    marks: MarkChange,
) -> Result<MarksChanged, AppError> {
    let conversations = keyed(&origin.user, conversations);
    let changed = app
        .store
        .settings()
        .mark(&origin, app.clock.now(), marks, conversations)
        .await?;
    app.wakes.changed(&origin.user, changed.revision);
    Ok(changed)
}
