//! The page of the errors: the protocol's comment of each reason, with the code and the details of its statuses.

use std::{collections::BTreeSet, time::Duration};

use prost::Message as _;
use prost_types::FileDescriptorSet;
use sea_orm::DbErr;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::{Reason, name, reason_name};
use crate::{
    access::Role,
    app::AppError,
    client::retry_delay,
    domain::{
        BatchError, BodyError, ConversationIdError, CustomDataError, IdError, MarksError,
        PageSizeError,
    },
    grpc::{
        page_token::BadPageToken,
        plan::BadPlan,
        reflection::DESCRIPTORS,
        violations::{Found, InvalidRequest, Repeats, TooMany},
    },
    proto::ViolationReason,
    reference::{Page, code, codes},
    store::StoreError,
};

const ABOUT: &str = "\
Every error is a `google.rpc.Status`. Its details have a `google.rpc.ErrorInfo`, with the `reason` and the domain
`conversation.v1`, and a `google.rpc.RequestInfo`, with the ID of the call in the [log](log.md). The last column lists
further details; metadata are those of the `ErrorInfo`. The reasons are values of the enums `ErrorReason` and
`ViolationReason` in [`error.proto`](../../proto/conversation/v1/error.proto).

The comment of each method in [`proto/`](../../proto/conversation/v1) lists its errors. A call that failed has changed
everything or nothing: a retry with the same `request_id` says which. [Retries](../clients.md#retries) says how long to
wait. An error without a reason comes from the connection and not from the service.";

const ABOUT_REASONS: &str = "\
*Retry* says whether the same request may succeed later: *no*, *yes*, or *when `RetryInfo` says*.";

const ABOUT_VIOLATIONS: &str = "\
`INVALID_REQUEST` and the reasons for reused IDs have a `google.rpc.BadRequest`. It names the path of each wrong field
(`conversation_ids[1].group_id`), with a reason and a description. The metadata of the error have the path of the first
one as `field`, and the values in its description.";

/// The values of an enum of the protocol, each with its number and its comment's paragraphs.
fn values(enumeration: &str) -> Vec<(i32, Vec<String>)> {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut files = set.file.iter();
    let file = files
        .find(|file| file.name() == "conversation/v1/error.proto")
        .unwrap();
    let place = |at: usize| i32::try_from(at).unwrap();
    let mut enumerations = file.enum_type.iter().enumerate();
    let (at, found) = enumerations
        .find(|(_, found)| found.name() == enumeration)
        .unwrap();
    let source = file.source_code_info.as_ref().unwrap();
    let values = found.value.iter().enumerate();
    let values = values.map(|(value_at, value)| {
        // The second value of the first enum: `enum_type[0].value[1]`, by the numbers of the fields.
        let path = [5, place(at), 2, place(value_at)];
        let location = source
            .location
            .iter()
            .find(|location| location.path == path);
        let comment = location.unwrap().leading_comments();
        let paragraphs = comment.split("\n\n").map(|paragraph| {
            let words: Vec<_> = paragraph.split_whitespace().collect();
            words.join(" ")
        });
        (value.number(), paragraphs.collect())
    });
    values.filter(|(number, _)| *number != 0).collect()
}

/// A status of every kind that the service answers with.
fn statuses() -> Vec<Status> {
    let db_error = || DbErr::Custom("away".to_owned());
    let of_app = [
        AppError::RequestIdReused,
        AppError::ClientMessageIdReused,
        AppError::NotAGroupMember,
        AppError::UnknownDeletion,
        AppError::RestoreWindowExpired,
        AppError::NotOfDeletion(vec![0]),
        AppError::PlanMismatch,
        AppError::PlanExpired,
        AppError::PinLimitReached(50),
        AppError::FolderNotFound,
        AppError::FolderAlreadyExists,
        AppError::FolderLimitReached,
        AppError::FolderConversationLimitReached(1000),
        AppError::RevisionUnknown,
        AppError::Store(StoreError::Unavailable(db_error())),
        AppError::Store(StoreError::Contention(db_error())),
        AppError::Store(StoreError::Statement(db_error())),
    ];
    let of_faults = faults().into_iter().map(Status::from);
    let of_transport = [
        Status::not_found("unknown service"),
        Status::unavailable("not now"),
        Status::unknown("broken off"),
    ];
    let of_transport = of_transport.map(|status| super::of_transport(&status, "Method"));
    let own = [
        super::malformed("not a message"),
        super::credentials_missing(),
        super::credentials_invalid(),
        super::role_missing(&[Role::Pipeline]),
        super::unimplemented(),
        super::not_grpc("use gRPC"),
        super::overloaded(Duration::from_secs(1)),
        super::watch_limit_reached(1000),
        super::user_limit_reached(1000),
        super::request_too_slow(),
        super::deadline_exceeded(),
        super::revision_compacted(),
        super::watcher_too_slow(),
        super::shutting_down(),
        super::failed(),
    ];
    let all = of_app.into_iter().map(Status::from).chain(of_faults);
    all.chain(of_transport).chain(own).collect()
}

/// A request with a fault of every kind.
fn faults() -> Vec<InvalidRequest> {
    let first = "conversation_ids[0]".to_owned();
    let reused = Found(ViolationReason::Reused, "was used for something else");
    let of_others = Found(
        ViolationReason::NotAllowed,
        "must be a conversation of the deletion",
    );
    vec![
        InvalidRequest::one("", &BatchError::Empty),
        InvalidRequest::one("", &TooMany { items: 101 }),
        InvalidRequest::one("", &Repeats(first)),
        InvalidRequest::one("", &IdError::TooLong { limit: 128 }),
        InvalidRequest::one("", &IdError::OuterWhiteSpace),
        InvalidRequest::one("", &ConversationIdError::UnknownForm),
        InvalidRequest::one("", &MarksError::Unknown),
        InvalidRequest::one("", &MarksError::Both),
        InvalidRequest::one("", &BodyError::TooLong),
        InvalidRequest::one("", &CustomDataError),
        InvalidRequest::one("", &PageSizeError { limit: 500 }),
        InvalidRequest::one("", &BadPlan),
        InvalidRequest::one("", &BadPageToken),
        InvalidRequest::one("", &reused),
        InvalidRequest::one("", &of_others),
    ]
}

/// The names of the metadata of a status.
fn metadata(status: &Status) -> BTreeSet<String> {
    let info = status.get_details_error_info().unwrap();
    info.metadata.into_keys().collect()
}

/// The details of all statuses with one reason, but for those that every status has.
fn details(statuses: &[Status]) -> String {
    let any = |has: fn(&Status) -> bool| statuses.iter().any(has);
    let mut details = Vec::new();
    if any(|status| status.get_details_bad_request().is_some()) {
        details.push(code("BadRequest"));
    }
    if any(|status| status.get_details_retry_info().is_some()) {
        details.push(code("RetryInfo"));
    }
    let metadata: BTreeSet<_> = statuses.iter().flat_map(metadata).collect();
    if !metadata.is_empty() {
        let names = codes(metadata.iter().map(String::as_str));
        details.push(format!("metadata {names}"));
    }
    details.join("; ")
}

/// Whether statuses with one reason are worth a retry.
fn retry(statuses: &[Status]) -> &'static str {
    let says_when = |status: &Status| status.get_details_retry_info().is_some();
    if statuses.iter().all(says_when) {
        "when `RetryInfo` says"
    } else if statuses.iter().any(|status| retry_delay(status).is_some()) {
        "yes"
    } else {
        "no"
    }
}

