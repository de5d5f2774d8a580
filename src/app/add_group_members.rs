//! Adding users to a group.

use super::{App, AppError};
use crate::domain::{Batch, GroupId, UserId};

/// Makes users members of a group, from its newest message on. Returns how many were not before.
///
/// # Errors
///
/// That the database failed.
pub async fn add_group_members(
    app: &App,
    group: &GroupId,
    users: &Batch<UserId>,
) -> Result<usize, AppError> {
    Ok(app.store.join(group, users, app.clock.now()).await?)
}
