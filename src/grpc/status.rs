//! From errors to gRPC statuses: the one place that decides code, reason and details.
//!
//! The text that a caller reads says what to do and nothing of how the service works inside; the driver's
//! own words go to the log, under the request's ID.
//!
//! `docs/reference/errors.md` is made of these statuses and of the comments of the reasons in
//! `proto/conversation/v1/error.proto` (`reference`).

use std::{collections::HashMap, fmt, time::Duration};

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _, pb};

use super::violations::{Found, InvalidRequest};
use crate::{
    access::Role,
    app::AppError,
    domain::MAX_FOLDERS,
    proto::{ErrorReason as Reason, ViolationReason},
    store::StoreError,
};

/// The domain of all reasons.
const DOMAIN: &str = "conversation.v1";
/// When to try again after the database was away.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(1);
/// When to try again after a request did not arrive.
const RETRY_UNARRIVED: Duration = Duration::from_secs(1);
/// When to try again after others were in the way.
const RETRY_CONTENTION: Duration = Duration::from_millis(100);
/// The reason of a watch's end when the server stops.
pub(super) const SHUTTING_DOWN: &str = "SHUTTING_DOWN";

/// A status with a reason and no more details.
fn status(code: Code, reason: Reason, message: &str) -> Status {
    Status::with_error_details(code, message, details(reason))
}

fn details(reason: Reason) -> ErrorDetails {
    details_with(reason, HashMap::new())
}

/// The details with the values that the message names.
fn details_with(reason: Reason, metadata: HashMap<String, String>) -> ErrorDetails {
    ErrorDetails::with_error_info(reason_name(reason), DOMAIN, metadata)
}

/// A reason as `ErrorInfo.reason` has it.
fn reason_name(reason: Reason) -> &'static str {
    let name = reason.as_str_name();
    name.strip_prefix("ERROR_REASON_").unwrap_or(name)
}

fn retriable(code: Code, reason: Reason, message: &str, delay: Duration) -> Status {
    let mut details = details(reason);
    details.set_retry_info(Some(delay));
    Status::with_error_details(code, message, details)
}

/// The answer to a request that would exceed a limit.
fn limit_reached(code: Code, reason: Reason, limit: impl fmt::Display, message: &str) -> Status {
    let metadata = HashMap::from([("limit".to_owned(), limit.to_string())]);
    Status::with_error_details(code, message, details_with(reason, metadata))
}

/// The answer to a request that has the name of another one in `field`.
fn reused(reason: Reason, field: &str) -> Status {
    let fault = Found(ViolationReason::Reused, "was used for something else");
    let message = format!("{field} was used for something else; choose a new one");
    invalid(reason, &message, InvalidRequest::one(field, &fault))
}

