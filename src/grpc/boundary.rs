//! The boundary that every call passes on its way in and out. It gives the call its request ID, its
//! deadline, its span and log line for the operator, and our details in every error (see [`Call`]). The
//! caller is identified further in, by [`super::Access`], which adds it to the call's span.

use std::{
    future::{Future, ready},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderName, HeaderValue, Request, Response};
use tokio::time::Sleep;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field::Empty};
use uuid::Uuid;

use super::{
    call::Call,
    method::{Kind, Methods},
    not_grpc::Protocol,
    refusals::Refusals,
    status,
};
use crate::metrics::{CallMetrics, OTHER_METHOD};

/// The ID of a call, in its request if the caller has one, and always in its response and the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const LONGEST_REQUEST_ID: usize = 128;
/// The longest time of a call that ends by itself, even if its caller allows more. None takes nearly as
/// long.
const LONGEST_CALL: Duration = Duration::from_mins(1);

/// The exactness of timers. A shorter deadline has passed before anything is done.
const SHORTEST_CALL: Duration = Duration::from_millis(1);

/// The ID of the call that a request makes, among its extensions.
#[derive(Debug, Clone)]
pub(super) struct CallId(HeaderValue);

/// The layer around all services.
#[derive(Debug, Clone)]
pub struct Boundary {
    methods: Methods,
    metrics: CallMetrics,
    refusals: Refusals,
}

/// A service within the [`Boundary`].
#[derive(Debug, Clone)]
pub struct Bounded<S> {
    inner: S,
    boundary: Boundary,
}

impl Boundary {
    /// Counts calls in `metrics`, and refusals that repeat themselves in `refusals`.
    #[must_use]
    pub fn new(metrics: CallMetrics, refusals: Refusals) -> Self {
        Self {
            methods: Methods::new(),
            metrics,
            refusals,
        }
    }

    fn begin(&self, request: &Request<Body>, id: &HeaderValue) -> Call {
        let path = request.uri().path();
        Call::begin(&self.metrics, &self.refusals, request, id, |method| {
            span(
                id,
                if method == OTHER_METHOD { method } else { path },
                method,
            )
        })
    }

    /// The answer to a request that speaks something else than gRPC over HTTP/2; `None` to a call. Nothing
    /// of the request's body is read.
    pub(crate) fn answer_to_other(&self, request: &Request<Body>) -> Option<Response<Body>> {
        let protocol = Protocol::of(request)?;
        let id = request_id(request);
        let status = self.begin(request, &id).refuse(&protocol.status());
        let mut response = protocol.answer(&status, request.version());
        response.headers_mut().insert(REQUEST_ID, id);
        Some(response)
    }
}

impl CallId {
    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl<S> Layer<S> for Boundary {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded {
            inner,
            boundary: self.clone(),
        }
    }
}

impl<S> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(answer) = self.boundary.answer_to_other(&request) {
            return Box::pin(ready(Ok(answer)));
        }
        let id = request_id(&request);
        let call = self.boundary.begin(&request, &id);
        let span = call.span().clone();
        request.extensions_mut().insert(CallId(id.clone()));
        let timeout = request.headers().get(TIMEOUT).and_then(timeout);
        let deadline = deadline(self.boundary.methods.kind(request.uri().path()), timeout);
        // It runs from now on, as the transport's own does, and not from when the answer is first asked for:
        // that is later where many calls come at once.
        let expired = deadline.map(tokio::time::sleep);
        let answer = span.in_scope(|| self.inner.call(request));
        let bounded = async move {
            let response = match expired {
                Some(_) if deadline.is_some_and(|deadline| deadline < SHORTEST_CALL) => {
                    status::deadline_exceeded().into_http()
                }
                Some(expired) => within(answer, expired).await?,
                None => answer.await?,
            };
            let mut response = call.answer(response);
            response.headers_mut().insert(REQUEST_ID, id);
            Ok(response)
        };
        Box::pin(bounded.instrument(span))
    }
}

/// The span of a call. Its fields stand in each of its log lines; a field that is [`Empty`] is filled in
/// when it is known. The span is there even if no lines are chosen, for without it a line says little.
pub(super) fn span(request_id: &HeaderValue, path: &str, name: &str) -> Span {
    tracing::error_span!(
        "call",
        otel.kind = "server",
        otel.name = name,
        x_request_id = request_id.to_str().unwrap_or_default(),
        method = path,
        caller = Empty,
        peer = Empty,
        trace_id = Empty,
        cause = Empty,
    )
}

