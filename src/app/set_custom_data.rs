//! The product's own data on conversations.

use super::{App, AppError, keyed};
use crate::domain::{Batch, Changed, ConversationId, CustomData, Origin};

/// Sets the product's own data on conversations, listed or not.
///
/// # Errors
///
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn set_custom_data(
    app: &App,
    origin: Origin,
    conversations: Batch<ConversationId>,
    data: &CustomData,
) -> Result<Changed, AppError> {
    let conversations = keyed(&origin.user, conversations);
    let changed = app
        .store
        .settings()
        .set_custom_data(&origin, app.clock.now(), data, conversations)
        .await?;
    app.wakes.changed(&origin.user, changed.revision);
    Ok(changed)
}