/// The answer to a request with these violations.
fn invalid(reason: Reason, message: &str, request: InvalidRequest) -> Status {
    let (violations, values) = request.into_parts();
    let first = violations.first();
    let field = first.map(|first| ("field", first.field.clone()));
    let metadata = field.into_iter().chain(values);
    let metadata = metadata.map(|(name, value)| (name.to_owned(), value));
    let mut details = details_with(reason, metadata.collect());
    details.set_bad_request(violations);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// The answer to a request that could not even be read.
pub(super) fn malformed(message: &str) -> Status {
    let fault = Found(ViolationReason::Malformed, message);
    invalid(
        Reason::InvalidRequest,
        message,
        InvalidRequest::one("", &fault),
    )
}

/// The answer to a call without credentials.
pub(super) fn credentials_missing() -> Status {
    status(
        Code::Unauthenticated,
        Reason::CredentialsMissing,
        "the call has no credentials; send `authorization: Bearer <token>` in its metadata, or \
         connect with a client certificate",
    )
}

/// The answer to a call with unknown credentials. It does not say what is wrong with them.
pub(super) fn credentials_invalid() -> Status {
    status(
        Code::Unauthenticated,
        Reason::CredentialsInvalid,
        "the credentials are unknown to this service; check the token, or the client certificate",
    )
}

/// The answer to a caller that has none of the roles that a method asks for.
pub(super) fn role_missing(roles: &[Role]) -> Status {
    let roles: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
    let message = format!(
        "the caller may not call this method; it takes the role {}",
        roles.join(" or ")
    );
    let metadata = HashMap::from([("role".to_owned(), roles.join(","))]);
    let details = details_with(Reason::RoleMissing, metadata);
    Status::with_error_details(Code::PermissionDenied, message, details)
}

/// The answer to a call of something that does not exist.
pub(super) fn unimplemented() -> Status {
    status(
        Code::Unimplemented,
        Reason::Unimplemented,
        "there is no such method, or the message's encoding (`grpc-encoding`) is not known",
    )
}

/// The answer to a request that is not gRPC, with what to do instead.
pub(super) fn not_grpc(message: &str) -> Status {
    status(Code::Unimplemented, Reason::NotGrpc, message)
}

/// The answer to a request that comes while there is too much to do. Nothing of it was done.
pub(super) fn overloaded(delay: Duration) -> Status {
    retriable(
        Code::ResourceExhausted,
        Reason::Overloaded,
        "the server is overloaded; try again a little later, or on another replica",
        delay,
    )
}

/// The answer to a watch on a connection that has as many as it may. There is no use in trying again on
/// the same one.
pub(super) fn watch_limit_reached(limit: u32) -> Status {
    limit_reached(
        Code::ResourceExhausted,
        Reason::WatchLimitReached,
        limit,
        "the connection has as many watches as it may have; open another connection",
    )
}

/// The end of a user on a stream that has as many as a caller may watch so.
pub(super) fn user_limit_reached(limit: usize) -> Status {
    limit_reached(
        Code::ResourceExhausted,
        Reason::WatchLimitReached,
        limit,
        "the stream has as many users as a caller may watch; remove one first",
    )
}

/// The answer to a request that has more bytes than its method takes.
pub(super) fn too_large() -> Status {
    malformed("the request is larger than this service accepts")
}

/// The answer to a request that does not arrive.
pub(super) fn request_too_slow() -> Status {
    retriable(
        Code::DeadlineExceeded,
        Reason::DeadlineExceeded,
        "the request took too long to arrive; nothing of it was done",
        RETRY_UNARRIVED,
    )
}

/// The answer to a request whose time is up.
pub(super) fn deadline_exceeded() -> Status {
    status(
        Code::DeadlineExceeded,
        Reason::DeadlineExceeded,
        "the deadline has passed; nothing is half done: a retry with the same request_id tells what happened",
    )
}

/// A status as it stands in a message of a stream, with the ID of the call.
pub(super) fn in_message(status: &Status, method: &str, id: &str) -> pb::Status {
    let complete = complete(status, method, id);
    let details = complete.as_ref().unwrap_or(status).details();
    // It has been encoded just now.
    pb::Status::decode(details).unwrap_or_default()
}

/// The status to answer in place of this one: one of ours if it says too little, as the transport's do,
/// which carry no details; and in any case with the ID of the call. `None` of success.
pub(super) fn complete(status: &Status, method: &str, id: &str) -> Option<Status> {
    if status.code() == Code::Ok {
        return None;
    }
    let ours = match status.details() {
        [] => of_transport(status, method),
        _ => status.clone(),
    };
    let mut details = ours.get_error_details();
    details.set_request_info(id, "");
    Some(Status::with_error_details_and_metadata(
        ours.code(),
        ours.message(),
        details,
        ours.metadata().clone(),
    ))
}

fn of_transport(original: &Status, method: &str) -> Status {
    match original.code() {
        Code::OutOfRange | Code::ResourceExhausted => too_large(),
        Code::Internal => malformed(&format!("the request is not a valid `{method}Request`")),
        Code::InvalidArgument => malformed(original.message()),
        Code::Unimplemented => unimplemented(),
        Code::Cancelled | Code::DeadlineExceeded => deadline_exceeded(),
        Code::NotFound => status(Code::NotFound, Reason::NotFound, original.message()),
        Code::Unavailable => retriable(
            Code::Unavailable,
            Reason::Unavailable,
            original.message(),
            RETRY_UNAVAILABLE,
        ),
        code => status(code, Reason::Unknown, original.message()),
    }
}

impl From<InvalidRequest> for Status {
    fn from(request: InvalidRequest) -> Self {
        let message = match request.violations() {
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
        invalid(Reason::InvalidRequest, &message, request)
    }
}

impl From<AppError> for Status {
    fn from(error: AppError) -> Self {
        match error {
            AppError::RequestIdReused => reused(Reason::RequestIdReused, "request_id"),
            AppError::ClientMessageIdReused => {
                reused(Reason::ClientMessageIdReused, "client_message_id")
            }
            AppError::NotAGroupMember => status(
                Code::FailedPrecondition,
                Reason::NotAGroupMember,
                "only a member may send to the group; add the sender with AddGroupMembers",
            ),
            AppError::NotOfDeletion(places) => {
                let fault = Found(
                    ViolationReason::NotAllowed,
                    "must be a conversation of the deletion",
                );
                let paths = places
                    .iter()
                    .map(|place| format!("conversation_ids[{place}]"));
                InvalidRequest::at_each(paths, &fault).into()
            }
            AppError::UnknownDeletion => status(
                Code::NotFound,
                Reason::DeletionNotFound,
                "the user has made no deletion or clearing with this deletion_id",
            ),
            AppError::RestoreWindowExpired => status(
                Code::FailedPrecondition,
                Reason::RestoreWindowExpired,
                "restorable_until has passed: the deletion can no longer be undone",
            ),
            AppError::PlanMismatch => status(
                Code::FailedPrecondition,
                Reason::PlanMismatch,
                "the plan is of another user or of another selector; look again with dry_run",
            ),
            AppError::PlanExpired => status(
                Code::FailedPrecondition,
                Reason::PlanExpired,
                "the plan is older than an hour; look again with dry_run",
            ),
            AppError::RevisionUnknown => revision_unknown(),
            AppError::PinLimitReached(limit) => limit_reached(
                Code::FailedPrecondition,
                Reason::PinLimitReached,
                limit,
                "the user would have too many pins; unpin something first",
            ),
            AppError::FolderLimitReached => limit_reached(
                Code::FailedPrecondition,
                Reason::FolderLimitReached,
                MAX_FOLDERS,
                "the user has as many folders as a user may have; delete one first",
            ),
            AppError::FolderConversationLimitReached(limit) => limit_reached(
                Code::FailedPrecondition,
                Reason::FolderConversationLimitReached,
                limit,
                "the user's folders would have too many conversations; take some out first",
            ),
            AppError::FolderNotFound => status(
                Code::NotFound,
                Reason::FolderNotFound,
                "the user has no folder of this name",
            ),
            AppError::FolderAlreadyExists => status(
                Code::AlreadyExists,
                Reason::FolderAlreadyExists,
                "the user has a folder of this name; choose another",
            ),
            AppError::Store(error) => of_store(&error),
        }
    }
}

/// The answer to a request that knows a revision of another history: the database was restored from a
/// backup since.
pub(super) fn revision_unknown() -> Status {
    status(
        Code::OutOfRange,
        Reason::RevisionUnknown,
        "the user has not come to this revision: the database was restored from a backup; list again",
    )
}

/// The end of a watch whose client knows less than the log.
pub(super) fn revision_compacted() -> Status {
    status(
        Code::OutOfRange,
        Reason::RevisionCompacted,
        "the change log does not reach back to after_revision; list again and watch from there",
    )
}

/// The end of a watch whose client does not read.
pub(super) fn watcher_too_slow() -> Status {
    retriable(
        Code::Aborted,
        Reason::WatcherTooSlow,
        "the client does not read its events; watch again from the last revision received",
        RETRY_UNAVAILABLE,
    )
}

/// The end of a watch when the server stops.
pub(super) fn shutting_down() -> Status {
    retriable(
        Code::Unavailable,
        Reason::ShuttingDown,
        "the server is stopping; watch again from the last revision received",
        RETRY_UNAVAILABLE,
    )
}

/// The answer to a request that the database failed. The call's span, and with it the call's line in the
/// log, gets the cause.
pub(super) fn of_store(error: &StoreError) -> Status {
    tracing::Span::current().record("cause", tracing::field::display(error));
    of_store_in_message(error)
}

/// The same of a part of a stream, which goes on: the cause is not the call's.
pub(super) fn of_store_in_message(error: &StoreError) -> Status {
    match error {
        StoreError::Unavailable(_) => retriable(
            Code::Unavailable,
            Reason::DatabaseUnavailable,
            "the database is unavailable; try again",
            RETRY_UNAVAILABLE,
        ),
        StoreError::Contention(_) | StoreError::Duplicate(_) => retriable(
            Code::Aborted,
            Reason::Contention,
            "others are changing the same data; try again",
            RETRY_CONTENTION,
        ),
        StoreError::Inconsistent { .. }
        | StoreError::Schema(_)
        | StoreError::Setup(_)
        | StoreError::Statement(_) => failed(),
    }
}

/// The answer to a request in which the service has made a mistake.
pub(super) fn failed() -> Status {
    status(
        Code::Internal,
        Reason::Internal,
        "the service failed; its log has the cause under this call's x-request-id",
    )
}

/// The canonical name of a code, as it stands in metrics, traces and log lines.
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

#[cfg(test)]
mod reference;
