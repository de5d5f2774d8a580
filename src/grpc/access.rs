//! Lets a call in only if its caller may make it. It stands around all services, so nothing of a
//! refused call is read, and within the boundary, so a refusal is an error like any other.
//!
//! The methods that a role may call are listed here, service by service. Once callers are named, nobody may
//! call a method that is not listed: a service that was forgotten is closed, not open.
//!
//! A caller that sends a token is known by it, even if its connection has shown another caller's
//! certificate: a token is for this call, and a certificate may be that of a proxy. A wrong token is
//! therefore refused, even when the certificate would do.

use std::{
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderValue, Request as HttpRequest, Response, header::AUTHORIZATION};
use tokio::sync::watch;
use tokio_util::either::Either;
use tonic::{Request, Status, body::Body};
use tonic_health::pb::health_server::SERVICE_NAME as HEALTH;
use tonic_reflection::pb::{
    v1::server_reflection_server::SERVICE_NAME as REFLECTION,
    v1alpha::server_reflection_server::SERVICE_NAME as REFLECTION_ALPHA,
};
use tower::{Layer, Service};
use tracing::Span;

use super::{limits::Via, status};
use crate::{
    access::{Caller, Callers, Peer, Role},
    domain::CallerName,
    proto::{
        conversation_service_server::SERVICE_NAME as CONVERSATIONS,
        group_service_server::SERVICE_NAME as GROUPS,
        message_service_server::SERVICE_NAME as MESSAGES,
    },
};

/// The layer around all services, within the [`super::Boundary`].
#[derive(Debug, Clone)]
pub struct Access {
    callers: watch::Receiver<Arc<Callers>>,
}

/// A service that only admitted callers reach.
#[derive(Debug, Clone)]
pub struct Guarded<S> {
    callers: watch::Receiver<Arc<Callers>>,
    inner: S,
}

/// The condition for making a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needed {
    /// No credentials: the method says nothing about users, and its callers have none.
    Nothing,
    /// To be a caller.
    AnyRole,
    /// To be a caller with one of these roles.
    OneOf(&'static [Role]),
}

/// The condition for making a call of this path; `None` for a path that is no method's.
fn needed(path: &str) -> Option<Needed> {
    Some(match service_and_method(path)? {
        (CONVERSATIONS, _) => Needed::OneOf(&[Role::Conversations]),
        (MESSAGES, "ListMessages") => Needed::OneOf(&[Role::Conversations, Role::Pipeline]),
        (MESSAGES | GROUPS, _) => Needed::OneOf(&[Role::Pipeline]),
        // It describes what is public anyway, but not to strangers.
        (REFLECTION | REFLECTION_ALPHA, _) => Needed::AnyRole,
        (HEALTH, _) => Needed::Nothing,
        _ => return None,
    })
}

/// The service and the method that a path names; `None` if it names none.
fn service_and_method(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix('/')?.split_once('/')
}

impl Access {
    /// For these callers as they are at the time of a call, or for everyone if there are none.
    pub const fn new(callers: watch::Receiver<Arc<Callers>>) -> Self {
        Self { callers }
    }
}

impl<S> Layer<S> for Access {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            callers: self.callers.clone(),
            inner,
        }
    }
}

impl<S> Service<HttpRequest<Body>> for Guarded<S>
where
    S: Service<HttpRequest<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: HttpRequest<Body>) -> Self::Future {
        let callers = Arc::clone(&self.callers.borrow());
        match admit(&callers, &mut request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(status) => Either::Right(ready(Ok(status.into_http()))),
        }
    }
}

