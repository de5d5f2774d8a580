//! Putting conversations into a folder.

use super::{App, AppError, folders::change_folder};
use crate::domain::{Batch, ConversationId, FolderAction, FolderChanged, FolderName, Origin};

/// Puts conversations into a folder, listed or not.
///
/// # Errors
///
/// [`AppError::FolderNotFound`], [`AppError::FolderConversationLimitReached`],
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn add_to_folder(
    app: &App,
    origin: &Origin,
    name: &FolderName,
    conversations: Batch<ConversationId>,
) -> Result<FolderChanged, AppError> {
    change_folder(app, origin, name, &FolderAction::Add(conversations)).await
}
