//! A connection, protected or not, and who is at its other end.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::{access::Peer, grpc::Via, tls};

/// A connection that calls may come over.
pub(super) struct Connection {
    stream: Stream,
    via: Via,
    /// Among the connections that there may be at once.
    _place: OwnedSemaphorePermit,
}

enum Stream {
    Plain(TcpStream),
    Protected(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// `most_watches` may be open on it at once.
    pub(super) fn plain(stream: TcpStream, place: OwnedSemaphorePermit, most_watches: u32) -> Self {
        let peer = Peer {
            address: stream.peer_addr().ok(),
            certificate: None,
        };
        Self {
            stream: Stream::Plain(stream),
            via: Via::new(peer, most_watches),
            _place: place,
        }
    }

    /// Once the handshake is over.
    pub(super) fn protected(
        stream: TlsStream<TcpStream>,
        place: OwnedSemaphorePermit,
        most_watches: u32,
    ) -> Self {
        let (connection, session) = stream.get_ref();
        // The first certificate is the client's own; the others lead to its authority.
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let peer = Peer {
            address: connection.peer_addr().ok(),
            certificate: certificate.map(tls::of_certificate),
        };
        Self {
            stream: Stream::Protected(Box::new(stream)),
            via: Via::new(peer, most_watches),
            _place: place,
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Via;

    fn connect_info(&self) -> Via {
        self.via.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Protected(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Protected(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Protected(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Protected(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Stream::Protected(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Protected(stream) => stream.is_write_vectored(),
        }
    }
}
