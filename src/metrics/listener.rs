//! The port on which the metrics are read: `GET /metrics`, and nothing else.
//!
//! It is for a scraper in the deployment's own network. It has no secrets, no user's data and no way to
//! change anything, so unlike the service itself it may listen beyond loopback without being asked twice. A
//! peer that reaches it can do no harm: at most [`MOST_CONNECTIONS`] are served at a time, each for one
//! request and a few seconds. When there are more, the oldest is closed: a scraper is done in milliseconds,
//! so it is never the one, and connections that say nothing do not keep it out.
//!
//! It goes on until the server has drained, so that the last scrape sees how that went.

use std::{
    collections::VecDeque, convert::Infallible, future::Future, io, net::SocketAddr, pin::pin,
    sync::Arc, time::Duration,
};

use http::{
    Method, Request, Response, StatusCode,
    header::{ACCEPT, ALLOW, CONTENT_TYPE},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use prost::bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use super::exposition::Format;

const PATH: &str = "/metrics";
/// How many connections are served at a time.
const MOST_CONNECTIONS: usize = 64;
/// How long a connection may last, from being accepted to the last byte of its answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of a request.
const MOST_REQUEST_BYTES: usize = 16 * 1024;
/// How long to wait before accepting again when the system has no room for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a scrape that has begun may go on after the server has drained.
const LAST_SCRAPE: Duration = Duration::from_secs(1);

/// The metrics, and the port on which they will be read.
#[derive(Debug)]
pub struct MetricsListener {
    listener: TcpListener,
    address: SocketAddr,
    registry: Arc<Registry>,
}

impl MetricsListener {
    /// Takes the address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn bind(address: SocketAddr, registry: Registry) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            registry: Arc::new(registry),
        })
    }

    /// The address that metrics are read on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers scrapes for ever, in tasks that end with `connections`.
    async fn serve(&self, connections: &mut JoinSet<()>) -> Infallible {
        let mut by_age = VecDeque::new();
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let answered = answer(stream, Arc::clone(&self.registry));
                    by_age.push_back(connections.spawn(answered));
                    by_age.retain(|connection: &AbortHandle| !connection.is_finished());
                    if by_age.len() > MOST_CONNECTIONS
                        && let Some(oldest) = by_age.pop_front()
                    {
                        oldest.abort();
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection for metrics");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
    }
}

/// Runs `work` to its end, and answers scrapes meanwhile if there is a listener. A scrape that has
/// begun when the work ends is answered.
pub async fn serve_while<F: Future>(listener: Option<MetricsListener>, work: F) -> F::Output {
    let Some(listener) = listener else {
        return work.await;
    };
    tracing::info!(address = %listener.address, "serving metrics");
    let mut connections = JoinSet::new();
    let mut work = pin!(work);
    let output = tokio::select! {
        output = &mut work => output,
        never = listener.serve(&mut connections) => match never {},
    };
    drop(listener);
    let last = async { while connections.join_next().await.is_some() {} };
    // A scrape that takes longer ends with its task.
    let _ = timeout(LAST_SCRAPE, last).await;
    output
}

async fn answer(stream: TcpStream, registry: Arc<Registry>) {
    let service = service_fn(move |request| {
        let response = respond(&request, &registry);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIMEOUT)
        .keep_alive(false)
        .max_buf_size(MOST_REQUEST_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection for metrics failed"),
        Err(_) => tracing::debug!("a connection for metrics took too long"),
    }
}

fn respond(request: &Request<Incoming>, registry: &Registry) -> Response<Full<Bytes>> {
    if request.uri().path() != PATH {
        return plain(StatusCode::NOT_FOUND, "the figures are at /metrics\n");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "GET is all there is\n");
        let allowed = http::HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(ALLOW, allowed);
        return refused;
    }
    let accept = request.headers().get(ACCEPT);
    let accept = accept.and_then(|value| value.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    match format.encode(registry) {
        Ok(text) => with_type(StatusCode::OK, format.content_type(), text),
        Err(_) => plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the figures cannot be written\n",
        ),
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    with_type(status, "text/plain; charset=utf-8", text)
}

fn with_type(
    status: StatusCode,
    content_type: &'static str,
    text: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let content_type = http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
