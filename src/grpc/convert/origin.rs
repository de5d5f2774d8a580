//! The origin of a change, and the key by which a retry is recognised.

use std::collections::HashMap;

use prost::Message;
use ring::digest::{Context, SHA256};
use uuid::Uuid;

use crate::{
    domain::{
        Batch, CallerName, ClientId, ConversationId, GroupRequest, Origin, RequestDigest,
        RequestId, RequestKey, Seq, Timestamp, UserId,
    },
    grpc::violations::{Found, Violations},
    proto::ViolationReason,
};

/// The origin of a request whose meaning is not known yet.
pub(super) struct Asker {
    method: &'static str,
    user: UserId,
    client: Option<ClientId>,
    caller: Option<CallerName>,
    request: Option<(RequestId, RequestDigest)>,
}

/// The fields `user_id`, `client_id` and `request_id` of a changing request to `method`. `content` is the
/// request without its `request_id`. `caller` is the service that sent it.
pub(super) fn parse(
    method: &'static str,
    user: &str,
    client: &str,
    request_id: &str,
    content: &impl Message,
    caller: Option<CallerName>,
    violations: &mut Violations,
) -> Option<Asker> {
    let user = violations.check("user_id", UserId::new(user));
    let client = violations.optional("client_id", client, ClientId::new);
    let id = self::request_id(request_id, violations);
    let request = id.map(|id| (id, former_digest(method, content)));
    user.map(|user| Asker {
        method,
        user,
        client,
        caller,
        request,
    })
}

/// The field `request_id`.
fn request_id(text: &str, violations: &mut Violations) -> Option<RequestId> {
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
    let id = self::request_id(request_id, violations)?;
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
    /// The origin of a request that means this. Two requests that mean the same are the same request:
    /// the words do not matter, nor does the client that asks.
    pub(super) fn asking(self, meaning: impl FnOnce(&mut Meaning)) -> Origin {
        let request = self.request.map(|(id, former_digest)| {
            let mut digest = Meaning::of(self.method);
            meaning(&mut digest);
            RequestKey {
                id,
                digest: digest.finish(),
                former_digest,
            }
        });
        Origin {
            user: self.user,
            client: self.client,
            caller: self.caller,
            request,
        }
    }
}

/// The meaning of a request, value by value, on the way to its digest. A value of variable length says how
/// long it is, so that no two meanings are written alike.
pub(super) struct Meaning(Context);

impl Meaning {
    pub(super) fn of(method: &str) -> Self {
        let mut meaning = Self(Context::new(&SHA256));
        // The first digests began with the method's name.
        meaning.0.update(b"meaning\0");
        meaning.bytes(method.as_bytes());
        meaning
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.number(flag.into());
    }

    /// Absent is a value of its own.
    pub(super) fn optional_flag(&mut self, flag: Option<bool>) {
        self.number(flag.map_or(2, u64::from));
    }

    /// Absent is a value of its own.
    pub(super) fn optional_time(&mut self, time: Option<Timestamp>) {
        self.flag(time.is_some());
        self.number(time.map_or(0, |time| time.as_micros().cast_unsigned()));
    }

    /// Conversations in the order in which the answer names them.
    pub(super) fn conversations(&mut self, ids: &[ConversationId]) {
        self.number(ids.len() as u64);
        for id in ids {
            self.bytes(id.to_string().as_bytes());
        }
    }

    /// How far conversations were seen, in any order.
    pub(super) fn seen_through(&mut self, seen: &HashMap<ConversationId, Seq>) {
        let mut seen: Vec<_> = seen.iter().map(|(id, seq)| (id.to_string(), seq)).collect();
        seen.sort_unstable();
        self.number(seen.len() as u64);
        for (id, seq) in seen {
            self.bytes(id.as_bytes());
            self.number(seq.get());
        }
    }

    pub(super) fn finish(self) -> RequestDigest {
        truncated(self.0)
    }
}

/// The digest of the request's own bytes, by which former versions recognised it.
fn former_digest(method: &str, content: &impl Message) -> RequestDigest {
    let mut hash = Context::new(&SHA256);
    hash.update(method.as_bytes());
    hash.update(&[0]);
    hash.update(&content.encode_to_vec());
    truncated(hash)
}

fn truncated(hash: Context) -> RequestDigest {
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finish().as_ref()[..16]);
    RequestDigest(digest)
}

#[cfg(test)]
mod tests;
