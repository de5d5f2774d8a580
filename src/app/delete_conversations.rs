//! Deleting conversations from a user's list.

use super::{App, AppError, DeletionRequest, deletion::delete};
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
    delete(app, request, history.taking()).await
}

impl History {
    /// The parts of a conversation that a deletion takes.
    pub(super) const fn taking(self) -> Taking {
        match self {
            Self::Keep => Taking::Entry,
            Self::Clear => Taking::EntryAndHistory,
        }
    }
}
