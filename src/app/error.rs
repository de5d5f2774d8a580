//! The reasons why a use case fails, by what the caller can do about it.

use thiserror::Error;

use crate::store::{AppendError, ChangeError, FolderError, MatchingError, StoreError};

/// A use case that was not carried out. Nothing was changed.
#[derive(Debug, Error)]
pub enum AppError {
    /// The request's ID was used for another request: choose a new one.
    #[error("the request ID was used for another request")]
    RequestIdReused,
    /// The client message ID was used for another body: choose a new one.
    #[error("the client message ID was used for another message")]
    ClientMessageIdReused,
    /// The sender is no member of the group.
    #[error("the sender is not a member of the group")]
    NotAGroupMember,
    /// The ID names no deletion or clearing of this user.
    #[error("no such deletion")]
    UnknownDeletion,
    /// The deletion can no longer be undone.
    #[error("the restore window has passed")]
    RestoreWindowExpired,
    /// The conversations at these places of the request are none of the deletion's.
    #[error("conversations are not of the deletion")]
    NotOfDeletion(Vec<usize>),
    /// The plan is of another user or of another selector: look again.
    #[error("the plan is of another user or selector")]
    PlanMismatch,
    /// The plan is too old: look again.
    #[error("the plan has expired")]
    PlanExpired,
    /// The user would have more pins than the deployment allows: unpin something first.
    #[error("the limit of pins is reached")]
    PinLimitReached(u32),
    /// The user has no folder of this name: create it.
    #[error("there is no such folder")]
    FolderNotFound,
    /// The user has a folder of this name: choose another name.
    #[error("there is a folder of this name")]
    FolderAlreadyExists,
    /// The user has as many folders as a user may have: delete one first.
    #[error("the limit of folders is reached")]
    FolderLimitReached,
    /// The user's folders would have more conversations than this: take some out first.
    #[error("the limit of conversations in folders is reached")]
    FolderConversationLimitReached(u16),
    /// The user has not come to this revision, or the database has been restored since: list again.
    #[error("the revision is unknown")]
    RevisionUnknown,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ChangeError> for AppError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::RequestIdReused => Self::RequestIdReused,
            ChangeError::PinLimitReached(limit) => Self::PinLimitReached(limit),
            ChangeError::Store(error) => Self::Store(error),
        }
    }
}

impl From<MatchingError> for AppError {
    fn from(error: MatchingError) -> Self {
        match error {
            MatchingError::PlanMismatch => Self::PlanMismatch,
            MatchingError::Change(error) => error.into(),
        }
    }
}

impl From<AppendError> for AppError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::NotAGroupMember => Self::NotAGroupMember,
            AppendError::ClientMessageIdReused => Self::ClientMessageIdReused,
            AppendError::Store(error) => Self::Store(error),
        }
    }
}

impl From<FolderError> for AppError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::NotFound => Self::FolderNotFound,
            FolderError::AlreadyExists => Self::FolderAlreadyExists,
            FolderError::TooMany => Self::FolderLimitReached,
            FolderError::TooManyConversations(limit) => Self::FolderConversationLimitReached(limit),
            FolderError::Change(error) => error.into(),
        }
    }
}
