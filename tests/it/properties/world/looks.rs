//! Dry runs of selectors, and the deletions by their plans.

use conversation_service::proto::DeleteMatchingConversationsRequest;
use proptest::sample::Index;

use super::{Done, World};
use crate::{
    model::compare::same,
    properties::{
        matching::Chosen,
        operation::Operation,
        requests::{Request, uuid},
    },
    support::client::Client,
};

/// How many looks are remembered, so that most that are carried out are recent.
const LOOKS: usize = 4;

impl World {
    /// A look changes nothing, and its plan is remembered.
    pub(super) async fn look(&mut self, client: &Client, user: &str, chosen: &Chosen) -> Done {
        let request = DeleteMatchingConversationsRequest {
            dry_run: true,
            ..chosen.request(user, self.model.now)
        };
        let mut conversations = client.conversations.clone();
        let look = conversations.delete_matching_conversations(request.clone());
        let look = look.await.map_err(|status| format!("{status:?}"))?;
        let mut look = look.into_inner();
        self.model.remember_look(&request, &look);
        let plan = std::mem::take(&mut look.plan);
        same(("look", user), &look, &self.model.look(&request))?;
        if self.looks.len() == LOOKS {
            self.looks.remove(0);
        }
        self.looks.push(DeleteMatchingConversationsRequest {
            dry_run: false,
            plan,
            ..request
        });
        Ok(())
    }

    /// The request to delete what a selector leaves or a look has shown.
    pub(super) fn deletion_by_selector(&self, operation: &Operation) -> Option<Request> {
        let look = |which: &Index| match self.looks.len() {
            0 => None,
            looks => self.looks.get(which.index(looks)).cloned(),
        };
        let request = match operation {
            Operation::DeleteMatching {
                user,
                chosen,
                look: planned,
                name,
            } => {
                let plan = planned.as_ref().and_then(look).map(|look| look.plan);
                DeleteMatchingConversationsRequest {
                    plan: plan.unwrap_or_default(),
                    request_id: uuid(*name),
                    ..chosen.request(user, self.model.now)
                }
            }
            Operation::DeleteShown {
                look: which,
                clear,
                limit,
                name,
            } => DeleteMatchingConversationsRequest {
                clear_history: *clear,
                limit: *limit,
                request_id: uuid(*name),
                ..look(which)?
            },
            _ => return None,
        };
        Some(Request::DeleteMatching(request))
    }
}
