//! Changing requests: deletions, clearings and their undoing. Each may be a retry of an earlier one,
//! or pretend to be.

use std::collections::{BTreeMap, BTreeSet};

use conversation_service::proto::{
    ClearHistoryRequest, ClearHistoryResponse, ConversationId, DeleteConversationsRequest,
    DeleteConversationsResponse, RestoreConversationsRequest, RestoreConversationsResponse,
    SeenThrough,
};
use proptest::sample::Index;
use prost::Message as _;
use tonic::{Code, Response as Reply, Status};

use super::{
    fault::is_refused,
    operation::{Change, Victim, Which},
};
use crate::{
    model::{
        Model, NotRestored, Taking,
        compare::{Difference, same},
    },
    support::{client::Client, errors::reason, ids::c2c},
};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Request {
    Delete(DeleteConversationsRequest),
    Clear(ClearHistoryRequest),
    Restore(RestoreConversationsRequest),
}

enum Response {
    /// Of a deletion or a clearing: they are alike.
    Taken(DeleteConversationsResponse),
    Restored(RestoreConversationsResponse),
}

/// A request that was carried out.
struct Done {
    request: Request,
    revision: u64,
    /// The answer, byte for byte.
    answer: Vec<u8>,
}

/// The requests that were carried out.
#[derive(Default)]
pub(super) struct Requests {
    /// The named ones, by user and name.
    named: BTreeMap<(String, String), Done>,
    /// Every user's deletion IDs.
    ids: BTreeSet<(String, String)>,
}

impl Requests {
    /// One of the named requests, if there is any.
    pub(super) fn earlier(&self, which: Index) -> Option<Request> {
        if self.named.is_empty() {
            return None;
        }
        let mut named = self.named.values();
        let done = named.nth(which.index(self.named.len()))?;
        Some(done.request.clone())
    }

    /// Does it in the service and in the model, or finds that the request's name is taken.
    pub(super) async fn ask(
        &mut self,
        client: &Client,
        model: &mut Model,
        request: Request,
    ) -> Result<(), Difference> {
        let name = request.name();
        self.named
            .retain(|(user, _), done| model.remembers(user, done.revision));
        if let Some(first) = self.named.get(&name) {
            return repeat(client, model, first, request).await;
        }
        let response = request.send(client).await;
        let (revision, answer) = match (&request, response) {
            (Request::Restore(restore), response) => {
                let expected = model.restore(&restore.user_id, &restore.deletion_id);
                match (response, expected) {
                    (response, Err(why)) => return is_not_restored(response.map(drop), why),
                    (Ok((Response::Restored(response), answer)), Ok(results)) => {
                        same("restoration", &response.results, &results)?;
                        (response.revision, answer)
                    }
                    (Ok(_), Ok(_)) => unreachable!("a restoration is answered as such"),
                    (Err(status), Ok(_)) => return Err(format!("restoration: {status:?}")),
                }
            }
            (_, Ok((Response::Taken(response), answer))) => {
                self.compare_taken(model, &request, &response)?;
                (response.revision, answer)
            }
            (_, Ok(_)) => unreachable!("a deletion is answered as such"),
            (_, Err(status)) => return Err(format!("{status:?}")),
        };
        same("revision of a change", &revision, &model.revision(&name.0))?;
        if !name.1.is_empty() {
            let done = Done {
                request,
                revision,
                answer,
            };
            self.named.insert(name, done);
        }
        Ok(())
    }

    fn compare_taken(
        &mut self,
        model: &mut Model,
        request: &Request,
        response: &DeleteConversationsResponse,
    ) -> Result<(), Difference> {
        let meaning = Meaning::of(request);
        let user = &meaning.user;
        let expected = model.take(user, &meaning.conversations, meaning.taking, &meaning.seen);
        same("deletion", &response.results, &expected)?;
        let until = model.restorable_until(user, response.revision);
        same("undo", &response.restorable_until, &until)?;
        same(
            "deletion ID",
            &response.deletion_id,
            &response.revision.to_string(),
        )?;
        let id = (user.clone(), response.deletion_id.clone());
        let is_new = self.ids.insert(id.clone());
        same(("deletion ID is new", &id), &is_new, &true)
    }
}

