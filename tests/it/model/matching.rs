//! Deleting what a selector leaves of a user's list, and what a look has shown of it.

use conversation_service::proto::{
    Conversation, ConversationId, DeleteMatchingConversationsRequest,
    DeleteMatchingConversationsResponse, DeletionOutcome, DeletionResult, ListFilter, Reappearance,
    Selector,
};

use super::{How, Model, Taking, key, listing::is_active};

/// How many conversations one deletion takes, and how many are counted.
const MOST: usize = 1_000;
const MOST_COUNTED: usize = 10_000;
/// For how long a plan can be carried out, in microseconds.
const LIFETIME: i64 = 3_600_000_000;

/// A look that was answered.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    request: DeleteMatchingConversationsRequest,
    time: i64,
    revision: u64,
    matched: u64,
    /// How far each conversation went.
    shown: Vec<(ConversationId, u64)>,
}

/// A plan is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotPlanned {
    /// It is of another user or of another selector.
    Mismatch,
    /// It is too old.
    Expired,
}

impl Model {
    /// The part of the user's list that a selector leaves, the oldest active first.
    pub(crate) fn select(&self, user: &str, selector: &Selector) -> Vec<Conversation> {
        let filter = selector.filter.clone().unwrap_or_default();
        let excluded: Vec<_> = selector.excluded.iter().map(|id| key(user, id)).collect();
        let includes_unread = selector.include_unread || filter.unread_only;
        let mut chosen = self.by_activity(user, &filter);
        chosen.reverse();
        chosen.retain(|entry| {
            let id = entry.conversation_id.as_ref().expect("an entry has an ID");
            let is_inactive = |before| !is_active(entry, before);
            !excluded.contains(&key(user, id))
                && selector.inactive_before.is_none_or(is_inactive)
                && (selector.include_pinned || !entry.pinned)
                && (includes_unread || entry.unread_count == 0)
        });
        chosen
    }

    /// The answer to a look, but for its plan.
    pub(crate) fn look(
        &self,
        request: &DeleteMatchingConversationsRequest,
    ) -> DeleteMatchingConversationsResponse {
        let user = &request.user_id;
        let chosen = self.select(user, request.selector.as_ref().expect("valid"));
        let matched = chosen.len().min(MOST_COUNTED) as u64;
        let results: Vec<_> = chosen
            .into_iter()
            .take(limit(request))
            .map(|entry| {
                let id = entry.conversation_id.expect("an entry has an ID");
                let view = &self.views[&(user.clone(), key(user, &id))];
                let clears = request.clear_history.unwrap_or(true);
                let cleared = if clears { entry.last_seq } else { 0 };
                DeletionResult {
                    conversation_id: Some(id),
                    outcome: DeletionOutcome::Deleted.into(),
                    hidden_through: entry.last_seq,
                    cleared_through: cleared.max(view.cleared_through),
                }
            })
            .collect();
        DeleteMatchingConversationsResponse {
            matched_count: matched,
            more: matched > results.len() as u64,
            results,
            revision: self.revision(user),
            ..DeleteMatchingConversationsResponse::default()
        }
    }

    /// Remembers what a look has answered.
    pub(crate) fn remember_look(
        &mut self,
        request: &DeleteMatchingConversationsRequest,
        response: &DeleteMatchingConversationsResponse,
    ) {
        let shown = response.results.iter().map(|result| {
            let id = result.conversation_id.clone().expect("a result has an ID");
            (id, result.hidden_through)
        });
        let plan = Plan {
            request: request.clone(),
            time: self.now,
            revision: response.revision,
            matched: response.matched_count,
            shown: shown.collect(),
        };
        self.plans.insert(response.plan.clone(), plan);
    }

    /// Deletes what a selector leaves, or what the plan of a look shows.
    pub(crate) fn delete_matching(
        &mut self,
        request: &DeleteMatchingConversationsRequest,
    ) -> Result<DeleteMatchingConversationsResponse, NotPlanned> {
        let user = &request.user_id;
        let taking = if request.clear_history.unwrap_or(true) {
            Taking::EntryAndHistory
        } else {
            Taking::Entry
        };
        let (matched, targets, changed) = if request.plan.is_empty() {
            let look = self.look(request);
            let ids = look
                .results
                .into_iter()
                .filter_map(|result| result.conversation_id);
            (look.matched_count, ids.collect(), Vec::new())
        } else {
            let plan = self.plans[&request.plan].clone();
            if same_scope(&plan.request) != same_scope(request) {
                return Err(NotPlanned::Mismatch);
            }
            if self.now >= plan.time.saturating_add(LIFETIME) {
                return Err(NotPlanned::Expired);
            }
            let shown = || plan.shown.iter().take(limit(request));
            let targets: Vec<_> = shown().map(|(id, _)| id.clone()).collect();
            let changed = shown().filter(|(id, last)| {
                let set_by = self.views[&(user.clone(), key(user, id))].set_by;
                self.last_seq(user, id) != *last || set_by > plan.revision
            });
            let changed: Vec<_> = changed.map(|(id, _)| id.clone()).collect();
            (plan.matched, targets, changed)
        };
        let how = How {
            never: request.reappearance() == Reappearance::Never,
            forget: request.forget_settings,
        };
        let results = self.take_unless(user, &targets, taking, how, &[], &changed);
        let revision = self.revision(user);
        Ok(DeleteMatchingConversationsResponse {
            matched_count: matched,
            more: matched > results.len() as u64,
            results,
            plan: String::new(),
            deletion_id: revision.to_string(),
            restorable_until: self.restorable_until(user, revision),
            revision,
        })
    }
}

fn limit(request: &DeleteMatchingConversationsRequest) -> usize {
    match request.limit {
        0 => MOST,
        limit => limit as usize,
    }
}

/// The user and the selector of a request, in the words that stand for all that mean the same.
fn same_scope(request: &DeleteMatchingConversationsRequest) -> (String, Selector) {
    let selector = request.selector.clone().unwrap_or_default();
    (request.user_id.clone(), restated(selector))
}

/// A selector in the words that stand for all that mean the same.
pub(crate) fn restated(mut selector: Selector) -> Selector {
    let filter = selector.filter.get_or_insert_default();
    selector.include_unread |= filter.unread_only;
    restate(filter);
    selector.all = true;
    selector.excluded.sort_by_key(ToString::to_string);
    selector
}

fn restate(filter: &mut ListFilter) {
    if filter.types.is_empty() {
        filter.types = vec![1, 2, 3];
    }
    filter.types.sort_unstable();
    filter.types.dedup();
}
