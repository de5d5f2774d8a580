//! The answers to requests that are not gRPC: gRPC-Web, Connect, and anything else that a person or a
//! library sends over HTTP. Each answer is in the protocol of the request, and says what to do instead. The
//! version of HTTP, the method and the content type are checked before anything else, as the specification of
//! gRPC over HTTP/2 requires.
//!
//! Deliberately absent: serving them. A proxy in front of the service translates where that is needed.

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{ALLOW, CONNECTION, CONTENT_TYPE},
};
use serde_json::json;
use tonic::{Status, body::Body};

use super::status;

/// The content type of a message in the one encoding there is.
const GRPC: &str = "application/grpc";
const GRPC_WEB: &str = "application/grpc-web";
const CONNECT: &str = "connect-protocol-version";

/// The protocol of a request that is not gRPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Protocol {
    /// gRPC-Web; an answer has to have the request's content type.
    GrpcWeb(HeaderValue),
    /// Connect.
    Connect,
    /// gRPC over something older than HTTP/2.
    OldHttp,
    /// HTTP with a method that no call has.
    OtherMethod,
    /// Anything else.
    Http,
}

impl Protocol {
    /// `None` of gRPC over HTTP/2.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let is_http_2 = request.version() == Version::HTTP_2;
        let content_type = request.headers().get(CONTENT_TYPE);
        match content_type {
            _ if is_http_2 && request.method() != Method::POST => Some(Self::OtherMethod),
            Some(web) if begins_with(web, GRPC_WEB).is_some() => Some(Self::GrpcWeb(web.clone())),
            Some(grpc) if is_grpc(grpc) => (!is_http_2).then_some(Self::OldHttp),
            _ if is_connect(request.headers()) => Some(Self::Connect),
            _ => Some(Self::Http),
        }
    }

    /// The refusal, which tells a developer what to do instead.
    pub(super) fn status(&self) -> Status {
        status::not_grpc(match self {
            Self::GrpcWeb(_) => {
                "this service does not speak gRPC-Web; put a proxy that translates in front of it, such \
                 as Envoy with its filter grpc_web"
            }
            Self::Connect => {
                "this service does not speak Connect; let the client speak gRPC, by WithGRPC() in Go and \
                 createGrpcTransport() in Node.js"
            }
            Self::OldHttp => {
                "gRPC takes HTTP/2, and this request came over HTTP/1; let every proxy on the way pass \
                 HTTP/2 on"
            }
            Self::OtherMethod => {
                "calls of gRPC are POST requests; use a client generated from this service's protocol, or \
                 grpcurl to try it"
            }
            Self::Http => {
                "this service speaks gRPC only; use a client generated from its protocol, or grpcurl to \
                 try it"
            }
        })
    }

    /// The answer. The connection of an older HTTP is closed after it, for nothing else comes of it.
    pub(super) fn answer(&self, status: &Status, version: Version) -> Response<Body> {
        let mut response = match self {
            Self::GrpcWeb(content_type) => {
                let mut response = status.clone().into_http();
                response
                    .headers_mut()
                    .insert(CONTENT_TYPE, content_type.clone());
                response
            }
            // The form of Connect's errors. People can read it, too.
            Self::Connect | Self::OldHttp | Self::OtherMethod | Self::Http => {
                let text = json!({ "code": "unimplemented", "message": status.message() });
                let mut response = Response::new(Body::new(format!("{text}\n")));
                *response.status_mut() = match self {
                    Self::Connect => StatusCode::NOT_IMPLEMENTED,
                    Self::OtherMethod => StatusCode::METHOD_NOT_ALLOWED,
                    _ => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                };
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, json);
                if *self == Self::OtherMethod {
                    let post = HeaderValue::from_static("POST");
                    response.headers_mut().insert(ALLOW, post);
                }
                response
            }
        };
        if version < Version::HTTP_2 {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response
    }
}

fn is_connect(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    headers.contains_key(CONNECT)
        || content_type.is_some_and(|it| it.starts_with(b"application/connect+"))
}

/// The rest of a header's value after `beginning`; upper and lower case mean the same.
fn begins_with<'a>(value: &'a HeaderValue, beginning: &str) -> Option<&'a [u8]> {
    let (found, rest) = value.as_bytes().split_at_checked(beginning.len())?;
    found
        .eq_ignore_ascii_case(beginning.as_bytes())
        .then_some(rest)
}

/// Whether it is `application/grpc` or `application/grpc+proto`, with or without parameters.
fn is_grpc(content_type: &HeaderValue) -> bool {
    let Some(rest) = begins_with(content_type, GRPC) else {
        return false;
    };
    let proto = b"+proto";
    let rest = match rest.split_at_checked(proto.len()) {
        Some((encoding, rest)) if encoding.eq_ignore_ascii_case(proto) => rest,
        _ => rest,
    };
    matches!(rest.first(), None | Some(b';' | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_encoding_is_grpc() {
        let is_grpc = |text: &'static str| is_grpc(&HeaderValue::from_static(text));
        for text in [
            "application/grpc",
            "Application/gRPC",
            "application/grpc+proto",
            "application/grpc; charset=utf-8",
            "application/grpc+proto;x=y",
        ] {
            assert!(is_grpc(text), "{text}");
        }
        for text in [
            "",
            "text/plain",
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/grpc+json",
            "application/json",
            "application/grpcx",
            "application/proto",
        ] {
            assert!(!is_grpc(text), "{text}");
        }
    }
}
