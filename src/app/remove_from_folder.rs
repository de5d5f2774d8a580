//! Taking conversations out of a folder.

use super::{App, AppError, folders::change_folder};
use crate::domain::{Batch, ConversationId, FolderAction, FolderChanged, FolderName, Origin};

/// Takes conversations out of a folder.
///
/// # Errors
///
/// [`AppError::FolderNotFound`], [`AppError::RequestIdReused`], or that the database failed.
pub async fn remove_from_folder(
    app: &App,
    origin: &Origin,
    name: &FolderName,
    conversations: Batch<ConversationId>,
) -> Result<FolderChanged, AppError> {
    change_folder(app, origin, name, &FolderAction::Remove(conversations)).await
}
