//! A user's folders.

use super::{App, AppError};
use crate::domain::{Folder, Revision, UserId};

/// A user's folders, oldest first, without deleted conversations; and the revision that they
/// reflect. Two statements.
///
/// # Errors
///
/// That the database failed.
pub async fn list_folders(app: &App, user: &UserId) -> Result<(Vec<Folder>, Revision), AppError> {
    let (revision, folders) = app.store.folders().all(user).await?;
    Ok((folders, revision))
}