/// Checks that the call may be made, and notes whose it is. Its credentials go no further.
pub(super) fn admit(callers: &Callers, request: &mut HttpRequest<Body>) -> Result<(), Status> {
    let needed = needed(request.uri().path());
    if !callers.is_empty() && needed != Some(Needed::Nothing) {
        let peer = request.extensions().get::<Via>().map(|via| &via.peer);
        let caller = identify(callers, request.headers(), peer).inspect_err(|_| {
            if let Some(address) = peer.and_then(|peer| peer.address) {
                Span::current().record("peer", tracing::field::display(address));
            }
        })?;
        Span::current().record("caller", caller.name.as_str());
        match needed {
            Some(Needed::Nothing | Needed::AnyRole) => {}
            Some(Needed::OneOf(roles)) => {
                if !roles.iter().any(|role| caller.roles.contains(role)) {
                    return Err(status::role_missing(roles));
                }
            }
            None => return Err(status::unimplemented()),
        }
        let name = caller.name.clone();
        request.extensions_mut().insert(name);
    }
    request.headers_mut().remove(AUTHORIZATION);
    Ok(())
}

/// The caller that makes this call, by its credentials or its connection's.
fn identify<'a>(
    callers: &'a Callers,
    headers: &HeaderMap,
    peer: Option<&Peer>,
) -> Result<&'a Caller, Status> {
    let mut credentials = headers.get_all(AUTHORIZATION).iter();
    let caller = match (credentials.next(), credentials.next()) {
        (Some(credentials), None) => {
            bearer_token(credentials).and_then(|token| callers.by_token(token))
        }
        // Which of them is meant?
        (Some(_), Some(_)) => None,
        (None, _) => match peer.and_then(|peer| peer.certificate.as_ref()) {
            // Where no caller is known by its certificate, one that was shown is no credential.
            Some(names) if callers.with_certificate().is_some() => callers.by_certificate(names),
            _ => return Err(status::credentials_missing()),
        },
    };
    caller.ok_or_else(status::credentials_invalid)
}

/// The token of `Bearer <token>`.
fn bearer_token(credentials: &HeaderValue) -> Option<&[u8]> {
    let credentials = credentials.as_bytes();
    let space = credentials.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = credentials.split_at(space);
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"bearer") && !token.is_empty()).then_some(token)
}

/// The request that a handler has received, and the caller that sent it, if callers are named.
pub(super) fn received<T>(request: Request<T>) -> (T, Option<CallerName>) {
    let caller = request.extensions().get().cloned();
    (request.into_inner(), caller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_what_follows_the_scheme() {
        let read = |text| bearer_token(&HeaderValue::from_static(text)).map(<[u8]>::to_vec);
        for text in ["Bearer abc", "bearer abc", "BEARER  abc "] {
            assert_eq!(read(text).as_deref(), Some(&b"abc"[..]), "{text}");
        }
        assert_eq!(read("Bearer a b").as_deref(), Some(&b"a b"[..]));
        for text in [
            "",
            "abc",
            "Bearer",
            "Bearer ",
            "Bearer  ",
            "Basic abc",
            "Bearerabc",
            " abc",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_path_that_is_no_method_of_a_listed_service_is_nobodys() {
        for path in [
            "",
            "/",
            "conversation.v1.ConversationService/DeleteConversations",
            "/conversation.v1.ConversationService",
            "//conversation.v1.ConversationService/DeleteConversations",
            "/conversation.v1.NewService/Call",
            "/conversation.v1.conversationservice/DeleteConversations",
            "/grpc.health.v1.health/Check",
        ] {
            assert_eq!(needed(path), None, "{path:?}");
        }
    }

    #[test]
    fn only_the_one_method_that_both_roles_may_call_is_let_out_of_the_pipelines() {
        let both = Needed::OneOf(&[Role::Conversations, Role::Pipeline]);
        let of = |method: &str| needed(&format!("/conversation.v1.MessageService/{method}"));
        assert_eq!(of("ListMessages"), Some(both));
        for method in [
            "",
            "SendMessage",
            "listMessages",
            "ListMessages/",
            "%4cistMessages",
            "New",
        ] {
            assert_eq!(
                of(method),
                Some(Needed::OneOf(&[Role::Pipeline])),
                "{method}"
            );
        }
    }
}
