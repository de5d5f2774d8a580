//! The answers to requests that are not gRPC: gRPC-Web, Connect, and anything else that a person or a
//! library sends over HTTP. Each is told, in its own form, what to do instead.
//!
//! Deliberately absent: serving them. A proxy in front of the service translates where that is needed.

use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_TYPE},
};
use serde_json::json;
use tonic::{Status, body::Body};

use super::status;

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
    /// Anything else.
    Http,
}

impl Protocol {
    /// `None` of gRPC over HTTP/2.
    pub(super) fn of<B>(request: &Request<B>) -> Option<Self> {
        let content_type = request.headers().get(CONTENT_TYPE);
        let is = |beginning: &str| {
            content_type.is_some_and(|it| it.as_bytes().starts_with(beginning.as_bytes()))
        };
        match content_type {
            Some(content_type) if is(GRPC_WEB) => Some(Self::GrpcWeb(content_type.clone())),
            _ if is(GRPC) && request.version() == Version::HTTP_2 => None,
            _ if is(GRPC) => Some(Self::OldHttp),
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
            Self::Connect | Self::OldHttp | Self::Http => {
                let text = json!({ "code": "unimplemented", "message": status.message() });
                let mut response = Response::new(Body::new(format!("{text}\n")));
                *response.status_mut() = match self {
                    Self::Connect => StatusCode::NOT_IMPLEMENTED,
                    _ => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                };
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().insert(CONTENT_TYPE, json);
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
