//! The admission of calls.

use std::{collections::BTreeSet, sync::LazyLock};

use http::{HeaderValue, Request, Uri, header::AUTHORIZATION};
use tonic::{Code, body::Body};

use crate::{
    access::{Caller, Callers, Credential, Role, TokenDigest},
    domain::CallerName,
    grpc::access,
};

/// The only token that is anybody's.
const TOKEN: &[u8] = b"opensesame";

/// One caller, which may handle conversations and not feed in messages.
static CALLERS: LazyLock<Callers> = LazyLock::new(|| {
    let caller = Caller {
        name: CallerName::new("gateway").expect("it is a name"),
        credential: Credential::Tokens(vec![TokenDigest::of(TOKEN)]),
        roles: BTreeSet::from([Role::Conversations]),
    };
    Callers::new(vec![caller]).expect("one caller is like no other")
});

/// A path and, each after a line feed, any number of `authorization` headers. The call is let in
/// exactly if the path needs no credentials, or the path is the caller's to call and the one header
/// says who it is.
pub(super) fn of(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let path = lines.next().unwrap_or_default();
    let headers: Result<Vec<_>, _> = lines.map(HeaderValue::from_bytes).collect();
    let (Ok(path), Ok(headers)) = (Uri::try_from(path), headers) else {
        return;
    };
    let is_known = matches!(headers.as_slice(), [only] if is_the_token(only.as_bytes()));
    let service = path.path().strip_prefix('/');
    let service = service.and_then(|path| path.split_once('/'));
    let expected = match service {
        Some(("grpc.health.v1.Health", _)) => Code::Ok,
        _ if !is_known => Code::Unauthenticated,
        Some(
            (
                "conversation.v1.ConversationService"
                | "grpc.reflection.v1.ServerReflection"
                | "grpc.reflection.v1alpha.ServerReflection",
                _,
            )
            | ("conversation.v1.MessageService", "ListMessages"),
        ) => Code::Ok,
        Some(("conversation.v1.MessageService" | "conversation.v1.GroupService", _)) => {
            Code::PermissionDenied
        }
        _ => Code::Unimplemented,
    };

    let mut call = Request::new(Body::empty());
    *call.uri_mut() = path;
    for header in headers {
        call.headers_mut().append(AUTHORIZATION, header);
    }
    let admitted = access::admit(&CALLERS, &mut call);
    let code = admitted.map_or_else(|refused| refused.code(), |()| Code::Ok);
    assert_eq!(code, expected, "{call:?}");
    let goes_on = call.headers().contains_key(AUTHORIZATION);
    assert!(code != Code::Ok || !goes_on, "credentials go no further");
}

/// Whether a header says `Bearer` and the token, with any white space between and after them.
fn is_the_token(header: &[u8]) -> bool {
    let scheme = header.get(..7).unwrap_or_default();
    let rest = header.get(7..).unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"bearer ") && rest.trim_ascii() == TOKEN
}
