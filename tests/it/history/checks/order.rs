//! A call that ended before another began comes before it: changes in the order of a user's revisions,
//! messages in the order of a conversation's positions.

use std::collections::BTreeMap;

use super::{Rule, Violations, changes};
use crate::{
    history::recording::{Call, History},
    model::shared_name,
};

pub(super) fn check(history: &History, violations: &mut Violations) {
    let mut places: BTreeMap<(String, String), BTreeMap<u64, &Call>> = BTreeMap::new();
    for ((user, revision), call) in changes::acknowledged(history) {
        let of = ("changes".to_owned(), user);
        places.entry(of).or_default().insert(revision, call);
    }
    for call in &history.calls {
        for (participant, message) in call.stored() {
            let id = message.conversation_id.as_ref().expect("a message has it");
            let of = ("messages".to_owned(), shared_name(participant, id));
            places.entry(of).or_default().insert(message.seq, call);
        }
    }
    for (of, calls) in places {
        // The one of those so far that began last.
        let mut last: Option<(u64, &Call)> = None;
        for (place, call) in calls {
            if let Some((before, late)) = last
                && call.ended.is_some_and(|ended| ended < late.began)
            {
                let what = format!(
                    "{of:?}: {place} ended before {before} began: {:?}, {:?}",
                    call.asked, late.asked
                );
                violations.add(Rule::Order, what);
            }
            if last.is_none_or(|(_, late)| late.began < call.began) {
                last = Some((place, call));
            }
        }
    }
}