/// Asks for something under the name of what was done before.
async fn repeat(
    client: &Client,
    model: &Model,
    first: &Done,
    request: Request,
) -> Result<(), Difference> {
    if first.request != request {
        let in_other_words = matches!(
            (&first.request, &request),
            (Request::Delete(_), Request::Delete(_)) | (Request::Clear(_), Request::Clear(_))
        ) && Meaning::of(&first.request) == Meaning::of(&request);
        // The contract leaves open whether saying the same in other words is the same request, and
        // which of two reasons to refuse a request comes first.
        let is_refused_anyway = match &request {
            Request::Restore(restore) => {
                let mut copy = model.clone();
                copy.restore(&restore.user_id, &restore.deletion_id)
                    .is_err()
            }
            Request::Delete(_) | Request::Clear(_) => false,
        };
        if in_other_words || is_refused_anyway {
            return Ok(());
        }
        let response = request.send(client).await.map(drop);
        return is_refused(response, "REQUEST_ID_REUSED", "request_id");
    }
    let (_, answer) = request
        .send(client)
        .await
        .map_err(|status| format!("retry: {status:?}"))?;
    same("repeated change", &answer, &first.answer)
}

fn is_not_restored(response: Result<(), Status>, why: NotRestored) -> Result<(), Difference> {
    match why {
        NotRestored::Unknown => is_refused(response, "INVALID_REQUEST", "deletion_id"),
        NotRestored::Expired => {
            let actual = response.map_err(|status| (status.code(), reason(&status)));
            let expected = (
                Code::FailedPrecondition,
                "RESTORE_WINDOW_EXPIRED".to_owned(),
            );
            same("late undo", &actual, &Err(expected))
        }
    }
}

impl Request {
    async fn send(&self, client: &Client) -> Result<(Response, Vec<u8>), Status> {
        let mut client = client.conversations.clone();
        let (response, answer) = match self.clone() {
            Self::Delete(request) => {
                let response = client.delete_conversations(request).await;
                let response = response.map(Reply::into_inner)?;
                let answer = response.encode_to_vec();
                (Response::Taken(response), answer)
            }
            Self::Clear(request) => {
                let response = client.clear_history(request).await;
                let response = response.map(Reply::into_inner)?;
                let answer = response.encode_to_vec();
                (Response::Taken(as_deletion(response)), answer)
            }
            Self::Restore(request) => {
                let response = client.restore_conversations(request).await;
                let response = response.map(Reply::into_inner)?;
                let answer = response.encode_to_vec();
                (Response::Restored(response), answer)
            }
        };
        Ok((response, answer))
    }

    /// The user and the name that they gave it, which may be empty.
    fn name(&self) -> (String, String) {
        let (user, name) = match self {
            Self::Delete(request) => (&request.user_id, &request.request_id),
            Self::Clear(request) => (&request.user_id, &request.request_id),
            Self::Restore(request) => (&request.user_id, &request.request_id),
        };
        (user.clone(), name.clone())
    }

    /// Another request of the same name.
    pub(super) fn changed(mut self, change: Change) -> Self {
        let (ids, seen) = match &mut self {
            Self::Delete(request) => (&mut request.conversation_ids, &mut request.seen_through),
            Self::Clear(request) => (&mut request.conversation_ids, &mut request.seen_through),
            Self::Restore(request) => {
                request.client_id.push('x');
                return self;
            }
        };
        match change {
            Change::Conversations => ids.push(c2c("somebody else")),
            Change::Seen => {
                if seen.pop().is_none() {
                    seen.push(SeenThrough {
                        conversation_id: ids.first().cloned(),
                        seq: 0,
                    });
                }
            }
            Change::Clear => {
                return match self {
                    Self::Delete(mut request) => {
                        request.clear_history = Some(!request.clear_history.unwrap_or(true));
                        Self::Delete(request)
                    }
                    Self::Clear(request) => Self::Delete(DeleteConversationsRequest {
                        user_id: request.user_id,
                        conversation_ids: request.conversation_ids,
                        request_id: request.request_id,
                        seen_through: request.seen_through,
                        ..DeleteConversationsRequest::default()
                    }),
                    Self::Restore(_) => unreachable!("returned above"),
                };
            }
        }
        self
    }
}

