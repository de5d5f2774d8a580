//! Accepts connections: protects them, waits for the HTTP/2 preface, and finds room for them, without one
//! waiting for another.
//!
//! Invariants:
//! - A connection *arrives* until its preface is there, in a limited time. Those that arrive are limited in
//!   number; when there are more, the oldest is closed. A client that does its part is done in
//!   milliseconds, so peers that say nothing, or half of it, hold up nobody.
//! - Then it *opens*, if there is room. Each address has its share, so others find room beside it. Where
//!   there is none, the oldest connection of the same address over which no call has ever come makes
//!   room; without any, the new one waits, as one that arrives.
//! - A connection of an older HTTP never opens. Its first request gets an answer that says
//!   what to do instead. Until then it arrives, so it has no more time and room than a silent connection.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::Request;
use hyper::{body::Incoming as Arrival, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use super::connection::{Arriving, Connection, Speaks};
use crate::{
    config::LimitsConfig,
    grpc::{Boundary, Via},
    metrics::PeerMetrics,
    peers::{self, Lull, Share, Shares, Waiting},
    tls,
};

/// How long nothing is accepted after the system had no room for a connection.
const PAUSE: Duration = Duration::from_millis(100);
/// The most bytes of a request of an older HTTP, of which only the headers matter.
const MOST_OLD_BYTES: usize = 8 * 1024;

/// The connections to a listener. Those that arrive end with this, and so when the server drains.
pub(super) struct Incoming {
    listener: TcpListener,
    tls: Option<tls::Current>,
    entrance: Arc<Entrance>,
    arriving: JoinSet<Option<Connection>>,
}

/// The settings and budgets that decide over connections.
struct Entrance {
    waiting: Waiting,
    shares: Shares<IpAddr>,
    /// Of each connection.
    most_watches: u32,
    boundary: Boundary,
    metrics: PeerMetrics,
    said_full: Lull,
}

impl Incoming {
    /// Protected with what `tls` holds when they come, or not at all. `boundary` answers what is not gRPC.
    pub(super) fn new(
        listener: TcpListener,
        tls: Option<tls::Current>,
        limits: &LimitsConfig,
        waiting: Waiting,
        metrics: PeerMetrics,
        boundary: Boundary,
    ) -> Self {
        let of_an_address = usize::try_from(limits.connections).unwrap_or(usize::MAX / 4);
        Self {
            listener,
            tls,
            entrance: Arc::new(Entrance {
                waiting,
                shares: Shares::new(of_an_address),
                most_watches: limits.watches_per_connection,
                boundary,
                metrics,
                said_full: Lull::default(),
            }),
            arriving: JoinSet::new(),
        }
    }

    /// The next connection that is open.
    pub(super) async fn next(&mut self) -> Connection {
        loop {
            tokio::select! {
                Some(arrived) = self.arriving.join_next() => {
                    if let Ok(Some(connection)) = arrived {
                        return connection;
                    }
                }
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, address)) => self.begin(stream, address),
                    // It was gone before it was accepted.
                    Err(error) if is_of_connection(&error) => {}
                    // Trying again at once would find the same, and use a whole processor for it.
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        self.entrance.waiting.arriving.cut_oldest();
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    fn begin(&mut self, stream: TcpStream, address: SocketAddr) {
        // Without it answers are a little late, no more.
        let _ = stream.set_nodelay(true);
        let config = self.tls.as_ref().map(|tls| Arc::clone(&tls.borrow()));
        let cut = CancellationToken::new();
        let held = self.entrance.waiting.arriving.hold(1, cut.clone());
        let entrance = Arc::clone(&self.entrance);
        self.arriving.spawn(async move {
            let connection = tokio::select! {
                biased;
                () = cut.cancelled() => {
                    tracing::debug!(peer = %address, "a connection took too long to say anything");
                    None
                }
                connection = entrance.arrive(stream, address, config) => connection,
            };
            drop(held);
            connection
        });
    }
}

impl Entrance {
    /// The connection, once it is protected, has said what it speaks, and has found room.
    async fn arrive(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        config: Option<Arc<ServerConfig>>,
    ) -> Option<Connection> {
        let mut arriving = match config {
            None => Arriving::plain(stream),
            Some(config) => match TlsAcceptor::from(config).accept(stream).await {
                Ok(stream) => Arriving::protected(stream),
                // Probes that only look whether the port is open do so.
                Err(error) if is_of_connection(&error) => {
                    tracing::debug!(peer = %address, %error, "a connection ended before its handshake");
                    return None;
                }
                Err(error) => {
                    tracing::info!(peer = %address, %error, "a TLS handshake failed");
                    return None;
                }
            },
        };
        match arriving.read_beginning().await {
            Ok(Speaks::Http2) => {}
            Ok(Speaks::Http1) => {
                self.answer_old(arriving, address).await;
                return None;
            }
            Err(error) => {
                tracing::debug!(peer = %address, %error, "a connection does not speak HTTP/2");
                return None;
            }
        }
        let host = peers::host(address.ip());
        let share = self.room_for(host).await;
        let via = Via::new(arriving.peer(address), self.most_watches);
        Some(Connection::open(
            arriving,
            via,
            host,
            share,
            self.metrics.open(),
        ))
    }

    /// Tells the first request of an older HTTP what to do instead. Nothing of its body is read.
    async fn answer_old(&self, arriving: Arriving, address: SocketAddr) {
        // No watch comes over it.
        let via = Via::new(arriving.peer(address), 0);
        let answer = service_fn(|request: Request<Arrival>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(via.clone());
            let answer = self.boundary.answer_to_other(&request);
            async move { answer.ok_or(io::Error::from(ErrorKind::Unsupported)) }
        });
        let answered = http1::Builder::new()
            .keep_alive(false)
            .max_buf_size(MOST_OLD_BYTES)
            .serve_connection(TokioIo::new(arriving), answer)
            .await;
        if let Err(error) = answered {
            tracing::debug!(peer = %address, %error, "a request of an older HTTP was not answered");
        }
    }

    async fn room_for(&self, host: IpAddr) -> Share<IpAddr> {
        if let Some(share) = self.shares.take(host) {
            return share;
        }
        self.metrics.waited();
        if self.said_full.is_over() {
            tracing::warn!(
                "there is no room for another connection; see max_connections, of which one address \
                 has a share"
            );
        }
        (self.waiting.unused).cut_oldest_that(|connection| connection.host == host);
        self.shares.wait(host).await
    }
}

/// Whether the other end has hung up.
fn is_of_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::UnexpectedEof
    )
}
