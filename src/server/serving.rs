//! Serves connections with HTTP/2, each in a task of its own, until the server drains.
//!
//! Why this is not left to tonic's server: that one keeps a connection for as long as its peer likes. Here a
//! connection that was asked to close is closed once no call of it is left, whether or not its peer has heard
//! of it, a stream whose answer is not read can be cut off, and connections end with this server.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming as Arrival, server::conn::http2, service::Service as HyperService};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::{TowerToHyperService, TowerToHyperServiceFuture},
};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service;

use super::{connection::Connection, incoming::Incoming};
use crate::{
    config::LimitsConfig,
    grpc::Via,
    peers::{Budget, Held, Streams, UnusedCut},
};

/// How often an idle connection is asked whether its other end is still there.
const KEEPALIVE_INTERVAL: Duration = Duration::from_mins(1);
/// How long the other end may take to answer.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a connection that was asked to close, and has no call left, may take to go by itself.
const GOODBYE: Duration = Duration::from_secs(1);
/// How often it is looked at within that time.
const GLANCES: u32 = 4;

/// The most bytes of a call's metadata, with 32 for each entry, as HTTP/2 counts.
const MOST_METADATA: u32 = 16 * 1024;
/// The most bytes that a peer may send of one request before they are looked at. They are looked at when
/// they come, so this bounds memory, not speed; the largest valid request fits.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same of one connection. The transport closes a connection over which too many small messages have
/// come unseen, and measures that by this: a thousand small requests at once must do.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// How many calls of one connection may have been cancelled before they were looked at. More than a
/// transport takes by itself: a busy back-end that gives up on its calls all at once is no attacker.
const MOST_CANCELLED_AT_ONCE: usize = 1000;

/// How connections are served.
pub(super) struct Serving<S> {
    pub(super) service: S,
    pub(super) limits: LimitsConfig,
    pub(super) unused: Budget<UnusedCut>,
}

impl<S> Serving<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
{
    /// Serves what comes until `leave` resolves, and then until no connection is left.
    pub(super) async fn run(self, mut incoming: Incoming, leave: impl Future<Output = ()>) {
        let mut connections = JoinSet::new();
        let draining = CancellationToken::new();
        let mut leave = pin!(leave);
        loop {
            tokio::select! {
                () = &mut leave => break,
                Some(_) = connections.join_next() => {}
                connection = incoming.next() => {
                    connections.spawn(self.connection(connection, draining.clone()));
                }
            }
        }
        // Nothing is accepted from here on, and what arrives is closed.
        drop(incoming);
        draining.cancel();
        while connections.join_next().await.is_some() {}
    }

    /// Serves one connection.
    fn connection(
        &self,
        connection: Connection,
        draining: CancellationToken,
    ) -> impl Future<Output = ()> + Send + use<S> {
        let close = CancellationToken::new();
        let streams = Streams::new(close.clone());
        let cut = UnusedCut {
            host: connection.host(),
            close: close.clone(),
        };
        let calls = Calls {
            inner: TowerToHyperService::new(self.service.clone()),
            via: connection.via(),
            unused: Mutex::new(Some(self.unused.hold(1, cut))),
        };
        let age = self.limits.connection_age;
        let mut http = http2::Builder::new(streams.clone());
        http.timer(TokioTimer::new())
            .keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .max_pending_accept_reset_streams(MOST_CANCELLED_AT_ONCE)
            .max_header_list_size(MOST_METADATA)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            // HTTP/2 counts calls and watches together.
            .max_concurrent_streams(
                (self.limits.streams_per_connection)
                    .saturating_add(self.limits.watches_per_connection),
            );
        async move {
            let mut served = pin!(http.serve_connection(TokioIo::new(connection), calls));
            tokio::select! {
                ended = served.as_mut() => return say(ended),
                () = close.cancelled() => return,
                () = draining.cancelled() => {}
                () = sleep(age) => {}
            }
            served.as_mut().graceful_shutdown();
            let mut idle = 0;
            while idle < GLANCES {
                tokio::select! {
                    ended = served.as_mut() => return say(ended),
                    () = close.cancelled() => return,
                    () = sleep(GOODBYE / GLANCES) => {
                        idle = if streams.is_idle() { idle + 1 } else { 0 };
                    }
                }
            }
        }
    }
}

fn say(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}

/// The calls of one connection: each knows its peer.
struct Calls<S> {
    inner: TowerToHyperService<S>,
    via: Via,
    /// Until the first call.
    unused: Mutex<Option<Held<UnusedCut>>>,
}

impl<S> HyperService<Request<Arrival>> for Calls<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = TowerToHyperServiceFuture<S, Request<Body>>;

    fn call(&self, request: Request<Arrival>) -> Self::Future {
        let unused = self
            .unused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(unused);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.via.clone());
        self.inner.call(request)
    }
}
