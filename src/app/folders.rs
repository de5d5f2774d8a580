//! The common part of the changes of a folder.

use super::{App, AppError};
use crate::domain::{FolderAction, FolderChanged, FolderName, Origin};

pub(super) async fn change_folder(
    app: &App,
    origin: &Origin,
    name: &FolderName,
    action: &FolderAction,
) -> Result<FolderChanged, AppError> {
    let changed = app
        .store
        .folders()
        .change(origin, app.clock.now(), name, action)
        .await?;
    app.wakes.changed(&origin.user, changed.revision);
    Ok(changed)
}
