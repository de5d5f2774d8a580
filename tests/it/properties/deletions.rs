//! Deletions that may be retries of earlier ones, or pretend to be.

use std::collections::{BTreeMap, BTreeSet};

use conversation_service::proto::{
    ConversationId, DeleteConversationsRequest, DeleteConversationsResponse, SeenThrough,
};
use proptest::sample::Index;
use prost::Message as _;

use super::{
    fault::is_refused,
    operation::{Change, Victim},
};
use crate::{
    model::{
        Model,
        compare::{Difference, same},
    },
    support::{client::Client, ids::c2c},
};

/// The deletions that were asked for.
#[derive(Default)]
pub(super) struct Deletions {
    /// The named ones, by user and name, and what they were answered with.
    named: BTreeMap<(String, String), (DeleteConversationsRequest, DeleteConversationsResponse)>,
    /// Every user's deletion IDs.
    ids: BTreeSet<(String, String)>,
}

impl Deletions {
    /// One of the named deletions, if there is any.
    pub(super) fn earlier(&self, which: Index) -> Option<DeleteConversationsRequest> {
        if self.named.is_empty() {
            return None;
        }
        let mut named = self.named.values();
        let (request, _) = named.nth(which.index(self.named.len()))?;
        Some(request.clone())
    }

    /// Deletes in the service and in the model, or finds that the request's name is taken.
    pub(super) async fn ask(
        &mut self,
        client: &Client,
        model: &mut Model,
        request: DeleteConversationsRequest,
    ) -> Result<(), Difference> {
        let name = (request.user_id.clone(), request.request_id.clone());
        let earlier = self.named.get(&name);
        if let Some((first, _)) = earlier
            && *first != request
            && Meaning::of(first) == Meaning::of(&request)
        {
            // The contract leaves open whether saying the same in other words is the same request.
            return Ok(());
        }
        let response = client
            .conversations
            .clone()
            .delete_conversations(request.clone())
            .await;
        if let Some((first, answer)) = earlier {
            if *first != request {
                return is_refused(response, "REQUEST_ID_REUSED", "request_id");
            }
            let again = response
                .map_err(|status| format!("{status:?}"))?
                .into_inner();
            let (again, answer) = (again.encode_to_vec(), answer.encode_to_vec());
            return same("repeated deletion", &again, &answer);
        }
        let response = response
            .map_err(|status| format!("{status:?}"))?
            .into_inner();
        let meaning = Meaning::of(&request);
        let ids = &request.conversation_ids;
        let expected = model.delete(&request.user_id, ids, meaning.clear, &meaning.seen);
        same("deletion", &response.results, &expected)?;
        let revision = model.revision(&request.user_id);
        same("revision of a deletion", &response.revision, &revision)?;
        same("undo is on", &response.restorable_until.is_some(), &true)?;
        let id = (request.user_id.clone(), response.deletion_id.clone());
        same(
            ("deletion ID is new", &id),
            &self.ids.insert(id.clone()),
            &true,
        )?;
        if !request.request_id.is_empty() {
            self.named.insert(name, (request, response));
        }
        Ok(())
    }
}

/// The request for a deletion. How far its user has seen, they know from what reached them.
pub(super) fn request(
    model: &Model,
    user: &str,
    victims: &[Victim],
    clear: Option<bool>,
    name: Option<u8>,
) -> DeleteConversationsRequest {
    let seen = victims.iter().filter_map(|(target, seen)| {
        let last = model.last_seq(user, &target.id());
        Some(SeenThrough {
            conversation_id: Some(target.id()),
            seq: last.saturating_add_signed((*seen)?),
        })
    });
    DeleteConversationsRequest {
        user_id: user.to_owned(),
        conversation_ids: victims.iter().map(|(target, _)| target.id()).collect(),
        clear_history: clear,
        request_id: name.map(uuid).unwrap_or_default(),
        seen_through: seen.collect(),
        ..DeleteConversationsRequest::default()
    }
}

/// Another request of the same name.
pub(super) fn changed(
    mut request: DeleteConversationsRequest,
    change: Change,
) -> DeleteConversationsRequest {
    match change {
        Change::Clear => request.clear_history = Some(!request.clear_history.unwrap_or(true)),
        Change::Conversations => request.conversation_ids.push(c2c("somebody else")),
        Change::Seen => {
            if request.seen_through.pop().is_none() {
                request.seen_through.push(SeenThrough {
                    conversation_id: request.conversation_ids.first().cloned(),
                    seq: 0,
                });
            }
        }
    }
    request
}

fn uuid(name: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{name:02x}")
}

/// What a deletion asks for, whatever words and order it uses.
#[derive(PartialEq)]
struct Meaning {
    conversations: Vec<String>,
    clear: bool,
    seen: Vec<(ConversationId, u64)>,
}

impl Meaning {
    fn of(request: &DeleteConversationsRequest) -> Self {
        let ids = request.conversation_ids.iter();
        let mut conversations: Vec<String> = ids.map(|id| format!("{id:?}")).collect();
        conversations.sort();
        let mut seen: Vec<_> = request
            .seen_through
            .iter()
            .map(|seen| (seen.conversation_id.clone().unwrap_or_default(), seen.seq))
            .collect();
        seen.sort_by_key(|(id, _)| format!("{id:?}"));
        Self {
            conversations,
            clear: request.clear_history.unwrap_or(true),
            seen,
        }
    }
}
