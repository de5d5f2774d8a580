//! A user who has joined or left receives an event. Each such event belongs to a call, and each call has
//! as many events as it has changed users.
//!
//! The answer to a call says only how many users it has changed. So the call that has made an event is
//! known only by its group, its users, its direction, and how far the group had come.

use std::collections::BTreeMap;

use conversation_service::proto::{self, MembershipChanged, change::Kind};

use super::{Rule, Violations};
use crate::{
    history::recording::{Asked, Call, History, Membership, Outcome, Told},
    model::shared_name,
};

/// Every joining and leaving, by user and revision.
pub(in crate::history) fn told(history: &History) -> BTreeMap<(String, u64), &MembershipChanged> {
    let mut told = BTreeMap::new();
    for (user, events) in &history.replayed {
        for event in events {
            let kind = event
                .change
                .as_ref()
                .and_then(|change| change.kind.as_ref());
            if let Some(Kind::MembershipChanged(changed)) = kind {
                told.insert((user.clone(), event.revision), changed);
            }
        }
    }
    told
}

/// Whether the user is in the group since.
pub(in crate::history) fn joins(changed: &MembershipChanged) -> bool {
    changed.membership() == proto::Membership::Member
}

/// The one name of a group for all who are in it.
pub(in crate::history) fn name_of(user: &str, changed: &MembershipChanged) -> String {
    let conversation = changed.conversation.as_ref().expect("an event has it");
    let id = conversation.conversation_id.as_ref();
    shared_name(user, id.expect("a conversation has it"))
}

/// After which message the present or last membership of each user in each group began, and with which
/// one it ended, if it did.
pub(in crate::history) fn stays(
    history: &History,
) -> BTreeMap<(String, String), (u64, Option<u64>)> {
    let mut stays: BTreeMap<(String, String), (u64, Option<u64>)> = BTreeMap::new();
    for ((user, _), changed) in told(history) {
        let stay = stays
            .entry((user.clone(), name_of(&user, changed)))
            .or_default();
        *stay = if joins(changed) {
            (changed.last_seq, None)
        } else {
            (stay.0, Some(changed.last_seq))
        };
    }
    stays
}

pub(super) fn check(history: &History, violations: &mut Violations) {
    let mut inside: BTreeMap<(String, String), bool> = BTreeMap::new();
    let mut events: BTreeMap<(String, bool), usize> = BTreeMap::new();
    for ((user, revision), changed) in told(history) {
        let (group, joins) = (name_of(&user, changed), joins(changed));
        let at = format!("revision {revision} of {user}: {changed:?}");
        let was_inside = inside.insert((user.clone(), group.clone()), joins);
        if was_inside.unwrap_or(false) == joins {
            violations.add(Rule::Memberships, format!("{at} changes nothing"));
        }
        let mut calls = history.calls.iter().filter_map(asked);
        let is_of = |asked: &&Membership| {
            let name = format!("GROUP\n{}", asked.group);
            asked.joins == joins && name == group && asked.users.contains(&user.as_str())
        };
        if !calls.any(|asked| is_of(&asked)) {
            violations.add(Rule::Memberships, format!("nobody has asked for {at}"));
        }
        *events.entry((group, joins)).or_default() += 1;
    }
    let mut counts: BTreeMap<(String, bool), (usize, usize)> = BTreeMap::new();
    for call in &history.calls {
        let Some(asked) = asked(call) else {
            continue;
        };
        let name = format!("GROUP\n{}", asked.group);
        let (least, most) = match &call.outcome {
            Outcome::Done(Told::Members(count)) => {
                let count = usize::try_from(*count).unwrap_or_default();
                (count, count)
            }
            Outcome::InDoubt => (0, asked.users.len()),
            Outcome::Done(_) | Outcome::Refused(_) => (0, 0),
        };
        let count = counts.entry((name, asked.joins)).or_default();
        *count = (count.0 + least, count.1 + most);
    }
    for (of, (least, most)) in counts {
        let told = events.get(&of).copied().unwrap_or_default();
        if !(least..=most).contains(&told) {
            let what = format!("{of:?}: {told} were told, instead of {least} to {most}");
            violations.add(Rule::Memberships, what);
        }
    }
}

fn asked(call: &Call) -> Option<&Membership> {
    match &call.asked {
        Asked::Membership(membership) => Some(membership),
        Asked::Change(_) | Asked::Message(_) | Asked::Announcement(_) => None,
    }
}
