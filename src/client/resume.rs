//! Beginning a stream again after it was interrupted.

use std::{pin::Pin, time::Duration};

use tokio::time::{Sleep, sleep};
use tonic::{Code, Status};

use super::{reason, retry_delay};

/// The shortest wait before a stream starts over; it doubles each time in a row.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest wait, unless the service asks for a longer one.
const LONGEST_DELAY: Duration = Duration::from_secs(15);
/// How long to wait when the service could not say so itself.
const UNANSWERED: Duration = Duration::from_millis(500);

/// The pauses between the attempts of one stream.
#[derive(Debug, Default)]
pub(super) struct Resume {
    /// How often in a row the stream has ended without saying anything.
    failures: u32,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Resume {
    /// The stream has said something.
    pub(super) fn goes_on(&mut self) {
        self.failures = 0;
    }

    /// The stream has ended with a status. Begins a pause.
    ///
    /// # Errors
    ///
    /// The status, if the stream would end with it again.
    pub(super) fn interrupted(&mut self, status: Status) -> Result<(), Status> {
        let Some(delay) = delay(&status, self.failures, rand::random()) else {
            return Err(status);
        };
        self.failures = self.failures.saturating_add(1);
        self.pause = Some(Box::pin(sleep(delay)));
        Ok(())
    }

    /// Resolves when the pause is over, or at once if there is none. May be dropped and asked for again.
    pub(super) async fn pause(&mut self) {
        if let Some(pause) = &mut self.pause {
            pause.as_mut().await;
            self.pause = None;
        }
    }
}

/// How long to wait after a stream, or one user of it, has ended with a status; `None` if it would end with
/// it again. `random` is between 0 and 1, so that those who are interrupted at once do not come back at once.
pub(super) fn delay(status: &Status, failures: u32, random: f64) -> Option<Duration> {
    // The service always gives a reason: without one, a status comes from the connection.
    let is_lost = reason(status).is_none()
        && matches!(
            status.code(),
            Code::Cancelled | Code::Internal | Code::Unavailable | Code::Unknown
        );
    let asked = match retry_delay(status) {
        _ if is_lost => UNANSWERED,
        Some(delay) => delay,
        None => return None,
    };
    let backoff = FIRST_DELAY.saturating_mul(1 << failures.min(10));
    Some(asked.max(backoff.min(LONGEST_DELAY)).mul_f64(1.0 + random))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    fn refused(code: Code, reason: &str, delay: Option<Duration>) -> Status {
        let mut details = ErrorDetails::with_error_info(reason, "conversation.v1", HashMap::new());
        if delay.is_some() {
            details.set_retry_info(delay);
        }
        Status::with_error_details(code, "refused", details)
    }

    #[test]
    fn a_stream_that_was_interrupted_begins_anew_and_one_that_would_end_again_does_not() {
        let asked = Some(Duration::from_secs(3));
        for (status, resumes) in [
            (refused(Code::Unavailable, "SHUTTING_DOWN", asked), true),
            (refused(Code::Aborted, "WATCHER_TOO_SLOW", asked), true),
            (refused(Code::ResourceExhausted, "OVERLOADED", asked), true),
            (Status::unavailable("no connection"), true),
            (Status::internal("the stream was reset"), true),
            (Status::cancelled("the connection was closed"), true),
            (refused(Code::OutOfRange, "REVISION_COMPACTED", None), false),
            (
                refused(Code::InvalidArgument, "INVALID_REQUEST", None),
                false,
            ),
            (refused(Code::Internal, "INTERNAL", None), false),
            (Status::unimplemented("by a proxy"), false),
        ] {
            assert_eq!(delay(&status, 0, 0.5).is_some(), resumes, "{status:?}");
        }
    }

    #[test]
    fn the_wait_is_at_least_what_is_asked_for_and_grows_with_failures_up_to_a_limit() {
        let asked = Duration::from_secs(3);
        let status = refused(Code::Unavailable, "SHUTTING_DOWN", Some(asked));
        assert_eq!(delay(&status, 0, 0.0), Some(asked));
        assert_eq!(delay(&status, 0, 1.0), Some(2 * asked));
        let lost = Status::unavailable("no connection");
        let delays: Vec<_> = (0..40).filter_map(|n| delay(&lost, n, 0.0)).collect();
        assert!(delays.is_sorted());
        assert_eq!(delays.first(), Some(&UNANSWERED));
        assert_eq!(delays.last(), Some(&LONGEST_DELAY));
    }
}
