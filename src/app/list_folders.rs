//! A user's folders.

use super::{App, AppError};
use crate::{
    domain::{Folder, Revision, UserId},
    store::listed_ids,
};

/// A user's folders, oldest first, without deleted conversations; and the revision that they
/// reflect. Two statements.
///
/// # Errors
///
/// That the database failed.
pub async fn list_folders(app: &App, user: &UserId) -> Result<(Vec<Folder>, Revision), AppError> {
    let (revision, stored) = app.store.folders().all(user).await?;
    let keys = stored.iter().flat_map(|(_, members)| members);
    let heads = app
        .store
        .heads()
        .of_keys(keys.map(|member| member.key).collect())
        .await?;
    let folders = stored.into_iter().map(|(name, members)| {
        let conversations = listed_ids(user, &members, &heads)?;
        Ok(Folder {
            name,
            conversations,
        })
    });
    Ok((folders.collect::<Result<_, AppError>>()?, revision))
}
