//! Adding users to a group.

use super::{App, AppError, membership::change_members};
use crate::domain::{MembershipRequest, MembershipsChanged};

/// Makes users members of a group, from its newest message on; counts those that were not before.
///
/// # Errors
///
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn add_group_members(
    app: &App,
    request: &MembershipRequest,
) -> Result<MembershipsChanged, AppError> {
    change_members(app, request).await
}
