//! Making a folder.

use super::{App, AppError, folders::change_folder};
use crate::domain::{Batch, ConversationId, FolderAction, FolderChanged, FolderName, Origin};

/// Makes a folder and puts conversations into it, if there are any.
///
/// # Errors
///
/// [`AppError::FolderAlreadyExists`], [`AppError::FolderLimitReached`],
/// [`AppError::FolderConversationLimitReached`], [`AppError::RequestIdReused`], or that the database
/// failed.
pub async fn create_folder(
    app: &App,
    origin: &Origin,
    name: &FolderName,
    conversations: Option<Batch<ConversationId>>,
) -> Result<FolderChanged, AppError> {
    change_folder(app, origin, name, &FolderAction::Create(conversations)).await
}
