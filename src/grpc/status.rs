//! From errors to gRPC statuses: the one place that decides code, reason and details.
//!
//! What a caller reads says what to do and nothing of how the service works inside; the driver's own
//! words go to the log, under the request's ID.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::violations::InvalidRequest;
use crate::{
    access::Role,
    app::AppError,
    domain::{MAX_FOLDER_CONVERSATIONS, MAX_FOLDERS},
    store::StoreError,
};

/// The domain of all reasons.
const DOMAIN: &str = "conversation.v1";
/// When to try again after the database was away.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);
/// When to try again after there was too much to do.
const RETRY_OVERLOADED: Duration = Duration::from_secs(1);
/// When to try again after others were in the way.
const RETRY_CONTENTION: Duration = Duration::from_millis(100);
/// The reason of a watch's end when the server stops.
pub(super) const SHUTTING_DOWN: &str = "SHUTTING_DOWN";

/// A status with a reason and no more details.
fn status(code: Code, reason: &str, message: &str) -> Status {
    Status::with_error_details(code, message, details(reason))
}

fn details(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new())
}

fn retriable(code: Code, reason: &str, message: &str, delay: Duration) -> Status {
    let mut details = details(reason);
    details.set_retry_info(Some(delay));
    Status::with_error_details(code, message, details)
}

/// The answer to a request that would exceed a limit of the product.
fn limit_reached(reason: &str, limit: u32, message: &str) -> Status {
    let metadata = HashMap::from([("limit".to_owned(), limit.to_string())]);
    let details = ErrorDetails::with_error_info(reason, DOMAIN, metadata);
    Status::with_error_details(Code::FailedPrecondition, message, details)
}

