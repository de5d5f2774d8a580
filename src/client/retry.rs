//! Sending a request until it is answered.

use std::time::Duration;

use tonic::Status;

use super::retry_delay;

/// The shortest wait before the second attempt; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(50);

/// How often, and for how long, a request is sent again.
///
/// Send only requests that may arrive twice: those that change nothing, and those with a `request_id` or a
/// `client_message_id`.
///
/// ```no_run
/// use conversation_service::{client::{Client, Retry}, proto::DeleteConversationsRequest};
///
/// # async fn delete(client: Client, request: DeleteConversationsRequest) -> Result<(), tonic::Status> {
/// let answer = Retry::default()
///     .run(async || client.conversations().delete_conversations(request.clone()).await)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The most attempts, the first one included.
    pub attempts: u32,
    /// The most time that the waits between attempts may take together.
    pub budget: Duration,
}

impl Default for Retry {
    /// Five attempts, with at most 10 seconds of waiting.
    fn default() -> Self {
        Self {
            attempts: 5,
            budget: Duration::from_secs(10),
        }
    }
}

impl Retry {
    /// Calls until there is an answer, a refusal that would only come again, or nothing left of attempts
    /// or budget. Waits as long as the service asks for, and a random while more.
    ///
    /// # Errors
    ///
    /// The status of the last attempt.
    pub async fn run<T>(
        self,
        mut call: impl AsyncFnMut() -> Result<T, Status>,
    ) -> Result<T, Status> {
        let (mut attempt, mut waited) = (1, Duration::ZERO);
        loop {
            let status = match call().await {
                Ok(answer) => return Ok(answer),
                Err(status) => status,
            };
            match self.delay(attempt, waited, &status, rand::random()) {
                Some(delay) => {
                    (attempt, waited) = (attempt + 1, waited + delay);
                    tokio::time::sleep(delay).await;
                }
                None => return Err(status),
            }
        }
    }

    /// How long to wait after this attempt, the first being 1, has failed with `status`; `None` to give up.
    /// `random` is between 0 and 1.
    fn delay(
        self,
        attempt: u32,
        waited: Duration,
        status: &Status,
        random: f64,
    ) -> Option<Duration> {
        if attempt >= self.attempts {
            return None;
        }
        let least = FIRST_DELAY.saturating_mul(1 << (attempt - 1).min(10));
        let delay = retry_delay(status)?.max(least).mul_f64(1.0 + random);
        (waited.saturating_add(delay) <= self.budget).then_some(delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry {
        attempts: 4,
        budget: Duration::from_mins(1),
    };

    fn lost() -> Status {
        Status::unavailable("no connection")
    }

    #[test]
    fn the_wait_is_as_long_as_asked_for_and_up_to_twice_that() {
        let shortest = RETRY.delay(1, Duration::ZERO, &lost(), 0.0);
        let longest = RETRY.delay(1, Duration::ZERO, &lost(), 1.0);
        assert_eq!(shortest, retry_delay(&lost()));
        assert_eq!(longest, shortest.map(|delay| delay * 2));
    }

    #[test]
    fn attempts_and_budget_are_limits() {
        assert!(RETRY.delay(3, Duration::ZERO, &lost(), 0.0).is_some());
        assert_eq!(RETRY.delay(4, Duration::ZERO, &lost(), 0.0), None);
        assert_eq!(RETRY.delay(1, RETRY.budget, &lost(), 0.0), None);
    }

    #[test]
    fn a_refusal_that_would_come_again_ends_it() {
        let refused = Status::invalid_argument("wrong");
        assert_eq!(RETRY.delay(1, Duration::ZERO, &refused, 0.0), None);
    }

    #[tokio::test]
    async fn an_answer_and_a_refusal_end_it_at_once() {
        let answer = RETRY.run(async || Ok(7)).await;
        assert_eq!(answer.expect("an answer"), 7);
        let mut attempts = 0;
        let refused = RETRY
            .run(async || {
                attempts += 1;
                Err::<(), _>(Status::invalid_argument("wrong"))
            })
            .await;
        assert!(refused.is_err());
        assert_eq!(attempts, 1);
    }
}
