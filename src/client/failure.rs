//! The meaning of a failed call for its caller: reason, violations, delay before a retry.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::proto::{ErrorReason, ViolationReason};

/// How long to wait when the service could not say so itself: the connection was lost, or the deadline
/// passed.
const UNANSWERED: Duration = Duration::from_secs(1);

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field: `conversation_ids[3].group_id`, for example.
    pub field: String,
    /// The kind of the fault; `Unspecified` if the service is newer than this client.
    pub reason: ViolationReason,
    /// The fault in words, for a developer.
    pub description: String,
}

/// Why the service refused a call. `None` if the service did not refuse it; `Unspecified` if the service
/// is newer than this client and has a reason that the client does not know.
pub fn reason(status: &Status) -> Option<ErrorReason> {
    let name = status.get_details_error_info()?.reason;
    let known = ErrorReason::from_str_name(&format!("ERROR_REASON_{name}"));
    Some(known.unwrap_or_default())
}

/// The violations of a refused request, at most 20. Empty unless the code is
/// `INVALID_ARGUMENT`.
pub fn violations(status: &Status) -> Vec<Violation> {
    let Some(request) = status.get_details_bad_request() else {
        return Vec::new();
    };
    let violations = request.field_violations.into_iter().map(|violation| {
        let name = format!("VIOLATION_REASON_{}", violation.reason);
        Violation {
            field: violation.field,
            reason: ViolationReason::from_str_name(&name).unwrap_or_default(),
            description: violation.description,
        }
    });
    violations.collect()
}

/// How long to wait before the same request may succeed; `None` if it would fail again.
///
/// A request that changes something may be sent again only with the same `request_id` (a message: with the
/// same `client_message_id`): it may have been carried out although the answer was lost or late.
/// Callers that all wait equally long come back at the same time, so add something random, as
/// [`Retry`](super::Retry) does.
pub fn retry_delay(status: &Status) -> Option<Duration> {
    if let Some(info) = status.get_details_retry_info() {
        return Some(info.retry_delay.unwrap_or_default());
    }
    let is_answered = match status.code() {
        // Nothing is half done, and the retry tells what has become of the request.
        Code::DeadlineExceeded => false,
        // The service always gives a reason: without one, these come from the connection.
        Code::Unavailable | Code::Unknown => reason(status).is_some(),
        _ => true,
    };
    (!is_answered).then_some(UNANSWERED)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::{ErrorDetails, FieldViolation};

    use super::*;

    fn refused(code: Code, reason: &str, delay: Option<Duration>) -> Status {
        let mut details = ErrorDetails::with_error_info(reason, "conversation.v1", HashMap::new());
        if delay.is_some() {
            details.set_retry_info(delay);
        }
        Status::with_error_details(code, "refused", details)
    }

    #[test]
    fn a_refusal_says_why_and_whether_to_try_again() {
        let overloaded = refused(
            Code::ResourceExhausted,
            "OVERLOADED",
            Some(Duration::from_secs(3)),
        );
        assert_eq!(reason(&overloaded), Some(ErrorReason::Overloaded));
        assert_eq!(retry_delay(&overloaded), Some(Duration::from_secs(3)));

        let invalid = refused(Code::InvalidArgument, "INVALID_REQUEST", None);
        assert_eq!(reason(&invalid), Some(ErrorReason::InvalidRequest));
        assert_eq!(retry_delay(&invalid), None);
    }

    #[test]
    fn a_reason_of_a_newer_service_is_unspecified() {
        let newer = refused(Code::FailedPrecondition, "OF_TOMORROW", None);
        assert_eq!(reason(&newer), Some(ErrorReason::Unspecified));
    }

    #[test]
    fn a_lost_connection_and_a_passed_deadline_are_worth_another_try() {
        assert!(retry_delay(&Status::unavailable("no connection")).is_some());
        assert!(retry_delay(&Status::unknown("transport error")).is_some());
        assert!(retry_delay(&Status::deadline_exceeded("late")).is_some());
        let late = refused(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", None);
        assert!(retry_delay(&late).is_some());
        assert_eq!(retry_delay(&Status::cancelled("by the caller")), None);
        assert_eq!(reason(&Status::unavailable("no connection")), None);
    }

    #[test]
    fn each_violation_has_its_field_its_kind_and_its_words() {
        let mut details = ErrorDetails::new();
        details.set_bad_request(vec![FieldViolation {
            reason: "TOO_LONG".to_owned(),
            ..FieldViolation::new("user_id", "must be at most 128 bytes long")
        }]);
        let status = Status::with_error_details(Code::InvalidArgument, "refused", details);
        let expected = Violation {
            field: "user_id".to_owned(),
            reason: ViolationReason::TooLong,
            description: "must be at most 128 bytes long".to_owned(),
        };
        assert_eq!(violations(&status), [expected]);
        assert_eq!(violations(&Status::unavailable("no connection")), []);
    }
}