/// The answer to a request that has the name of another one in `field`.
fn reused(reason: &str, field: &str) -> Status {
    let mut details = details(reason);
    details.add_bad_request_violation(field, "was used for something else");
    let message = format!("{field} was used for something else; choose a new one");
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// The answer to a request that could not even be read.
pub(super) fn malformed(message: &str) -> Status {
    let mut details = details("INVALID_REQUEST");
    details.add_bad_request_violation("", message);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// The answer to a call without credentials.
pub(super) fn credentials_missing() -> Status {
    status(
        Code::Unauthenticated,
        "CREDENTIALS_MISSING",
        "the call has no credentials; send `authorization: Bearer <token>` in its metadata, or \
         connect with a client certificate",
    )
}

/// The answer to a call whose credentials are nobody's. It does not say what is wrong with them.
pub(super) fn credentials_invalid() -> Status {
    status(
        Code::Unauthenticated,
        "CREDENTIALS_INVALID",
        "the credentials are not those of a caller of this service; check the token, or the \
         client certificate",
    )
}

/// The answer to a caller who has none of the roles that a method asks for.
pub(super) fn role_missing(roles: &[Role]) -> Status {
    let roles: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
    let message = format!(
        "the caller may not call this method; it takes the role {}",
        roles.join(" or ")
    );
    let metadata = HashMap::from([("role".to_owned(), roles.join(","))]);
    let details = ErrorDetails::with_error_info("ROLE_MISSING", DOMAIN, metadata);
    Status::with_error_details(Code::PermissionDenied, message, details)
}

/// The answer to a call of something that does not exist.
pub(super) fn unimplemented() -> Status {
    status(
        Code::Unimplemented,
        "UNIMPLEMENTED",
        "there is no such method, or it does not speak this encoding",
    )
}

/// The answer to a request that comes while there is too much to do. Nothing of it was read.
pub(super) fn overloaded() -> Status {
    retriable(
        Code::ResourceExhausted,
        "OVERLOADED",
        "the server has as much to do as it can; try again a little later, or on another replica",
        RETRY_OVERLOADED,
    )
}

/// The answer to a request whose time is up.
pub(super) fn deadline_exceeded() -> Status {
    status(
        Code::DeadlineExceeded,
        "DEADLINE_EXCEEDED",
        "the deadline has passed; nothing is half done: a retry with the same request_id tells what happened",
    )
}

/// A status of ours for one that says too little, as the transport's do: they carry no details.
pub(super) fn in_place_of(status: &Status) -> Option<Status> {
    (status.code() != Code::Ok && status.details().is_empty()).then(|| of_transport(status))
}

fn of_transport(original: &Status) -> Status {
    match original.code() {
        Code::OutOfRange | Code::ResourceExhausted => {
            malformed("the request is larger than this service accepts")
        }
        Code::Internal => malformed("the request is no valid message of this method"),
        Code::InvalidArgument => malformed(original.message()),
        Code::Unimplemented => unimplemented(),
        Code::Cancelled | Code::DeadlineExceeded => deadline_exceeded(),
        Code::NotFound => status(Code::NotFound, "NOT_FOUND", original.message()),
        Code::Unavailable => status(Code::Unavailable, "UNAVAILABLE", original.message()),
        code => status(code, "UNKNOWN", original.message()),
    }
}

impl From<InvalidRequest> for Status {
    fn from(request: InvalidRequest) -> Self {
        let violations = request.into_violations();
        let message = match violations.as_slice() {
            [only] => format!("{}: {}", only.field, only.description),
            [first, others @ ..] => {
                format!(
                    "{}: {} (and {} more)",
                    first.field,
                    first.description,
                    others.len()
                )
            }
            [] => "the request is invalid".to_owned(),
        };
        let mut details = details("INVALID_REQUEST");
        details.set_bad_request(violations);
        Self::with_error_details(Code::InvalidArgument, message, details)
    }
}

impl From<AppError> for Status {
    fn from(error: AppError) -> Self {
        match error {
            AppError::RequestIdReused => reused("REQUEST_ID_REUSED", "request_id"),
            AppError::ClientMessageIdReused => {
                reused("CLIENT_MESSAGE_ID_REUSED", "client_message_id")
            }
            AppError::NotAGroupMember => status(
                Code::FailedPrecondition,
                "NOT_A_GROUP_MEMBER",
                "only a member may send to the group; add the sender with AddGroupMembers",
            ),
            AppError::UnknownDeletion => status(
                Code::NotFound,
                "DELETION_NOT_FOUND",
                "deletion_id names no deletion or clearing of this user",
            ),
            AppError::RestoreWindowExpired => status(
                Code::FailedPrecondition,
                "RESTORE_WINDOW_EXPIRED",
                "restorable_until has passed: the deletion can no longer be undone",
            ),
            AppError::RevisionAhead => Self::from(InvalidRequest::one(
                "after_revision",
                "is ahead of the user's revision",
            )),
            AppError::PinLimitReached(limit) => limit_reached(
                "PIN_LIMIT_REACHED",
                limit,
                "the user would have too many pins; unpin something first",
            ),
            AppError::FolderLimitReached => limit_reached(
                "FOLDER_LIMIT_REACHED",
                MAX_FOLDERS.into(),
                "the user has as many folders as a user may have; delete one first",
            ),
            AppError::FolderConversationLimitReached => limit_reached(
                "FOLDER_CONVERSATION_LIMIT_REACHED",
                MAX_FOLDER_CONVERSATIONS.into(),
                "the user's folders would hold too many conversations; take some out first",
            ),
            AppError::FolderNotFound => status(
                Code::NotFound,
                "FOLDER_NOT_FOUND",
                "the user has no folder of this name",
            ),
            AppError::FolderAlreadyExists => status(
                Code::AlreadyExists,
                "FOLDER_ALREADY_EXISTS",
                "the user has a folder of this name; choose another",
            ),
            AppError::Store(error) => of_store(&error),
        }
    }
}

/// The end of a watch whose client knows less than the log.
pub(super) fn revision_compacted() -> Status {
    status(
        Code::OutOfRange,
        "REVISION_COMPACTED",
        "the change log does not reach back to after_revision; list again and watch from there",
    )
}

/// The end of a watch whose client does not read.
pub(super) fn watcher_too_slow() -> Status {
    retriable(
        Code::Aborted,
        "WATCHER_TOO_SLOW",
        "the client does not read its events; watch again from the last revision received",
        RETRY_UNAVAILABLE,
    )
}

/// The end of a watch when the server stops.
pub(super) fn shutting_down() -> Status {
    retriable(
        Code::Unavailable,
        SHUTTING_DOWN,
        "the server is stopping; watch again from the last revision received",
        RETRY_UNAVAILABLE,
    )
}

/// The answer to a request that the database failed. The call's span, and with it the call's line in
/// the log, is told the cause.
pub(super) fn of_store(error: &StoreError) -> Status {
    tracing::Span::current().record("cause", tracing::field::display(error));
    match error {
        StoreError::Unavailable(_) => retriable(
            Code::Unavailable,
            "DATABASE_UNAVAILABLE",
            "the database is unavailable; try again",
            RETRY_UNAVAILABLE,
        ),
        StoreError::Contention(_) | StoreError::Duplicate(_) => retriable(
            Code::Aborted,
            "CONTENTION",
            "others are changing the same data; try again",
            RETRY_CONTENTION,
        ),
        StoreError::Inconsistent { .. } | StoreError::Schema(_) | StoreError::Statement(_) => {
            status(
                Code::Internal,
                "INTERNAL",
                "the service failed; its log has the cause under this call's x-request-id",
            )
        }
    }
}

/// The canonical name of a code, as it stands in figures, traces and log lines.
pub(super) const fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
