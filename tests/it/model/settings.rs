//! A user's settings of conversations. Each call is a change of its own, even if it changes nothing;
//! what it asks of a conversation that the user does not have, it asks in vain.

use conversation_service::proto::{
    ChangeOutcome, ChangeResult, ConversationId, ListFilter, MarksResult, ReadResult, ShowOutcome,
    ShowResult,
};

use super::{Model, key, past::Kind, view::View};

/// The user would have more pins than there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyPins {
    /// How many there may be.
    pub(crate) limit: usize,
}

impl Model {
    /// A user has read conversations, as far as `seen` says where it says something.
    pub(crate) fn read(
        &mut self,
        user: &str,
        conversations: &[ConversationId],
        seen: &[(ConversationId, u64)],
    ) -> Vec<ReadResult> {
        self.record(user, Kind::Plain, None);
        let mut results = Vec::new();
        for id in conversations {
            let seen = seen.iter().find(|(seen, _)| seen == id);
            let head = self.head(&key(user, id));
            let (outcome, read_through) = match self.known(user, id) {
                None => (ChangeOutcome::NotFound, 0),
                Some(view) => {
                    let outcome = view.read(head, seen.map(|(_, seq)| *seq));
                    (outcome, view.read_through)
                }
            };
            results.push(ReadResult {
                conversation_id: Some(id.clone()),
                outcome: outcome.into(),
                read_through,
            });
        }
        results
    }

    /// The same of everything that the filter leaves of the user's list and that has something unread, the
    /// latest active first.
    pub(crate) fn read_all(
        &mut self,
        user: &str,
        filter: &ListFilter,
        seen: &[(ConversationId, u64)],
    ) -> Vec<ReadResult> {
        let unread = ListFilter {
            unread_only: true,
            ..filter.clone()
        };
        let unread = self.by_activity(user, &unread).into_iter();
        let unread: Vec<_> = unread.filter_map(|entry| entry.conversation_id).collect();
        self.read(user, &unread, seen)
    }

    /// A user pins conversations, or takes them down. What is not listed is left alone, and so is
    /// everything if there is no room.
    pub(crate) fn pin(
        &mut self,
        user: &str,
        conversations: &[ConversationId],
        pinned: bool,
    ) -> Result<Vec<ChangeResult>, TooManyPins> {
        let outcomes: Vec<_> = conversations
            .iter()
            .map(|id| {
                let listed = self.is_listed(user, &key(user, id));
                match self.known(user, id) {
                    None => ChangeOutcome::NotFound,
                    Some(_) if !listed => ChangeOutcome::NotListed,
                    Some(view) if view.pinned_at.is_some() == pinned => ChangeOutcome::Unchanged,
                    Some(_) => ChangeOutcome::Changed,
                }
            })
            .collect();
        let is_changed = |outcome: &&ChangeOutcome| **outcome == ChangeOutcome::Changed;
        let changed = outcomes.iter().filter(is_changed).count();
        let limit = self.policy.pin_limit;
        if pinned && changed > 0 && self.pins(user) + changed > limit {
            return Err(TooManyPins { limit });
        }
        let revision = self.record(user, Kind::Plain, None);
        let results = conversations.iter().zip(outcomes).map(|(id, outcome)| {
            if outcome == ChangeOutcome::Changed {
                let view = self.view(user, &key(user, id));
                view.pinned_at = pinned.then_some(revision);
                view.set_by = revision;
            }
            result(id, outcome)
        });
        Ok(results.collect())
    }

    /// A user lists hidden conversations again.
    pub(crate) fn show(&mut self, user: &str, conversations: &[ConversationId]) -> Vec<ShowResult> {
        let revision = self.record(user, Kind::Plain, None);
        let mut results = Vec::new();
        for id in conversations {
            let head = self.head(&key(user, id));
            let outcome = self.known(user, id).map_or(ShowOutcome::NotFound, |view| {
                let outcome = view.show(head);
                if outcome == ShowOutcome::Shown {
                    view.set_by = revision;
                }
                outcome
            });
            results.push(ShowResult {
                conversation_id: Some(id.clone()),
                outcome: outcome.into(),
            });
        }
        results
    }

    /// A user mutes conversations, or ends that.
    pub(crate) fn mute(
        &mut self,
        user: &str,
        conversations: &[ConversationId],
        muted: bool,
    ) -> Vec<ChangeResult> {
        self.set(user, conversations, |view| &mut view.muted, |_| muted)
    }

    /// A user puts marks on conversations and takes marks off.
    pub(crate) fn mark(
        &mut self,
        user: &str,
        conversations: &[ConversationId],
        add: u64,
        remove: u64,
    ) -> Vec<MarksResult> {
        let marked = |marks: &u64| (marks | add) & !remove;
        let results = self.set(user, conversations, |view| &mut view.marks, marked);
        let results = results.into_iter().zip(conversations);
        results
            .map(|(result, id)| MarksResult {
                conversation_id: result.conversation_id,
                outcome: result.outcome,
                marks: self.known(user, id).map_or(0, |view| view.marks),
            })
            .collect()
    }

    /// A user's product sets its data on conversations.
    pub(crate) fn set_custom_data(
        &mut self,
        user: &str,
        conversations: &[ConversationId],
        data: &[u8],
    ) -> Vec<ChangeResult> {
        let value = |_: &_| data.to_vec();
        self.set(user, conversations, |view| &mut view.custom_data, value)
    }

    /// How many conversations the user has pinned.
    pub(super) fn pins(&self, user: &str) -> usize {
        let views = self.views.iter().filter(|((owner, _), _)| owner == user);
        views.filter(|(_, view)| view.pinned_at.is_some()).count()
    }

    /// The user's view of a conversation that the user has.
    pub(super) fn known(&mut self, user: &str, id: &ConversationId) -> Option<&mut View> {
        let view = self.views.get_mut(&(user.to_owned(), key(user, id)));
        view.filter(|view| view.is_known())
    }

    /// Gives one field of each of these conversations the value that comes of its old one.
    fn set<T: PartialEq>(
        &mut self,
        user: &str,
        conversations: &[ConversationId],
        field: impl Fn(&mut View) -> &mut T,
        value: impl Fn(&T) -> T,
    ) -> Vec<ChangeResult> {
        let revision = self.record(user, Kind::Plain, None);
        let results = conversations.iter().map(|id| {
            let Some(view) = self.known(user, id) else {
                return result(id, ChangeOutcome::NotFound);
            };
            let field = field(view);
            let value = value(field);
            if value == *field {
                return result(id, ChangeOutcome::Unchanged);
            }
            *field = value;
            view.set_by = revision;
            result(id, ChangeOutcome::Changed)
        });
        results.collect()
    }
}

/// The result for one conversation.
pub(super) fn result(id: &ConversationId, outcome: ChangeOutcome) -> ChangeResult {
    ChangeResult {
        conversation_id: Some(id.clone()),
        outcome: outcome.into(),
    }
}