/// How long a call of this kind may take if its caller waits for `timeout`.
fn deadline(kind: Kind, timeout: Option<Duration>) -> Option<Duration> {
    let longest = kind.is_short().then_some(LONGEST_CALL);
    match (timeout, longest) {
        (Some(timeout), Some(longest)) => Some(timeout.min(longest)),
        (timeout, longest) => timeout.or(longest),
    }
}

/// The answer, if it comes in time. Otherwise the work of the call is dropped, which rolls its transaction
/// back.
async fn within<F, E>(answer: F, deadline: Sleep) -> Result<Response<Body>, E>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    tokio::select! {
        biased;
        () = deadline => Ok(status::deadline_exceeded().into_http()),
        response = answer => response,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "names a call in the log; nothing depends on it"
)]
/// The caller's ID of the call if it is plain text of moderate length, and a new one otherwise.
pub(super) fn request_id(request: &Request<Body>) -> HeaderValue {
    let plain =
        |id: &&HeaderValue| id.len() <= LONGEST_REQUEST_ID && !id.is_empty() && id.to_str().is_ok();
    match request.headers().get(REQUEST_ID).filter(plain) {
        Some(id) => id.clone(),
        None => HeaderValue::from_str(&Uuid::now_v7().to_string())
            .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
    }
}

/// Reads a `grpc-timeout`: at most eight digits and a unit. One of the digits may be a plus sign, as for
/// other servers in Rust.
pub(super) fn timeout(header: &HeaderValue) -> Option<Duration> {
    let text = header.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_hours(number),
        "M" => Duration::from_mins(number),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::pending};

    use tonic_types::StatusExt as _;
    use tower::service_fn;

    use super::*;
    use crate::metrics::Metrics;

    #[tokio::test]
    async fn a_deadline_runs_before_the_answer_is_first_asked_for() {
        let inner = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
        let boundary = Boundary::new(Metrics::new([]).calls, Refusals::default());
        let mut bounded = boundary.layer(inner);
        let request = Request::post("/")
            .header("content-type", "application/grpc")
            .header(TIMEOUT, "3m")
            .version(http::Version::HTTP_2);
        let answer = bounded.call(request.body(Body::empty()).unwrap());
        tokio::time::sleep(Duration::from_millis(10)).await;
        let response = tokio::select! {
            biased;
            response = answer => response.unwrap(),
            () = ready(()) => panic!("the deadline has not passed"),
        };
        let status = tonic::Status::from_header_map(response.headers()).unwrap();
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "DEADLINE_EXCEEDED");
    }

    #[test]
    fn a_call_may_not_last_for_ever_and_a_stream_may() {
        let (short, long) = (Duration::from_secs(5), Duration::from_hours(5));
        assert_eq!(deadline(Kind::Change, None), Some(LONGEST_CALL));
        assert_eq!(deadline(Kind::Read, Some(short)), Some(short));
        assert_eq!(deadline(Kind::Health, Some(long)), Some(LONGEST_CALL));
        assert_eq!(deadline(Kind::Watch, None), None);
        assert_eq!(deadline(Kind::Watch, Some(long)), Some(long));
    }

    #[test]
    fn timeouts_are_read_in_all_units_and_nothing_else() {
        let read = |text: &'static str| timeout(&HeaderValue::from_static(text));
        assert_eq!(read("2H"), Some(Duration::from_hours(2)));
        assert_eq!(read("3M"), Some(Duration::from_mins(3)));
        assert_eq!(read("4S"), Some(Duration::from_secs(4)));
        assert_eq!(read("5m"), Some(Duration::from_millis(5)));
        assert_eq!(read("99999999u"), Some(Duration::from_micros(99_999_999)));
        assert_eq!(read("0n"), Some(Duration::ZERO));
        assert_eq!(read("+1S"), Some(Duration::from_secs(1)));
        for text in [
            "",
            "S",
            "1",
            "1s",
            "123456789S",
            "+12345678S",
            "-1S",
            "+S",
            "++1S",
            "1.5S",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