/// The request for a deletion. How far its user has seen, they know from what reached them.
pub(super) fn deletion(
    model: &Model,
    user: &str,
    victims: &[Victim],
    clear: Option<bool>,
    name: Option<u8>,
) -> Request {
    Request::Delete(DeleteConversationsRequest {
        user_id: user.to_owned(),
        conversation_ids: victims.iter().map(|(target, _)| target.id()).collect(),
        clear_history: clear,
        request_id: name.map(uuid).unwrap_or_default(),
        seen_through: seen(model, user, victims),
        ..DeleteConversationsRequest::default()
    })
}

/// The same for a clearing.
pub(super) fn clearing(model: &Model, user: &str, victims: &[Victim], name: Option<u8>) -> Request {
    Request::Clear(ClearHistoryRequest {
        user_id: user.to_owned(),
        conversation_ids: victims.iter().map(|(target, _)| target.id()).collect(),
        request_id: name.map(uuid).unwrap_or_default(),
        seen_through: seen(model, user, victims),
        ..ClearHistoryRequest::default()
    })
}

/// The request to undo one of the user's changes, or something that is none.
pub(super) fn restoration(model: &Model, user: &str, which: Which, name: Option<u8>) -> Request {
    let deletion_id = match which {
        Which::Back(back) => model.revision(user).saturating_sub(back).to_string(),
        Which::Text(text) => text.to_owned(),
    };
    Request::Restore(RestoreConversationsRequest {
        user_id: user.to_owned(),
        deletion_id,
        request_id: name.map(uuid).unwrap_or_default(),
        client_id: String::new(),
    })
}

fn seen(model: &Model, user: &str, victims: &[Victim]) -> Vec<SeenThrough> {
    let seen = victims.iter().filter_map(|(target, seen)| {
        let last = model.last_seq(user, &target.id());
        Some(SeenThrough {
            conversation_id: Some(target.id()),
            seq: last.saturating_add_signed((*seen)?),
        })
    });
    seen.collect()
}

fn as_deletion(response: ClearHistoryResponse) -> DeleteConversationsResponse {
    let ClearHistoryResponse {
        results,
        deletion_id,
        restorable_until,
        revision,
    } = response;
    DeleteConversationsResponse {
        results,
        deletion_id,
        restorable_until,
        revision,
    }
}

fn uuid(name: u8) -> String {
    format!("00000000-0000-4000-8000-0000000000{name:02x}")
}

/// What a deletion or clearing asks for.
struct Meaning {
    user: String,
    conversations: Vec<ConversationId>,
    taking: Taking,
    seen: Vec<(ConversationId, u64)>,
}

impl Meaning {
    fn of(request: &Request) -> Self {
        let (user, ids, taking, seen) = match request {
            Request::Delete(request) => {
                let taking = if request.clear_history.unwrap_or(true) {
                    Taking::EntryAndHistory
                } else {
                    Taking::Entry
                };
                let ids = &request.conversation_ids;
                (&request.user_id, ids, taking, &request.seen_through)
            }
            Request::Clear(request) => {
                let ids = &request.conversation_ids;
                (
                    &request.user_id,
                    ids,
                    Taking::History,
                    &request.seen_through,
                )
            }
            Request::Restore(_) => unreachable!("an undo takes nothing"),
        };
        Self {
            user: user.clone(),
            conversations: ids.clone(),
            taking,
            seen: seen
                .iter()
                .map(|seen| (seen.conversation_id.clone().unwrap_or_default(), seen.seq))
                .collect(),
        }
    }

    /// In an order of its own, so that only what is said counts.
    fn sorted(&self) -> (&str, Vec<String>, Taking, Vec<String>) {
        let mut ids: Vec<_> = self
            .conversations
            .iter()
            .map(|id| format!("{id:?}"))
            .collect();
        ids.sort();
        let mut seen: Vec<_> = self.seen.iter().map(|seen| format!("{seen:?}")).collect();
        seen.sort();
        (&self.user, ids, self.taking, seen)
    }
}

impl PartialEq for Meaning {
    fn eq(&self, other: &Self) -> bool {
        self.sorted() == other.sorted()
    }
}
