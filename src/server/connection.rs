//! A connection, protected or not, and its peer.

use std::{
    io::{self, ErrorKind, IoSlice},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use prost::bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

use super::stall::{Stall, WRITE_PATIENCE};
use crate::{access::Peer, grpc::Via, metrics::OpenConnection, peers::Share, tls};

/// The beginning of an HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The beginnings of a connection of an older HTTP.
const METHODS: [&[u8]; 9] = [
    b"CONNECT ",
    b"DELETE ",
    b"GET ",
    b"HEAD ",
    b"OPTIONS ",
    b"PATCH ",
    b"POST ",
    b"PUT ",
    b"TRACE ",
];

/// The protocol that the other end speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Http2,
    /// An older HTTP, as far as the first bytes tell.
    Http1,
}

/// A connection that has not said anything, or only what it speaks.
pub(super) struct Arriving {
    stream: Stream,
    /// Bytes that were read of it, and are to be read once more.
    read: Bytes,
}

/// A connection that calls may come over.
pub(super) struct Connection {
    arrived: Arriving,
    stall: Stall,
    via: Via,
    host: IpAddr,
    /// Among the connections that there may be at once.
    _share: Share<IpAddr>,
    _open: OpenConnection,
}

enum Stream {
    Plain(TcpStream),
    Protected(Box<TlsStream<TcpStream>>),
}

impl Arriving {
    pub(super) fn plain(stream: TcpStream) -> Self {
        Self {
            stream: Stream::Plain(stream),
            read: Bytes::new(),
        }
    }

    /// Once the handshake is over.
    pub(super) fn protected(stream: TlsStream<TcpStream>) -> Self {
        Self {
            stream: Stream::Protected(Box::new(stream)),
            read: Bytes::new(),
        }
    }

    /// Reads what the connection begins with, no more than an HTTP/2 connection begins with.
    ///
    /// # Errors
    ///
    /// When it is nothing of HTTP, or the connection ends.
    pub(super) async fn read_beginning(&mut self) -> io::Result<Speaks> {
        let mut read = [0; PREFACE.len()];
        let mut length = 0;
        let speaks = loop {
            let more = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut read[length..]).await?,
                Stream::Protected(stream) => stream.read(&mut read[length..]).await?,
            };
            if more == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            length += more;
            if let Some(speaks) = speaks(&read[..length]) {
                break speaks?;
            }
        };
        self.read = Bytes::copy_from_slice(&read[..length]);
        Ok(speaks)
    }

    /// The peer at the other end.
    pub(super) fn peer(&self, address: SocketAddr) -> Peer {
        let certificate = match &self.stream {
            Stream::Plain(_) => None,
            Stream::Protected(stream) => {
                let (_, session) = stream.get_ref();
                // The first certificate is the client's own; the others lead to its authority.
                let certificate = session.peer_certificates().and_then(<[_]>::first);
                certificate.map(tls::of_certificate)
            }
        };
        Peer {
            address: Some(address),
            certificate,
        }
    }
}

/// The protocol of a connection that begins so; `None` if that is too little to tell.
fn speaks(beginning: &[u8]) -> Option<io::Result<Speaks>> {
    if beginning == PREFACE {
        return Some(Ok(Speaks::Http2));
    }
    if PREFACE.starts_with(beginning) {
        return None;
    }
    let is_old = METHODS
        .iter()
        .any(|method| beginning.starts_with(method) || method.starts_with(beginning));
    Some(if is_old {
        Ok(Speaks::Http1)
    } else {
        Err(ErrorKind::InvalidData.into())
    })
}

impl Connection {
    /// A connection that has come to its preface and found room.
    pub(super) fn open(
        arrived: Arriving,
        via: Via,
        host: IpAddr,
        share: Share<IpAddr>,
        open: OpenConnection,
    ) -> Self {
        Self {
            arrived,
            stall: Stall::new(WRITE_PATIENCE),
            via,
            host,
            _share: share,
            _open: open,
        }
    }

    /// The connection, as the calls that come over it know it.
    pub(super) fn via(&self) -> Via {
        self.via.clone()
    }

    /// Where the other end is, as far as shares are concerned.
    pub(super) const fn host(&self) -> IpAddr {
        self.host
    }
}

impl AsyncRead for Arriving {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.read.is_empty() {
            let length = self.read.len().min(buffer.remaining());
            buffer.put_slice(&self.read.split_to(length));
            return Poll::Ready(Ok(()));
        }
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Protected(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Arriving {
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

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.arrived).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.arrived).poll_write(context, bytes);
        self.stall.of(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.arrived).poll_flush(context);
        self.stall.of(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.arrived).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.arrived).poll_write_vectored(context, bytes);
        self.stall.of(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.arrived.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaks_of(beginning: &[u8]) -> Option<Result<Speaks, ErrorKind>> {
        speaks(beginning).map(|speaks| speaks.map_err(|error| error.kind()))
    }

    #[test]
    fn the_first_bytes_tell_what_a_connection_speaks() {
        for length in 1..PREFACE.len() {
            assert_eq!(speaks_of(&PREFACE[..length]), None, "{length}");
        }
        assert_eq!(speaks_of(PREFACE), Some(Ok(Speaks::Http2)));
        for old in [
            &b"GET / HTTP/1.1"[..],
            b"GE",
            b"POST /",
            b"PO",
            b"OPTIONS * ",
        ] {
            assert_eq!(speaks_of(old), Some(Ok(Speaks::Http1)), "{old:?}");
        }
        for other in [
            &b"\x16\x03\x01"[..],
            b"PRI x",
            b"get / ",
            b"GETTING ",
            b"\0",
        ] {
            let expected = Some(Err(ErrorKind::InvalidData));
            assert_eq!(speaks_of(other), expected, "{other:?}");
        }
    }
}
