//! Undoing a deletion or clearing.

use super::{App, AppError};
use crate::{
    domain::{Batch, ConversationId, Origin, Restoration, Revision, Timestamp, UserId},
    store::Recorded,
};

/// Asks for a deletion or clearing to be undone.
#[derive(Debug)]
pub struct RestoreConversations {
    /// The user whose view changes, and the request's origin.
    pub origin: Origin,
    /// The revision that the deletion made.
    pub deletion: Revision,
    /// Which of its conversations to put back; `None` for all.
    pub conversations: Option<Batch<ConversationId>>,
}

/// Puts back what a deletion took.
///
/// # Errors
///
/// [`AppError::UnknownDeletion`], [`AppError::RestoreWindowExpired`], [`AppError::NotOfDeletion`],
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn restore_conversations(
    app: &App,
    request: RestoreConversations,
) -> Result<Restoration, AppError> {
    let RestoreConversations {
        origin,
        deletion,
        conversations,
    } = request;
    let now = app.clock.now();
    let recorded = match restorable(app, &origin.user, deletion, now).await {
        Ok(recorded) => recorded,
        // A retry outlives the window of the deletion, and even its record.
        Err(refusal @ (AppError::RestoreWindowExpired | AppError::UnknownDeletion)) => {
            let earlier = match origin.request {
                Some(request) => {
                    app.store
                        .deletions()
                        .earlier_restoration(&origin.user, request)
                        .await?
                }
                None => None,
            };
            return earlier.ok_or(refusal);
        }
        Err(error) => return Err(error),
    };
    let recorded = match conversations {
        None => recorded,
        Some(ids) => recorded.part(&ids).map_err(AppError::NotOfDeletion)?,
    };
    let limit = app.policy.pin_limit;
    let restoration = app
        .store
        .deletions()
        .restore(&origin, &recorded, now, limit)
        .await?;
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
    let Some(recorded) = app.store.log().recorded(user, deletion).await? else {
        // A change that the log does not know any more is older than any restore window, unless it is of a
        // history that was given up.
        let revisions = app.store.users().revisions_of(user).await?;
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
    if recorded.is_restorable_at(now) {
        Ok(recorded)
    } else {
        Err(AppError::RestoreWindowExpired)
    }
}
