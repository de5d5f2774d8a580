//! Each user's changes, replayed in the order of their revisions, make the model give the answers that
//! the service gave.
//!
//! How far a conversation had gone when a change was made is known only within bounds: at least as far
//! as what was acknowledged before the change began, and no further than what had begun before it
//! ended. So for each conversation the replay looks for a head within these bounds, and for a newest
//! message of the user's own, that explain what the answer says of it.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use conversation_service::proto::{
    ConversationId, MembershipChanged, Message, conversation_id::Id,
};

use super::{Rule, Violations, changes, memberships};
use crate::{
    history::{
        drawing::{PIN_LIMIT, USERS, conversations},
        recording::{Asked, Call, History, Moment},
    },
    model::{Model, Policy, shared_name},
    properties::requests::{Answer, Request},
    support::ids::c2c,
};

/// Longer than any history: what was undone was undone in time.
const POLICY: Policy = Policy {
    window: Duration::from_hours(24 * 365),
    retention: Duration::from_hours(24 * 365),
    pin_limit: PIN_LIMIT,
};

/// All messages of a conversation, by position.
type Sent<'a> = BTreeMap<u64, (&'a Call, &'a Message)>;

/// The model of each user at the end of the history, if everything could be explained.
pub(in crate::history) fn check(
    history: &History,
    violations: &mut Violations,
) -> BTreeMap<&'static str, Model> {
    let sent = sent(history);
    let is_whole = |sent: &Sent<'_>| sent.keys().copied().eq(1..=sent.len() as u64);
    let changes = changes::acknowledged(history).into_iter();
    let mut steps: BTreeMap<_, _> = changes.map(|(at, call)| (at, Step::Change(call))).collect();
    for (at, changed) in memberships::told(history) {
        steps.entry(at).or_insert(Step::Membership(changed));
    }
    let mut models = BTreeMap::new();
    for user in USERS {
        let of_user = (user.to_owned(), 0)..=(user.to_owned(), u64::MAX);
        let steps: Vec<_> = steps.range(of_user).collect();
        let has_gaps = (1..).zip(&steps).any(|(next, ((_, at), _))| *at != next);
        if has_gaps || !sent.values().all(is_whole) {
            violations.add(Rule::Replay, format!("the history of {user} has gaps"));
            continue;
        }
        let mut replay = Replay::new(history, user, &sent);
        let mut explained = true;
        for ((_, revision), step) in steps {
            let explanation = match step {
                Step::Change(call) => replay.explain(call),
                Step::Membership(event) => replay.change_membership(event),
            };
            if let Err(what) = explanation {
                let what = format!("revision {revision} of {user}: {what}");
                violations.add(Rule::Replay, what);
                explained = false;
                break;
            }
        }
        if explained {
            models.insert(user, replay.end());
        }
    }
    models
}

/// All messages whose positions are known, by conversation.
fn sent(history: &History) -> BTreeMap<String, Sent<'_>> {
    let mut sent: BTreeMap<String, Sent<'_>> = BTreeMap::new();
    for call in &history.calls {
        for (participant, message) in call.stored() {
            let id = message.conversation_id.as_ref().expect("a message has it");
            let name = shared_name(participant, id);
            sent.entry(name)
                .or_default()
                .insert(message.seq, (call, message));
        }
    }
    sent
}

/// Something that has made a revision.
#[derive(Clone, Copy)]
enum Step<'a> {
    Change(&'a Call),
    Membership(&'a MembershipChanged),
}

struct Replay<'a> {
    history: &'a History,
    user: &'static str,
    sent: &'a BTreeMap<String, Sent<'a>>,
    ids: Vec<ConversationId>,
    model: Model,
}

impl<'a> Replay<'a> {
    fn new(history: &'a History, user: &'static str, sent: &'a BTreeMap<String, Sent<'a>>) -> Self {
        let ids: Vec<_> = conversations().into_iter().chain([c2c("nobody")]).collect();
        let messages = ids.iter().flat_map(|id| {
            let messages = sent.get(&shared_name(user, id));
            let messages = messages.into_iter().flat_map(BTreeMap::values);
            messages.map(move |(_, message)| (user, id, *message))
        });
        let model = Model::of_messages(POLICY, messages);
        Self {
            history,
            user,
            sent,
            ids,
            model,
        }
    }

