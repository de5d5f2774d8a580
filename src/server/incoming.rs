//! Accepts connections and protects them, without one waiting for another.
//!
//! A client that is slow over its handshake, or never ends it, holds up nobody: handshakes run beside
//! each other, each for a limited time, and a limited number of them. Beyond that, and beyond the most
//! connections at once, connections wait where the system keeps them.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Sleep, sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tokio_stream::Stream;
use tokio_util::sync::PollSemaphore;

use super::connection::Connection;
use crate::tls;

/// How long a handshake may take.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How many handshakes run at once.
const MOST_HANDSHAKES: usize = 512;
/// How long nothing is accepted after the system had no room for a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection as it comes from the system.
struct Accepted {
    stream: TcpStream,
    address: SocketAddr,
    place: OwnedSemaphorePermit,
}

/// The connections to a listener.
pub(super) struct Incoming {
    listener: TcpListener,
    tls: Option<tls::Current>,
    places: PollSemaphore,
    /// Of each connection.
    most_watches: u32,
    /// Ends with this stream, and so when the server drains.
    handshakes: JoinSet<Option<Connection>>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Incoming {
    /// Protected with what `tls` holds when they come, or not at all, and so many at once, each with so
    /// many watches.
    pub(super) fn new(
        listener: TcpListener,
        tls: Option<tls::Current>,
        most: u32,
        most_watches: u32,
    ) -> Self {
        let places = usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            listener,
            tls,
            places: PollSemaphore::new(Arc::new(Semaphore::new(places))),
            most_watches,
            handshakes: JoinSet::new(),
            pause: None,
        }
    }

    /// The next connection, as it comes from the system, once there is a place for it.
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Accepted> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(context));
                self.pause = None;
            }
            // Where nobody comes for it, the place is given back.
            let Some(place) = ready!(self.places.poll_acquire(context)) else {
                // Nobody closes the semaphore.
                return Poll::Pending;
            };
            match ready!(self.listener.poll_accept(context)) {
                Ok((stream, address)) => {
                    // Without it answers are a little late, no more.
                    let _ = stream.set_nodelay(true);
                    return Poll::Ready(Accepted {
                        stream,
                        address,
                        place,
                    });
                }
                // It was gone before it was accepted.
                Err(error) if is_of_connection(&error) => {}
                // Trying again at once would find the same, and use a whole processor for it.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    self.pause = Some(Box::pin(sleep(PAUSE)));
                }
            }
        }
    }
}

impl Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Connection>>> {
        let this = &mut *self;
        loop {
            while this.handshakes.len() < MOST_HANDSHAKES
                && let Poll::Ready(accepted) = this.poll_accept(context)
            {
                let Some(tls) = &this.tls else {
                    let Accepted { stream, place, .. } = accepted;
                    let connection = Connection::plain(stream, place, this.most_watches);
                    return Poll::Ready(Some(Ok(connection)));
                };
                let config = Arc::clone(&tls.borrow());
                this.handshakes
                    .spawn(handshake(config, accepted, this.most_watches));
            }
            match this.handshakes.poll_join_next(context) {
                Poll::Ready(Some(Ok(Some(connection)))) => {
                    return Poll::Ready(Some(Ok(connection)));
                }
                // One that failed has made room for another.
                Poll::Ready(Some(_)) => {}
                // Whoever comes next wakes this up.
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Protects a connection, unless the client fails to do its part.
async fn handshake(
    config: Arc<ServerConfig>,
    accepted: Accepted,
    most_watches: u32,
) -> Option<Connection> {
    let Accepted {
        stream,
        address,
        place,
    } = accepted;
    match timeout(HANDSHAKE_PATIENCE, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => Some(Connection::protected(stream, place, most_watches)),
        // Probes that only look whether the port is open do so.
        Ok(Err(error)) if is_of_connection(&error) => {
            tracing::debug!(peer = %address, %error, "a connection ended before its handshake");
            None
        }
        Ok(Err(error)) => {
            tracing::info!(peer = %address, %error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::info!(peer = %address, "a TLS handshake took too long");
            None
        }
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
