//! The delays that refused callers are asked to wait. They are random, so that callers that were refused at the
//! same time do not all come back at the same time.

use std::time::Duration;

use tonic::Status;

use super::status;

/// How long at least, and at most, a caller that was refused is asked to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ComeBack {
    after: Duration,
    within: Duration,
}

/// Calls that end by themselves make room soon.
pub(super) const CALLS: ComeBack = ComeBack {
    after: Duration::from_secs(1),
    within: Duration::from_secs(2),
};
/// A gateway that connects again begins all of its watches at once.
pub(super) const WATCHES: ComeBack = ComeBack {
    after: Duration::from_secs(1),
    within: Duration::from_secs(10),
};

impl ComeBack {
    /// The refusal of a call for which there is no room.
    pub(super) fn refusal(self) -> Status {
        let spread = self.within.saturating_sub(self.after);
        status::overloaded(self.after + spread.mul_f64(rand::random()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tonic_types::StatusExt as _;

    use super::*;

    #[test]
    fn those_who_are_refused_at_once_are_asked_to_come_back_at_different_times() {
        for come_back in [CALLS, WATCHES] {
            let delays: BTreeSet<_> = (0..100)
                .map(|_| {
                    let retry = come_back.refusal().get_details_retry_info();
                    retry.and_then(|retry| retry.retry_delay).unwrap()
                })
                .collect();
            assert!(delays.len() > 50, "{delays:?}");
            assert!(delays.first() >= Some(&come_back.after), "{delays:?}");
            assert!(delays.last() <= Some(&come_back.within), "{delays:?}");
        }
    }
}
