//! Emptying the history of conversations that stay listed.

use super::{App, AppError, DeletionRequest, deletion::delete};
use crate::domain::{Deletion, Taking};

/// Clears histories.
///
/// # Errors
///
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn clear_history(app: &App, request: DeletionRequest) -> Result<Deletion, AppError> {
    delete(app, request, Taking::History).await
}
