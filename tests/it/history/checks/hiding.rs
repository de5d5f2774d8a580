//! A message whose sending began after a deletion or clearing had ended is not touched by it, and a
//! conversation whose newest message no deletion has reached is listed, unless one has told it to stay away.

use std::collections::{BTreeMap, BTreeSet};

use conversation_service::proto::Reappearance;

use super::{Rule, Violations, memberships};
use crate::{
    history::{
        drawing::conversations,
        found::Found,
        recording::{Call, History, Moment},
    },
    model::shared_name,
    properties::requests::{Answer, Request},
};

pub(super) fn check(history: &History, found: &Found, violations: &mut Violations) {
    let sent = sent(history);
    check_lists(history, found, &sent, violations);
    for call in &history.calls {
        let (Some((request, answer)), Some(ended)) = (call.changed(), call.ended) else {
            continue;
        };
        let (user, results) = match (request, answer) {
            (Request::Delete(request), Answer::Delete(answer)) => {
                (&request.user_id, &answer.results)
            }
            (Request::Clear(request), Answer::Clear(answer)) => (&request.user_id, &answer.results),
            _ => continue,
        };
        for result in results {
            let id = result.conversation_id.as_ref().expect("a result has it");
            let later = sent.get(&shared_name(user, id)).into_iter().flatten();
            let later = later.filter(|(began, _)| *began > ended);
            let first = later.map(|(_, seq)| *seq).min();
            let through = result.hidden_through.max(result.cleared_through);
            if first.is_some_and(|first| first <= through) {
                violations.add(
                    Rule::Hiding,
                    format!("message {first:?} was sent after {request:?}, which has {result:?}"),
                );
            }
        }
    }
}

/// A conversation is listed if no deletion has reached its newest message.
fn check_lists(
    history: &History,
    found: &Found,
    sent: &BTreeMap<String, Vec<(Moment, u64)>>,
    violations: &mut Violations,
) {
    let mut hidden: BTreeMap<(&String, String), u64> = BTreeMap::new();
    let mut told_to_stay_away = BTreeSet::new();
    for (request, answer) in history.calls.iter().filter_map(Call::changed) {
        if let (Request::Delete(request), Answer::Delete(answer)) = (request, answer) {
            for result in &answer.results {
                let id = result.conversation_id.as_ref().expect("a result has it");
                let name = (&request.user_id, shared_name(&request.user_id, id));
                if request.reappearance() == Reappearance::Never {
                    told_to_stay_away.insert(name.clone());
                }
                let through = hidden.entry(name).or_default();
                *through = result.hidden_through.max(*through);
            }
        }
    }
    let stays = memberships::stays(history);
    for (user, listed) in &found.listed {
        for id in conversations() {
            let name = shared_name(user, &id);
            let newest = sent.get(&name).into_iter().flatten();
            let newest = newest.map(|(_, seq)| *seq).max().unwrap_or(0);
            // Only what has come during the present or last membership counts.
            let (joined, left) = stays
                .get(&(user.clone(), name.clone()))
                .copied()
                .unwrap_or_default();
            let newest = left.unwrap_or(newest);
            let of_user = (user, name.clone());
            let through = hidden.get(&of_user).copied().unwrap_or(0);
            if told_to_stay_away.contains(&of_user) {
                continue;
            }
            if newest > through.max(joined) && !listed.contains(&name) {
                violations.add(
                    Rule::Hiding,
                    format!(
                        "{name:?} is not in the list of {user}: {newest:?} is the newest, \
                             hidden through {through:?}"
                    ),
                );
            }
        }
    }
}

/// When the sending of each message began, and its position, by conversation.
fn sent(history: &History) -> BTreeMap<String, Vec<(Moment, u64)>> {
    let mut sent: BTreeMap<String, Vec<(Moment, u64)>> = BTreeMap::new();
    for call in &history.calls {
        for (participant, message) in Call::stored(call) {
            let id = message.conversation_id.as_ref().expect("a message has it");
            let name = shared_name(participant, id);
            sent.entry(name)
                .or_default()
                .push((call.began, message.seq));
        }
    }
    sent
}
