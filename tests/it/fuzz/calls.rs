//! Calls as they go over the wire: a method, headers and a body, each of which may be malformed.

use tonic::codegen::http::{HeaderValue, Method, Request, StatusCode};

use super::mutations::{any_bytes, byte, with_other_bytes};
use crate::support::{dice::Dice, wire::frame};

/// The most bytes of headers that the transport takes is 16 KiB.
const HUGE: usize = 20_000;

const HEADERS: [(&str, &str); 33] = [
    ("content-type", "application/grpc+json"),
    ("content-type", "application/grpc+proto; charset=utf-8"),
    ("content-type", "application/grpc-web"),
    ("content-type", "text/plain"),
    ("content-type", ""),
    ("grpc-timeout", "1n"),
    ("grpc-timeout", "0S"),
    ("grpc-timeout", "1u"),
    ("grpc-timeout", "+1n"),
    ("grpc-timeout", "99999999H"),
    ("grpc-timeout", "999999999H"),
    ("grpc-timeout", "1.5S"),
    ("grpc-timeout", "-1S"),
    ("grpc-timeout", ""),
    ("grpc-timeout", "S"),
    ("grpc-encoding", "gzip"),
    ("grpc-encoding", "identity"),
    ("grpc-encoding", "br,gzip"),
    ("grpc-encoding", ""),
    ("grpc-accept-encoding", "gzip, deflate;q=0,, x"),
    ("grpc-status", "13"),
    ("grpc-message", "%ff%zz%"),
    ("grpc-status-details-bin", "no base64!"),
    ("trace-bin", "%%%"),
    ("trace-bin", "AAA=,AAA"),
    ("authorization", "Bearer"),
    ("authorization", "Basic OjpuZWl0aGVy"),
    ("x-request-id", ""),
    ("x-request-id", "\t \t"),
    ("content-length", "7"),
    ("traceparent", "00-zz-zz-zz"),
    ("cookie", "a=b; c"),
    ("user-agent", ""),
];

/// Without `HEAD`, whose answer may not have the messages that it would have.
const METHODS: [Method; 3] = [Method::GET, Method::PUT, Method::OPTIONS];

/// A call before it is sent.
pub(super) struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, HeaderValue)>,
    pub(super) body: Vec<u8>,
}

impl Call {
    /// A call as it should be.
    pub(super) fn of(path: &str, message: &[u8]) -> Self {
        Self {
            method: Method::POST,
            path: path.to_owned(),
            headers: vec![
                ("content-type", HeaderValue::from_static("application/grpc")),
                ("te", HeaderValue::from_static("trailers")),
            ],
            body: frame(message),
        }
    }

    pub(super) fn request(&self) -> Request<()> {
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(format!("http://localhost{}", self.path));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        request.body(()).expect("its parts are valid")
    }

    /// Whether it has a deadline, which may pass.
    pub(super) fn has_deadline(&self) -> bool {
        self.headers.iter().any(|(name, _)| *name == "grpc-timeout")
    }

    /// Whether it says another length than it has, for which HTTP resets it.
    pub(super) fn lies_about_its_length(&self) -> bool {
        let mut lengths = self.headers.iter();
        lengths.any(|(name, _)| *name == "content-length")
    }

    /// Whether its headers are more than the transport takes.
    pub(super) fn has_huge_headers(&self) -> bool {
        let length: usize = self.headers.iter().map(|(_, value)| value.len()).sum();
        length >= HUGE
    }

    /// The status of HTTP that it is answered with if it is no call of gRPC: its method says so, or its
    /// first content type. Answers to gRPC-Web have a status of gRPC, too.
    pub(super) fn is_no_call(&self) -> Option<StatusCode> {
        if self.method != Method::POST {
            return Some(StatusCode::METHOD_NOT_ALLOWED);
        }
        let mut headers = self.headers.iter();
        let content_type = headers.find(|(name, _)| *name == "content-type");
        let kind = content_type.map_or(&b""[..], |(_, value)| value.as_bytes());
        if kind.starts_with(b"application/grpc-web") {
            return None;
        }
        let kind = kind.split(|byte| b"; ".contains(byte)).next();
        match kind {
            Some(b"application/grpc" | b"application/grpc+proto") => None,
            _ => Some(StatusCode::UNSUPPORTED_MEDIA_TYPE),
        }
    }

    /// Frames that are cut, that lie about their length or say that they are compressed, and more or
    /// fewer of them than there should be.
    pub(super) fn frame_oddly(&mut self, dice: &mut Dice) {
        let body = &mut self.body;
        match dice.below(9) {
            0 => body[0] = 1,
            1 => body[0] = byte(dice),
            2 => body[4] = body[4].wrapping_add(1),
            3 => body[4] = body[4].wrapping_sub(1),
            4 => {
                // A length of nearly any size.
                let place = usize::try_from(1 + dice.below(4)).expect("a small number");
                body[place] = byte(dice);
            }
            5 => *body = body.repeat(2),
            6 => body.extend(any_bytes(dice, 16)),
            7 => body.clear(),
            _ => *body = with_other_bytes(dice, body),
        }
    }

    /// Headers that no client library would send, another method of HTTP, or a path of nothing.
    pub(super) fn head_oddly(&mut self, dice: &mut Dice) {
        match dice.below(16) {
            0 => self.method = dice.one_of(&METHODS).clone(),
            1 => self.path.push_str("/more"),
            2 => self.path = self.path.to_lowercase(),
            3 => self.path = self.path.replacen("v1", "v%31", 1),
            4 => self.path.push_str("?user_id=alice"),
            5 => "/".clone_into(&mut self.path),
            6 => {
                let place = dice.below(2);
                self.headers.remove(usize::from(place == 1));
            }
            7 => self
                .headers
                .push(("x-huge", "x".repeat(4_000).parse().expect("plain"))),
            8 => self
                .headers
                .push(("x-huge", "x".repeat(HUGE).parse().expect("plain"))),
            9 | 10 => {
                let name = dice.one_of(&HEADERS).0;
                let bytes = any_bytes(dice, 24);
                // Control characters cannot be sent with a client that is in order.
                if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                    self.headers.push((name, value));
                }
            }
            _ => {
                for _ in 0..=dice.below(3) {
                    let (name, value) = *dice.one_of(&HEADERS);
                    if dice.once_in(2) {
                        self.headers.retain(|(other, _)| *other != name);
                    }
                    self.headers.push((name, HeaderValue::from_static(value)));
                }
            }
        }
    }
}
