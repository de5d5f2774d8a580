//! Removing users from a group.

use super::{App, AppError};
use crate::domain::{Batch, GroupId, UserId};

/// Ends users' membership of a group at its newest message. Returns how many were members.
///
/// # Errors
///
/// That the database failed.
pub async fn remove_group_members(
    app: &App,
    group: &GroupId,
    users: &Batch<UserId>,
) -> Result<usize, AppError> {
    Ok(app.store.leave(group, users).await?)
}