    /// Joins or leaves in the model as well, when the group had come as far as the event says; some call
    /// must have found it there.
    fn change_membership(&mut self, changed: &MembershipChanged) -> Result<(), String> {
        let conversation = changed.conversation.as_ref().expect("an event has it");
        let id = conversation.conversation_id.as_ref();
        let id = id.expect("a conversation has it").clone();
        let Some(Id::GroupId(group)) = id.id.clone() else {
            return Err(format!("it is no group: {changed:?}"));
        };
        let joins = memberships::joins(changed);
        let mut calls = self.history.calls.iter();
        let is_possible = calls.any(|call| {
            let Asked::Membership(asked) = &call.asked else {
                return false;
            };
            let ended = call.ended.unwrap_or(Moment::MAX);
            let (heads, _) = self.bounds(&id, call.began, ended);
            (asked.group, asked.joins) == (group.as_str(), joins)
                && asked.users.contains(&self.user)
                && heads.contains(&changed.last_seq)
        });
        if !is_possible {
            return Err(format!("the group was never there: {changed:?}"));
        }
        let own = self.own(&id).filter(|seq| *seq <= changed.last_seq);
        let own = own.max().unwrap_or(0);
        self.model
            .look_back(self.user, &id, changed.last_seq, own, false);
        let count = if joins {
            self.model.join(&group, [self.user])
        } else {
            self.model.leave(&group, [self.user])
        };
        if count != 1 {
            return Err(format!("it changes nothing: {changed:?}"));
        }
        Ok(())
    }

    /// Makes the change in the model as well, as of a moment at which it has this answer.
    fn explain(&mut self, call: &Call) -> Result<(), String> {
        let (request, answer) = call.changed().expect("it was made");
        let request = &request.as_answered(answer);
        let ended = call.ended.unwrap_or(Moment::MAX);
        let mut moment = self.model.clone();
        for id in &self.ids {
            let (heads, own) = self.bounds(id, call.began, ended);
            let (head, own) = (*heads.start(), *own.start());
            moment.look_back(self.user, id, head, own, head > 0);
        }
        let first = request.carry_out(&mut moment.clone()).ok();
        for id in &self.ids {
            let said = first.as_ref().map(|first| told(first, id));
            if said == Some(told(answer, id)) {
                continue;
            }
            moment = self
                .moment(&moment, id, (request, answer), call.began, ended)
                .ok_or_else(|| {
                    let (heads, own) = self.bounds(id, call.began, ended);
                    let before = says(&moment, request, id);
                    format!(
                        "nothing explains what was answered of {id:?} (head {heads:?}, own {own:?}): \
                         {request:?}\n    service: {:?}\n    model: {before:?}",
                        told(answer, id)
                    )
                })?;
        }
        let expected = request.carry_out(&mut moment);
        let expected = expected.map_err(|refusal| format!("{refusal:?}: {request:?}"))?;
        let (expected, answer) = (expected.timeless(), answer.clone().timeless());
        if expected != answer {
            return Err(format!(
                "{request:?}\n    service: {answer:?}\n    model: {expected:?}"
            ));
        }
        self.model = moment;
        Ok(())
    }

    /// The model at a moment at which the answer says of a conversation what it does.
    fn moment(
        &self,
        from: &Model,
        id: &ConversationId,
        (request, answer): (&Request, &Answer),
        began: Moment,
        ended: Moment,
    ) -> Option<Model> {
        let (heads, own) = self.bounds(id, began, ended);
        let expected = told(answer, id);
        let (at_least, last) = (*own.start(), *heads.end());
        let sent = self.own(id).filter(|seq| own.contains(seq));
        let own: Vec<u64> = [at_least]
            .into_iter()
            .chain(sent.filter(|seq| *seq != at_least))
            .collect();
        // The heads are read first: a chat whose first message came then was known without a head.
        let began_meanwhile = (*heads.start() == 0 && last > 0).then_some((0, true));
        let heads = heads.map(|head| (head, head > 0)).chain(began_meanwhile);
        for (head, is_known) in heads {
            for own in &own {
                let mut moment = from.clone();
                moment.look_back(self.user, id, head, *own, is_known);
                if says(&moment, request, id).as_ref() == Some(&expected) {
                    return Some(moment);
                }
            }
        }
        None
    }

