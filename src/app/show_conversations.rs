//! Listing hidden conversations again.

use super::{App, AppError};
use crate::domain::{Batch, ConversationId, Origin, Shown};

/// Shows conversations. One that is listed is left as it is.
///
/// # Errors
///
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn show_conversations(
    app: &App,
    origin: Origin,
    conversations: Batch<ConversationId>,
) -> Result<Shown, AppError> {
    let heads = app.store.heads();
    let conversations = heads.positions(&origin.user, conversations).await?;
    let shown = app
        .store
        .deletions()
        .show(&origin, app.clock.now(), conversations)
        .await?;
    app.wakes.changed(&origin.user, shown.revision);
    Ok(shown)
}
