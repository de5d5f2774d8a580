//! The origin of a change, and the key by which a retry is recognised.

use uuid::Uuid;

use super::{
    change_request::ChangeRequest,
    meaning::{Meaning, former_digest},
};
use crate::{
    domain::{
        Batch, CallerName, ClientId, GroupRequest, Origin, RequestDigest, RequestId, RequestKey,
        UserId,
    },
    grpc::violations::{Found, Violations},
    proto::ViolationReason,
};

/// The origin of a request whose meaning is not known yet.
pub(super) struct Asker {
    method: &'static str,
    user: Option<UserId>,
    client: Option<ClientId>,
    caller: Option<CallerName>,
    request: Option<(RequestId, RequestDigest)>,
}

/// Begins to parse a request: the fields that all requests for a change have. Takes the `request_id` out of
/// the request. `caller` is the service that sent it.
pub(super) fn parse<R: ChangeRequest>(
    request: &mut R,
    caller: Option<CallerName>,
) -> (Asker, Violations) {
    let request_id = request.take_request_id();
    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(request.user_id()));
    let client = violations.optional("client_id", request.client_id(), ClientId::new);
    let id = parse_request_id(&request_id, &mut violations);
    let asker = Asker {
        method: R::METHOD,
        user,
        client,
        caller,
        request: id.map(|id| (id, former_digest(R::METHOD, request))),
    };
    (asker, violations)
}

/// The field `request_id`.
fn parse_request_id(text: &str, violations: &mut Violations) -> Option<RequestId> {
    violations.optional("request_id", text, |id| {
        Uuid::try_parse(id)
            .map(|id| RequestId(id.into_bytes()))
            .map_err(|_| Found(ViolationReason::Malformed, "must be a UUID"))
    })
}

/// The field `request_id` of a request to `method` about users, in any order.
pub(super) fn of_group(
    method: &str,
    request_id: &str,
    users: Option<&Batch<UserId>>,
    violations: &mut Violations,
) -> Option<GroupRequest> {
    let id = parse_request_id(request_id, violations)?;
    let mut users: Vec<_> = users?.iter().map(UserId::as_str).collect();
    users.sort_unstable();
    let mut meaning = Meaning::of(method);
    meaning.number(users.len() as u64);
    for user in users {
        meaning.bytes(user.as_bytes());
    }
    Some(GroupRequest {
        id,
        digest: meaning.finish(),
    })
}

impl Asker {
    /// The origin of a request, and what else was parsed of it; `None` if either is missing. `mean` adds to the
    /// digest what the request means. Two requests that mean the same are the same request: the words do not
    /// matter, nor does the client that asks.
    pub(super) fn asking<T>(
        self,
        parsed: Option<T>,
        mean: impl FnOnce(&T, &mut Meaning),
    ) -> Option<(Origin, T)> {
        let (user, parsed) = self.user.zip(parsed)?;
        let request = self.request.map(|(id, former_digest)| {
            let mut meaning = Meaning::of(self.method);
            mean(&parsed, &mut meaning);
            RequestKey {
                id,
                digest: meaning.finish(),
                former_digest,
            }
        });
        let origin = Origin {
            user,
            client: self.client,
            caller: self.caller,
            request,
        };
        Some((origin, parsed))
    }
}

#[cfg(test)]
mod tests;
