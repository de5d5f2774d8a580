//! Undoing a deletion or clearing.

use super::{App, AppError};
use crate::{
    domain::{Origin, Restoration, Revision, Timestamp, UserId},
    store::Recorded,
};

/// Puts back what the deletion of that revision took.
///
/// # Errors
///
/// [`AppError::UnknownDeletion`], [`AppError::RestoreWindowExpired`], [`AppError::RequestIdReused`],
/// or that the database failed.
pub async fn restore_conversations(
    app: &App,
    origin: Origin,
    deletion: Revision,
) -> Result<Restoration, AppError> {
    let now = app.clock.now();
    let recorded = match restorable(app, &origin.user, deletion, now).await {
        Ok(recorded) => recorded,
        // A retry outlives the window of the deletion, and even its record.
        Err(refusal @ (AppError::RestoreWindowExpired | AppError::UnknownDeletion)) => {
            let earlier = match origin.request {
                Some(request) => app.store.earlier_restoration(&origin.user, request).await?,
                None => None,
            };
            return earlier.ok_or(refusal);
        }
        Err(error) => return Err(error),
    };
    let limit = app.policy.pin_limit;
    let restoration = app.store.restore(&origin, &recorded, now, limit).await?;
    app.wakes.changed(&origin.user, restoration.revision);
    Ok(restoration)
}

/// The deletion, if it can be undone now.
async fn restorable(
    app: &App,
    user: &UserId,
    deletion: Revision,
    now: Timestamp,
) -> Result<Recorded, AppError> {
    let Some(recorded) = app.store.recorded(user, deletion).await? else {
        // A change that the log does not know any more is older than any restore window, unless it is of a
        // history that was given up.
        let revisions = app.store.revisions_of(user).await?;
        return Err(
            if revisions.base < deletion && deletion <= revisions.present {
                AppError::RestoreWindowExpired
            } else {
                AppError::UnknownDeletion
            },
        );
    };
    if !recorded.is_deletion() {
        return Err(AppError::UnknownDeletion);
    }
    if recorded.restorable_until.is_some_and(|until| now < until) {
        Ok(recorded)
    } else {
        Err(AppError::RestoreWindowExpired)
    }
}
