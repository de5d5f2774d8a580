//! The rules that every history must keep. Each check is a function of what was seen and what was found,
//! so that a test can show it something wrong.
//!
//! - [`messages`]: what was acknowledged is stored, once, at its position, and positions have no gap;
//! - [`changes`]: the same of changes and revisions;
//! - [`memberships`]: the same of joining and leaving;
//! - [`order`]: what ended before something else began comes before it;
//! - [`retries`]: a retry is answered as the first try was;
//! - [`hiding`]: no deletion hides what was sent after it, and what nothing hides is listed;
//! - [`replay`]: replayed in the order of revisions, the model gives the same answers;
//! - [`watching`]: watchers are notified of everything, once, in order.

pub(super) mod changes;
mod faulty;
pub(super) mod hiding;
pub(super) mod memberships;
pub(super) mod messages;
pub(super) mod order;
pub(super) mod replay;
pub(super) mod retries;
pub(crate) mod watching;

use super::{found::Found, recording::History};

/// The subject of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rule {
    /// No caller gets an answer that no caller should get.
    Answers,
    Messages,
    Changes,
    Memberships,
    Order,
    Retries,
    Hiding,
    Replay,
    /// The answers of the service afterwards.
    State,
    Watching,
}

/// A rule that was broken, and how.
#[derive(Clone, Debug)]
pub(super) struct Violation {
    pub(super) rule: Rule,
    pub(super) what: String,
}

/// Notes what breaks a rule.
#[derive(Debug, Default)]
pub(super) struct Violations(pub(super) Vec<Violation>);

impl Violations {
    pub(super) fn add(&mut self, rule: Rule, what: impl Into<String>) {
        let what = what.into();
        self.0.push(Violation { rule, what });
    }

    /// The rules that were broken, each once.
    pub(super) fn rules(&self) -> Vec<Rule> {
        let mut rules: Vec<_> = self.0.iter().map(|violation| violation.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// Fails unless there is none.
    pub(super) fn assert_none(&self, seed: u64) {
        let shown = self.0.iter().take(20);
        let shown: Vec<_> = shown
            .map(|Violation { rule, what }| format!("  {rule:?}: {what}\n"))
            .collect();
        let count = self.0.len();
        assert!(
            self.0.is_empty(),
            "TEST_SEED={seed}: {count} violations\n{}",
            shown.concat()
        );
    }
}

/// All that can be checked without asking the service.
pub(super) fn check(history: &History, found: &Found) -> Violations {
    let mut violations = Violations::default();
    for failure in &history.failures {
        violations.add(Rule::Answers, failure.clone());
    }
    messages::check(history, found, &mut violations);
    changes::check(history, found, &mut violations);
    memberships::check(history, &mut violations);
    order::check(history, &mut violations);
    retries::check(history, &mut violations);
    hiding::check(history, found, &mut violations);
    watching::check(history, &mut violations);
    violations
}
