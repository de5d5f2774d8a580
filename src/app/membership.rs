//! The common part of joining and leaving a group.

use super::{App, AppError};
use crate::domain::{MembershipRequest, MembershipsChanged};

/// Each user whose membership changes has made a change, of which the user's clients are notified.
pub(super) async fn change_members(
    app: &App,
    request: &MembershipRequest,
) -> Result<MembershipsChanged, AppError> {
    let changed = app
        .store
        .groups()
        .change_members(request, app.clock.now())
        .await?;
    for (user, revision) in &changed.revisions {
        app.wakes.changed(user, *revision);
    }
    Ok(changed)
}