    /// Between which positions a conversation's head was, and the newest message of the user's own,
    /// when something happened between these two moments.
    fn bounds(
        &self,
        id: &ConversationId,
        began: Moment,
        ended: Moment,
    ) -> (RangeInclusive<u64>, RangeInclusive<u64>) {
        let Some(sent) = self.sent.get(&shared_name(self.user, id)) else {
            return (0..=0, 0..=0);
        };
        let bounds = |is_meant: &dyn Fn(&Message) -> bool| {
            let meant = || sent.iter().filter(|(_, (_, message))| is_meant(message));
            let acknowledged =
                meant().filter(|(_, (call, _))| call.ended.is_some_and(|ended| ended < began));
            let asked_for = meant().filter(|(_, (call, _))| call.began < ended);
            let least = acknowledged.map(|(seq, _)| *seq).max().unwrap_or(0);
            let most = asked_for.map(|(seq, _)| *seq).max().unwrap_or(0);
            least..=most.max(least)
        };
        let is_own = |message: &Message| message.sender_user_id == self.user;
        (bounds(&|_| true), bounds(&is_own))
    }

    /// The user's own messages in a conversation.
    fn own(&self, id: &ConversationId) -> impl Iterator<Item = u64> {
        let sent = self.sent.get(&shared_name(self.user, id));
        let own = sent.into_iter().flatten();
        own.filter(|(_, (_, message))| message.sender_user_id == self.user)
            .map(|(seq, _)| *seq)
    }

    /// The model when everything is done.
    fn end(mut self) -> Model {
        for id in &self.ids {
            let (heads, own) = self.bounds(id, Moment::MAX, Moment::MAX);
            self.model
                .look_back(self.user, id, *heads.end(), *own.end(), *heads.end() > 0);
        }
        self.model
    }
}

/// The part of an answer about one conversation: its result, and whether it is in the folder.
#[derive(Debug, PartialEq)]
struct Said {
    result: Option<String>,
    is_in_folder: bool,
}

/// The model's answer about a conversation, if the model would make the change.
fn says(model: &Model, request: &Request, id: &ConversationId) -> Option<Said> {
    let answer = request.carry_out(&mut model.clone()).ok()?;
    Some(told(&answer, id))
}

fn told(answer: &Answer, id: &ConversationId) -> Said {
    macro_rules! result {
        ($answer:ident) => {{
            let mut results = $answer.results.iter();
            results
                .find(|result| result.conversation_id.as_ref() == Some(id))
                .map(|result| format!("{result:?}"))
        }};
    }
    let result = match answer {
        Answer::Delete(answer) => result!(answer),
        Answer::Clear(answer) => result!(answer),
        Answer::Restore(answer) => result!(answer),
        Answer::Read(answer) => result!(answer),
        Answer::Pin(answer) => result!(answer),
        Answer::Mute(answer) => result!(answer),
        Answer::Mark(answer) => result!(answer),
        Answer::SetCustomData(answer) => result!(answer),
        Answer::Show(answer) => result!(answer),
        Answer::CreateFolder(answer) => result!(answer),
        Answer::AddToFolder(answer) => result!(answer),
        Answer::RemoveFromFolder(answer) => result!(answer),
        Answer::DeleteMatching(answer) => result!(answer),
        Answer::DeleteFolder(_) | Answer::RenameFolder(_) => None,
    };
    let folder = match answer {
        Answer::CreateFolder(answer) => answer.folder.as_ref(),
        Answer::AddToFolder(answer) => answer.folder.as_ref(),
        Answer::RemoveFromFolder(answer) => answer.folder.as_ref(),
        Answer::DeleteFolder(answer) => answer.folder.as_ref(),
        Answer::RenameFolder(answer) => answer.folder.as_ref(),
        _ => None,
    };
    Said {
        result,
        is_in_folder: folder.is_some_and(|folder| folder.conversation_ids.contains(id)),
    }
}
