//! Removing a folder.

use super::{App, AppError, folders::change_folder};
use crate::domain::{FolderAction, FolderChanged, FolderName, Origin};

/// Removes a folder; its conversations stay. Returns it as it was.
///
/// # Errors
///
/// [`AppError::FolderNotFound`], [`AppError::RequestIdReused`], or that the database failed.
pub async fn delete_folder(
    app: &App,
    origin: &Origin,
    name: &FolderName,
) -> Result<FolderChanged, AppError> {
    change_folder(app, origin, name, &FolderAction::Delete).await
}
