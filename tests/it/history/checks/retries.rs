//! A retry of a call that was done is answered as at first, word for word.

use super::{Rule, Violations};
use crate::history::recording::History;

pub(super) fn check(history: &History, violations: &mut Violations) {
    for call in &history.calls {
        let other = call.again.iter().find(|again| **again != call.outcome);
        if let Some(other) = other {
            let what = format!("first {:?}, then {other:?}: {:?}", call.outcome, call.asked);
            violations.add(Rule::Retries, what);
        }
    }
}
