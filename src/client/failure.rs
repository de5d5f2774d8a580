//! What a refused call means to who made it.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// How long to wait after a connection was lost, about which nobody could say.
const AFTER_A_LOST_CONNECTION: Duration = Duration::from_secs(1);

/// Why the service refused a call, as a stable word: `PIN_LIMIT_REACHED`, for example. The protocol names
/// those of each method. `None` if it was not the service that refused.
pub fn reason(status: &Status) -> Option<String> {
    status.get_details_error_info().map(|info| info.reason)
}

/// How long to wait before the same request may succeed; `None` if it would fail again.
///
/// A request that changes something may be sent again only if it has a `request_id` (a message: a
/// `client_message_id`), and then with the same one: it may have been carried out although the answer
/// was lost. Many callers that wait equally long come back all at once, so add something random.
pub fn retry_delay(status: &Status) -> Option<Duration> {
    let is_lost = matches!(status.code(), Code::Unavailable | Code::Unknown);
    match status.get_details_retry_info() {
        Some(info) => Some(info.retry_delay.unwrap_or_default()),
        // The service always gives a reason, so this is not from the service.
        None => (is_lost && reason(status).is_none()).then_some(AFTER_A_LOST_CONNECTION),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

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
        assert_eq!(reason(&overloaded).as_deref(), Some("OVERLOADED"));
        assert_eq!(retry_delay(&overloaded), Some(Duration::from_secs(3)));

        let invalid = refused(Code::InvalidArgument, "INVALID_REQUEST", None);
        assert_eq!(reason(&invalid).as_deref(), Some("INVALID_REQUEST"));
        assert_eq!(retry_delay(&invalid), None);
    }

    #[test]
    fn a_lost_connection_is_worth_another_try() {
        assert!(retry_delay(&Status::unavailable("no connection")).is_some());
        assert!(retry_delay(&Status::unknown("transport error")).is_some());
        assert_eq!(retry_delay(&Status::cancelled("by the caller")), None);
        assert_eq!(reason(&Status::unavailable("no connection")), None);
    }
}
