//! Requests that change something. Each may be a retry of an earlier one, or another request with its ID.

mod expected;
mod other;
mod request;

use std::collections::BTreeMap;

use conversation_service::proto::{
    ClearHistoryRequest, DeleteConversationsRequest, Reappearance, RestoreConversationsRequest,
    SeenThrough, ShowConversationsRequest,
};
use proptest::sample::Index;

use super::{
    fault::is_refused,
    operation::{Part, Target, Victim, Which, ids},
};
use crate::{
    model::{
        How, Model,
        compare::{Difference, same},
    },
    support::client::Client,
};
pub(crate) use request::{Answer, Fields, Request};

/// A request that was carried out.
struct Done {
    request: Request,
    revision: u64,
    answer: Answer,
}

/// The named requests that were carried out, by user and name, as long as they are remembered.
#[derive(Default)]
pub(super) struct Requests(BTreeMap<(String, String), Done>);

impl Requests {
    /// One of the named requests, if there is any.
    pub(super) fn earlier(&self, which: Index) -> Option<Request> {
        if self.0.is_empty() {
            return None;
        }
        let done = self.0.values().nth(which.index(self.0.len()))?;
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
        self.0
            .retain(|(user, _), done| model.remembers(user, done.revision));
        if let Some(first) = self.0.get(&name) {
            return repeat(client, model, first, request).await;
        }
        let answer = match (request.send(client).await, request.carry_out(model)) {
            (Ok(answer), Ok(expected)) => {
                same("change", &answer, &expected)?;
                answer
            }
            (response, Err(refusal)) => return refusal.is_of(response),
            (Err(status), Ok(_)) => return Err(format!("{status:?}")),
        };
        if !name.1.is_empty() {
            let revision = model.revision(&name.0);
            let done = Done {
                request,
                revision,
                answer,
            };
            self.0.insert(name, done);
        }
        Ok(())
    }
}

/// Asks for something under the name of what was done before.
async fn repeat(
    client: &Client,
    model: &Model,
    first: &Done,
    request: Request,
) -> Result<(), Difference> {
    if first.request.restated() == request.restated() {
        let answer = request.send(client).await;
        let answer = answer.map_err(|status| format!("retry: {status:?}"))?;
        return same("repeated change", &answer, &first.answer);
    }
    // The contract leaves open which of two reasons to refuse a request comes first.
    if request.carry_out(&mut model.clone()).is_err() {
        return Ok(());
    }
    is_refused(
        request.send(client).await,
        "REQUEST_ID_REUSED",
        "request_id",
    )
}

/// The request for a deletion. How far its user has seen, they know from what reached them.
pub(super) fn deletion(
    model: &Model,
    user: &str,
    victims: &[Victim],
    clear: Option<bool>,
    how: How,
    name: Option<u8>,
) -> Request {
    Request::Delete(DeleteConversationsRequest {
        user_id: user.to_owned(),
        conversation_ids: victims.iter().map(|(target, _)| target.id()).collect(),
        clear_history: clear,
        request_id: uuid(name),
        seen_through: seen(model, user, victims),
        reappearance: if how.never {
            Reappearance::Never.into()
        } else {
            Reappearance::default().into()
        },
        forget_settings: how.forget,
        client_id: String::new(),
        sync_to_other_clients: None,
    })
}

/// The same for a clearing.
pub(super) fn clearing(model: &Model, user: &str, victims: &[Victim], name: Option<u8>) -> Request {
    Request::Clear(ClearHistoryRequest {
        user_id: user.to_owned(),
        conversation_ids: victims.iter().map(|(target, _)| target.id()).collect(),
        request_id: uuid(name),
        seen_through: seen(model, user, victims),
        client_id: String::new(),
        sync_to_other_clients: None,
    })
}

/// The request to list hidden conversations again.
pub(super) fn showing(user: &str, targets: &[Target], name: Option<u8>) -> Request {
    Request::Show(ShowConversationsRequest {
        user_id: user.to_owned(),
        conversation_ids: ids(targets),
        request_id: uuid(name),
        client_id: String::new(),
    })
}

/// The request to undo one of the user's changes, or something that is none.
pub(super) fn restoration(
    model: &Model,
    user: &str,
    which: Which,
    part: Part,
    name: Option<u8>,
) -> Request {
    let deletion_id = match which {
        Which::Deletion(back) => {
            let deletions: Vec<_> = model.deletions(user).take(back + 1).collect();
            deletions.last().copied().unwrap_or_default().to_string()
        }
        Which::Change(back) => model.revision(user).saturating_sub(back).to_string(),
        Which::Text(text) => text.to_owned(),
    };
    let revision = deletion_id.parse().ok();
    let revision = revision.filter(|number| model.deletions(user).any(|one| one == *number));
    let all = revision.map_or_else(Vec::new, |number| {
        model.conversations_of_deletion(user, number)
    });
    let conversation_ids = match part {
        Part::All => Vec::new(),
        Part::These { bits, reversed } => {
            let is_chosen = |place: usize| bits >> (place % 8) & 1 == 1;
            let chosen = all.into_iter().enumerate();
            let chosen = chosen.filter(|(place, _)| is_chosen(*place));
            let mut chosen: Vec<_> = chosen.map(|(_, id)| id).collect();
            if reversed {
                chosen.reverse();
            }
            chosen
        }
        Part::WithAnother(target) if all.contains(&target.id()) => all,
        Part::WithAnother(target) => all.into_iter().chain([target.id()]).collect(),
    };
    Request::Restore(RestoreConversationsRequest {
        user_id: user.to_owned(),
        deletion_id,
        request_id: uuid(name),
        client_id: String::new(),
        conversation_ids,
    })
}

/// How far a user has seen conversations, where the victim says something of it.
pub(super) fn seen(model: &Model, user: &str, victims: &[Victim]) -> Vec<SeenThrough> {
    let seen = victims.iter().filter_map(|(target, seen): &(Target, _)| {
        let last = model.last_seq(user, &target.id());
        Some(SeenThrough {
            conversation_id: Some(target.id()),
            seq: last.saturating_add_signed((*seen)?),
        })
    });
    seen.collect()
}

/// The name of a request, if it has one.
pub(super) fn uuid(name: Option<u8>) -> String {
    name.map(|name| format!("00000000-0000-4000-8000-0000000000{name:02x}"))
        .unwrap_or_default()
}