fn row(number: i32, comment: &[String], statuses: &[Status]) -> [String; 6] {
    let reason = reason_name(Reason::try_from(number).unwrap());
    let of_reason = |status: &&Status| {
        let info = status.get_details_error_info();
        info.is_some_and(|info| info.reason == reason)
    };
    let statuses: Vec<_> = statuses.iter().filter(of_reason).cloned().collect();
    assert!(!statuses.is_empty(), "no status has the reason {reason}");
    let [when, to_do] = comment else {
        panic!("the comment of {reason} has two paragraphs: when, and what the caller does");
    };
    let (documented, when) = when.split_once(": ").expect(reason);
    for status in &statuses {
        let made = code(name(status.code()));
        assert!(documented.starts_with(&made), "{reason} is {made}");
    }
    [
        code(reason),
        documented.to_owned(),
        when.trim_end_matches('.').to_owned(),
        to_do.trim_end_matches('.').to_owned(),
        retry(&statuses).to_owned(),
        details(&statuses),
    ]
}

/// The row of a violation's reason, with at most two descriptions of faults that have it.
fn violation(number: i32, comment: &[String]) -> [String; 4] {
    let reason = ViolationReason::try_from(number).unwrap().as_str_name();
    let reason = reason.trim_start_matches("VIOLATION_REASON_");
    let (mut descriptions, mut metadata) = (Vec::new(), BTreeSet::new());
    for request in faults() {
        let (violations, values) = request.into_parts();
        if violations[0].reason == reason {
            descriptions.push(code(&violations[0].description));
            metadata.extend(values.into_iter().map(|(name, _)| name));
        }
    }
    assert!(!descriptions.is_empty(), "no fault has the reason {reason}");
    descriptions.truncate(2);
    [
        code(reason),
        comment.join(" ").trim_end_matches('.').to_owned(),
        descriptions.join(", "),
        codes(metadata),
    ]
}

#[test]
fn the_errors_are_as_documented() {
    let mut page = Page::new("errors.md", "Errors", ABOUT);
    let statuses = statuses();
    let reasons = values("ErrorReason");
    let rows = reasons
        .iter()
        .map(|(number, comment)| row(*number, comment, &statuses));
    let columns = [
        "reason",
        "code",
        "when",
        "what to do",
        "retry",
        "further details",
    ];
    page.section("Reasons", ABOUT_REASONS, columns, rows);

    let violations = values("ViolationReason");
    let rows = violations
        .iter()
        .map(|(number, comment)| violation(*number, comment));
    let columns = ["reason", "when", "for example", "metadata"];
    page.section("Violations", ABOUT_VIOLATIONS, columns, rows);
    page.compare();
}
