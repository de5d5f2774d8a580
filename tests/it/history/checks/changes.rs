//! Every change that was acknowledged is in its user's log, once, at its revision; and every revision
//! is that of one change.

use std::collections::BTreeMap;

use super::{Rule, Violations, memberships};
use crate::{
    history::{
        found::Found,
        recording::{Call, History},
    },
    properties::requests::Request,
};

/// The changes that were acknowledged, by user and revision. The first of two that claim the same.
pub(in crate::history) fn acknowledged(history: &History) -> BTreeMap<(String, u64), &Call> {
    let mut changes = BTreeMap::new();
    for call in &history.calls {
        if let Some((request, answer)) = call.changed() {
            let revision = (user(request), answer.revision());
            changes.entry(revision).or_insert(call);
        }
    }
    changes
}

pub(super) fn check(history: &History, found: &Found, violations: &mut Violations) {
    let acknowledged = acknowledged(history);
    let memberships = memberships::told(history);
    let is_known =
        |at: &(String, u64)| acknowledged.contains_key(at) || memberships.contains_key(at);
    for (request, answer) in history.calls.iter().filter_map(Call::changed) {
        let at = (user(request), answer.revision());
        let first = acknowledged[&at].changed().expect("it was made");
        if first.0 != request {
            let what = format!("{at:?} is that of {:?} and of {request:?}", first.0);
            violations.add(Rule::Changes, what);
        }
        match found.changes.get(&at) {
            None => violations.add(
                Rule::Changes,
                format!("{at:?} was acknowledged and is not in the log: {request:?}"),
            ),
            Some(id) if *id != name(request) => violations.add(
                Rule::Changes,
                format!("{at:?} in the log is {id:?} instead of {request:?}"),
            ),
            Some(_) => {}
        }
        let is_beyond = found.revisions.get(&at.0).is_none_or(|last| *last < at.1);
        if is_beyond {
            violations.add(
                Rule::Changes,
                format!("{at:?} is beyond the user's revision"),
            );
        }
    }
    let of_those = |at: &&(String, u64)| history.replayed.contains_key(&at.0);
    for (at, id) in found.changes.iter().filter(|(at, _)| of_those(at)) {
        if !is_known(at) {
            violations.add(
                Rule::Changes,
                format!("nobody was told of {at:?}, request {id:?}"),
            );
        }
    }
    for (at, changed) in &memberships {
        if acknowledged.contains_key(at) || !found.changes.contains_key(at) {
            let what = format!("{at:?} is no joining or leaving: {changed:?}");
            violations.add(Rule::Changes, what);
        }
    }
    // Nobody listens for the others, who only join once.
    let users = found.revisions.iter();
    for (user, last) in users.filter(|(user, _)| history.replayed.contains_key(*user)) {
        let gap = (1..=*last).find(|revision| {
            let at = (user.clone(), *revision);
            !is_known(&at)
        });
        if let Some(gap) = gap {
            let what = format!("nobody was told revision {gap} of {last} of {user}");
            violations.add(Rule::Changes, what);
        }
    }
}

/// The user whose change it is.
pub(in crate::history) fn user(request: &Request) -> String {
    request.name().0
}

/// The ID of the request.
pub(in crate::history) fn name(request: &Request) -> String {
    request.name().1
}
