//! Who asks for a change, and by what a retry is recognised.

use prost::Message;
use ring::digest::{Context, SHA256};
use uuid::Uuid;

use crate::{
    domain::{CallerName, ClientId, Origin, RequestDigest, RequestId, RequestKey, UserId},
    grpc::violations::Violations,
};

/// The fields `user_id`, `client_id` and `request_id` of a changing request to `method`. `content` is
/// the request without its `request_id`: what a retry must repeat. `caller` is who sent it.
pub(super) fn parse(
    method: &str,
    user: &str,
    client: &str,
    request_id: &str,
    content: &impl Message,
    caller: Option<CallerName>,
    violations: &mut Violations,
) -> Option<Origin> {
    let user = violations.check("user_id", UserId::new(user));
    let client = violations.optional("client_id", client, ClientId::new);
    let id = violations.optional("request_id", request_id, |id| {
        Uuid::try_parse(id).map_err(|_| "must be a UUID")
    });
    let request = id.map(|id| RequestKey {
        id: RequestId(id.into_bytes()),
        digest: digest(method, content),
    });
    user.map(|user| Origin {
        user,
        client,
        caller,
        request,
    })
}

fn digest(method: &str, content: &impl Message) -> RequestDigest {
    let mut hash = Context::new(&SHA256);
    hash.update(method.as_bytes());
    hash.update(&[0]);
    hash.update(&content.encode_to_vec());
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finish().as_ref()[..16]);
    RequestDigest(digest)
}
