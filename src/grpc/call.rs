//! One call as an operator sees it: its span, its metrics, and its line in the log, from the first
//! byte to the last. A stream ends with its trailers, and any call ends when its caller is gone.
//!
//! Each failed call has one line. Its level says whose problem it is: a caller's mistake is not the operator's.
//! If a refusal is repeated, only the first has a line ([`super::refusals`]). The message of the database
//! driver, which the caller does not receive, is in the field `cause`, which [`super::status`] fills in.

use std::{
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    thread,
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::{Code, Status, body::Body};
use tonic_types::StatusExt as _;
use tracing::Span;

use super::{
    limits::Via,
    refusals::{Kind, Refusals},
    status,
};
use crate::{
    metrics::{CallInFlight, CallMetrics, SYSTEM},
    telemetry::traces,
};

/// A call that has begun. Dropped before its end, it is one that its caller has given up.
pub(super) struct Call {
    span: Span,
    /// The last part of its method's name.
    method: String,
    /// Its `x-request-id`.
    id: HeaderValue,
    in_flight: Option<CallInFlight>,
    refusals: Refusals,
    peer: Option<IpAddr>,
    stage: Stage,
}

/// How far a call has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is being worked on.
    Handling,
    /// Its answer is on the way, which a stream is until it ends.
    Answering,
}

impl Call {
    /// Begins the call that `request` makes, with the span that `span` makes for its method's name.
    ///
    /// A path that is no method's is nowhere in it: it is as long as its caller likes.
    pub(super) fn begin(
        metrics: &CallMetrics,
        refusals: &Refusals,
        request: &Request<Body>,
        id: &HeaderValue,
        span: impl FnOnce(&str) -> Span,
    ) -> Self {
        let in_flight = metrics.begin(request.uri().path());
        let method = in_flight.method();
        let span = span(method);
        traces::continue_trace(&span, request.headers());
        traces::set(&span, "rpc.system.name", SYSTEM);
        traces::set(&span, "rpc.method", method.to_owned());
        let via = request.extensions().get::<Via>();
        Self {
            span,
            method: method.rsplit('/').next().unwrap_or_default().to_owned(),
            id: id.clone(),
            in_flight: Some(in_flight),
            refusals: refusals.clone(),
            peer: via.and_then(|via| Some(via.peer.address?.ip())),
            stage: Stage::Handling,
        }
    }

    pub(super) fn span(&self) -> &Span {
        &self.span
    }

    /// The answer goes out: with it the call ends, at once if the answer is nothing but a status. A
    /// status that the transport has made by itself is replaced by one of ours, whether it comes at once
    /// or after the messages of a stream.
    pub(super) fn answer(mut self, response: Response<Body>) -> Response<Body> {
        if let Some(status) = Status::from_header_map(response.headers()) {
            let ours = self.ours(&status);
            self.end(ours.as_ref().unwrap_or(&status));
            return ours.map_or(response, Status::into_http);
        }
        self.stage = Stage::Answering;
        response.map(|body| {
            Body::new(Answer {
                body,
                call: Some(self),
            })
        })
    }

    /// The call ends with this status before anything is done. Returns the status that the caller gets.
    pub(super) fn refuse(mut self, status: &Status) -> Status {
        let status = self.ours(status).unwrap_or_else(|| status.clone());
        self.end(&status);
        status
    }

    /// The status that the caller gets in place of this one: the same with its request's ID, or one of ours.
    /// `None` of success.
    fn ours(&self, status: &Status) -> Option<Status> {
        let id = self.id.to_str().unwrap_or_default();
        status::complete(status, &self.method, id)
    }

    fn end(&mut self, status: &Status) {
        let Some(in_flight) = self.in_flight.take() else {
            return;
        };
        let code = status.code();
        let name = status::name(code);
        let method = in_flight.shared_method();
        let duration = in_flight.end(name);
        traces::set(&self.span, "rpc.response.status_code", name);
        if is_servers_fault(code) {
            traces::mark_failed(&self.span, name);
        }
        let info = status.get_details_error_info();
        let reason = info.map(|info| info.reason);
        let may_repeat = match code {
            Code::Ok | Code::Internal | Code::Unknown | Code::DataLoss => false,
            // The usual end of a stream.
            Code::Cancelled => self.stage == Stage::Handling,
            _ => true,
        };
        let kind = || Kind {
            peer: self.peer,
            method,
            code,
            reason: reason.clone(),
        };
        if !may_repeat || self.refusals.is_first(kind()) {
            self.span
                .in_scope(|| log(status, reason.as_deref(), duration, self.stage));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if thread::panicking() {
            self.end(&Status::internal("the handler panicked"));
        } else {
            self.end(&Status::cancelled("the caller is gone"));
        }
    }
}

/// The body of an answer, which knows when it has ended.
struct Answer {
    body: Body,
    call: Option<Call>,
}

impl Answer {
    fn end(&mut self, status: &Status) {
        if let Some(mut call) = self.call.take() {
            call.end(status);
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &mut frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    let status = Status::from_header_map(trailers);
                    let call = self.call.as_ref();
                    let status = status.map(|status| with_details(status, call, trailers));
                    self.end(&status.unwrap_or_else(|| Status::unknown("there was no status")));
                }
            }
            Some(Err(status)) => self.end(status),
            None => self.end(&Status::unknown("there was no status")),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The status of these trailers, in both with our details if it has none.
fn with_details(status: Status, call: Option<&Call>, trailers: &mut HeaderMap) -> Status {
    let Some(ours) = call.and_then(|call| call.ours(&status)) else {
        return status;
    };
    // A status that cannot be written stays as the transport has said it.
    let _ = ours.add_header(trailers);
    ours
}

/// Which statuses OpenTelemetry's conventions count as failures of a server.
const fn is_servers_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// The one line of a call.
fn log(status: &Status, reason: Option<&str>, duration: Duration, stage: Stage) {
    let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    let (code, error) = (status::name(status.code()), status.message());
    match status.code() {
        Code::Ok => tracing::debug!(code, duration_us, "done"),
        // A stream goes on until its client hangs up: that is its usual end.
        Code::Cancelled if stage == Stage::Answering => {
            tracing::debug!(code, duration_us, "hung up");
        }
        Code::Cancelled => tracing::info!(code, duration_us, "given up by the caller"),
        Code::Internal | Code::Unknown | Code::DataLoss => {
            tracing::error!(code, reason, error, duration_us, "failed");
        }
        // Every stream ends like this when the server stops.
        Code::Unavailable if reason == Some(status::SHUTTING_DOWN) => {
            tracing::info!(code, reason, error, duration_us, "ended");
        }
        Code::Unavailable | Code::Aborted | Code::DeadlineExceeded | Code::ResourceExhausted => {
            tracing::warn!(code, reason, error, duration_us, "failed");
        }
        _ => tracing::info!(code, reason, error, duration_us, "refused"),
    }
}

#[cfg(test)]
mod reference;
