//! Deleting conversations from a user's list.

use super::{App, AppError, DeletionRequest, deletion::take};
use crate::domain::{Deletion, Taking};

/// The fate of the history when a conversation is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum History {
    /// It stays readable.
    Keep,
    /// It is gone for this user.
    Clear,
}

/// Deletes conversations, with or without their history.
///
/// # Errors
///
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn delete_conversations(
    app: &App,
    request: DeletionRequest,
    history: History,
) -> Result<Deletion, AppError> {
    let taking = match history {
        History::Keep => Taking::Entry,
        History::Clear => Taking::EntryAndHistory,
    };
    take(app, request, taking).await
}
