//! Removing users from a group.

use super::{App, AppError, membership::change_members};
use crate::domain::{MembershipRequest, MembershipsChanged};

/// Ends users' membership of a group at its newest message; counts those who were members.
///
/// # Errors
///
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn remove_group_members(
    app: &App,
    request: &MembershipRequest,
) -> Result<MembershipsChanged, AppError> {
    change_members(app, request).await
}
