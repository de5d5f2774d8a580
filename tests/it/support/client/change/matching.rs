//! Deletions by selector.

use conversation_service::proto::{
    ConversationId, DeleteMatchingConversationsRequest, DeleteMatchingConversationsResponse,
    DeletionOutcome, DeletionResult, ListFilter, Selector,
};

use super::{Change, Client};

/// Everything in the list but what is pinned or unread.
pub(crate) fn everything() -> Selector {
    Selector {
        all: true,
        ..Selector::default()
    }
}

/// Everything in the list.
pub(crate) fn really_everything() -> Selector {
    Selector {
        include_pinned: true,
        include_unread: true,
        ..everything()
    }
}

/// The part of the list that a filter leaves, pinned and unread conversations included.
pub(crate) fn matching(filter: ListFilter) -> Selector {
    Selector {
        filter: Some(filter),
        include_pinned: true,
        include_unread: true,
        ..Selector::default()
    }
}

/// The conversations of the results of a deletion by selector.
pub(crate) fn matched(response: &DeleteMatchingConversationsResponse) -> Vec<ConversationId> {
    let ids = response.results.iter();
    ids.map(|result| result.conversation_id.clone().expect("a result has an ID"))
        .collect()
}

/// The outcomes of a deletion by selector.
pub(crate) fn outcomes(response: &DeleteMatchingConversationsResponse) -> Vec<DeletionOutcome> {
    response
        .results
        .iter()
        .map(DeletionResult::outcome)
        .collect()
}

impl Client {
    /// Deletes what a selector leaves.
    pub(crate) fn delete_matching(
        &self,
        user: &str,
        selector: Selector,
    ) -> Change<DeleteMatchingConversationsRequest> {
        self.change(DeleteMatchingConversationsRequest {
            user_id: user.to_owned(),
            selector: Some(selector),
            ..DeleteMatchingConversationsRequest::default()
        })
    }

    /// Shows what a selector leaves.
    pub(crate) fn look(
        &self,
        user: &str,
        selector: Selector,
    ) -> Change<DeleteMatchingConversationsRequest> {
        let mut change = self.delete_matching(user, selector);
        change.request.dry_run = true;
        change
    }
}

impl Change<DeleteMatchingConversationsRequest> {
    /// Says whether the histories go too.
    pub(crate) fn clear(mut self, clear: bool) -> Self {
        self.request.clear_history = Some(clear);
        self
    }

    /// Says how many conversations there may be.
    pub(crate) fn limit(mut self, limit: u32) -> Self {
        self.request.limit = limit;
        self
    }

    /// Says what has been shown.
    pub(crate) fn planned(mut self, plan: &str) -> Self {
        plan.clone_into(&mut self.request.plan);
        self
    }

    /// Says whether the user's other clients are notified.
    pub(crate) fn sync(mut self, sync: bool) -> Self {
        self.request.sync_to_other_clients = Some(sync);
        self
    }
}
