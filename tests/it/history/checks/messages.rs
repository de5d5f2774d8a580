//! Every message that was acknowledged is stored at the position that its sender was given, once; and
//! every position is that of one message.

use std::collections::{BTreeMap, BTreeSet};

use super::{Rule, Violations, memberships};
use crate::{
    history::{
        drawing::{CROWD, SMALL_GROUP, USERS},
        found::Found,
        recording::{Asked, Call, History},
    },
    model::shared_name,
    properties::requests::{Answer, Request},
};

pub(super) fn check(history: &History, found: &Found, violations: &mut Violations) {
    let told = told(history, violations);
    let gone = Gone {
        cleared: cleared(history),
        stays: memberships::stays(history),
    };
    for ((conversation, seq), (call, _)) in &told {
        let is_gone = !found.messages.contains_key(&(conversation.clone(), *seq));
        let at = format!("message {seq} of {conversation:?}");
        if is_gone && !gone.may_be_erased(conversation, *seq) {
            let Call { asked, .. } = call;
            violations.add(
                Rule::Messages,
                format!("{at} was acknowledged and is gone: {asked:?}"),
            );
        }
        if found.heads.get(conversation).is_none_or(|head| head < seq) {
            violations.add(Rule::Messages, format!("{at} is beyond the head"));
        }
    }
    for ((conversation, seq), stored) in &found.messages {
        let at = format!("message {seq} of {conversation:?}");
        match told.get(&(conversation.clone(), *seq)) {
            None if !may_be_in_doubt(history, conversation) => {
                violations.add(Rule::Messages, format!("nobody has sent {at}"));
            }
            Some((call, sender))
                if (&stored.sender, stored.client_message_id.as_str())
                    != (sender, name(&call.asked)) =>
            {
                violations.add(
                    Rule::Messages,
                    format!("{at} is {stored:?} instead of {:?}", call.asked),
                );
            }
            _ => {}
        }
    }
    for (conversation, head) in &found.heads {
        let known: BTreeSet<u64> = told
            .range((conversation.clone(), 0)..=(conversation.clone(), u64::MAX))
            .map(|((_, seq), _)| *seq)
            .collect();
        let gap = (1..=*head).find(|seq| !known.contains(seq));
        if let Some(gap) = gap.filter(|_| !may_be_in_doubt(history, conversation)) {
            let what = format!("nobody was told position {gap} of {head} in {conversation:?}");
            violations.add(Rule::Messages, what);
        }
    }
    let mut names = BTreeMap::new();
    for ((conversation, seq), stored) in &found.messages {
        let name = (conversation, &stored.sender, &stored.client_message_id);
        if !stored.client_message_id.is_empty()
            && let Some(other) = names.insert(name, seq)
        {
            let what = format!("{name:?} is stored at {other} and at {seq}");
            violations.add(Rule::Messages, what);
        }
    }
}

/// The messages whose senders were given a position, by conversation and position, each with its sender.
fn told<'a>(
    history: &'a History,
    violations: &mut Violations,
) -> BTreeMap<(String, u64), (&'a Call, &'a String)> {
    let mut told: BTreeMap<(String, u64), (&Call, &String)> = BTreeMap::new();
    for call in &history.calls {
        for (participant, message) in call.stored() {
            let id = message.conversation_id.as_ref().expect("a message has it");
            let place = (shared_name(participant, id), message.seq);
            let message = (call, &message.sender_user_id);
            if let Some((other, _)) = told.insert(place.clone(), message) {
                let (one, other) = (&call.asked, &other.asked);
                let what = format!("{place:?} was given to {other:?} and to {one:?}");
                violations.add(Rule::Messages, what);
            }
        }
    }
    told
}

/// Whether a message whose sender was given no position may have been stored in the conversation.
fn may_be_in_doubt(history: &History, conversation: &str) -> bool {
    let mut in_doubt = history.calls.iter().filter(|call| call.told().is_none());
    in_doubt.any(|call| {
        let mut destinations = call.asked.destinations().into_iter();
        destinations.any(|name| name == conversation)
    })
}

/// How far each conversation of a user is cleared, as far as an answer has said so.
fn cleared(history: &History) -> BTreeMap<(String, String), u64> {
    let mut cleared = BTreeMap::new();
    for (request, answer) in history.calls.iter().filter_map(Call::changed) {
        let (user, results) = match (request, answer) {
            (Request::Delete(request), Answer::Delete(answer)) => {
                (&request.user_id, &answer.results)
            }
            (Request::Clear(request), Answer::Clear(answer)) => (&request.user_id, &answer.results),
            _ => continue,
        };
        for result in results {
            let id = result.conversation_id.as_ref().expect("a result has it");
            let through = cleared
                .entry((user.clone(), shared_name(user, id)))
                .or_default();
            *through = result.cleared_through.max(*through);
        }
    }
    cleared
}

/// The messages that users have lost sight of, at one time or another.
struct Gone {
    cleared: BTreeMap<(String, String), u64>,
    stays: BTreeMap<(String, String), (u64, Option<u64>)>,
}

impl Gone {
    /// Whether nobody in the conversation may have seen the message at some time.
    fn may_be_erased(&self, conversation: &str, seq: u64) -> bool {
        let mut parts = conversation.split('\n');
        let kind = parts.next().unwrap_or_default();
        let participants: Vec<&str> = match (kind, parts.collect::<Vec<_>>()) {
            ("GROUP", names) if names == [SMALL_GROUP] => USERS.to_vec(),
            ("GROUP", _) => USERS.into_iter().chain(CROWD).collect(),
            (_, names) => names,
        };
        participants.iter().all(|user| {
            let name = ((*user).to_owned(), conversation.to_owned());
            let is_cleared = self
                .cleared
                .get(&name)
                .is_some_and(|through| *through >= seq);
            let stay = self.stays.get(&name);
            let is_outside = stay.is_some_and(|(joined, left)| {
                seq <= *joined || left.is_some_and(|left| left < seq)
            });
            is_cleared || is_outside
        })
    }
}

fn name(asked: &Asked) -> &str {
    match asked {
        Asked::Message(request) => &request.client_message_id,
        Asked::Announcement(request) => &request.client_message_id,
        Asked::Change(_) | Asked::Membership(_) => "",
    }
}
