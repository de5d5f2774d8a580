//! Renaming a folder.

use super::{App, AppError, folders::change_folder};
use crate::domain::{FolderAction, FolderChanged, FolderName, Origin};

/// Gives a folder another name.
///
/// # Errors
///
/// [`AppError::FolderNotFound`], [`AppError::FolderAlreadyExists`], [`AppError::RequestIdReused`], or
/// that the database failed.
pub async fn rename_folder(
    app: &App,
    origin: &Origin,
    name: &FolderName,
    new_name: FolderName,
) -> Result<FolderChanged, AppError> {
    change_folder(app, origin, name, &FolderAction::Rename(new_name)).await
}
