//! A peer below the client library, which does as much of its part as it likes.

use std::net::SocketAddr;

use h2::{
    RecvStream, SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use prost::bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tonic::{
    Code, Status,
    codegen::http::{HeaderMap, Request},
};

use crate::support::stage::PATIENCE;

/// A connection of a peer.
pub(super) struct Peer {
    requests: SendRequest<Bytes>,
    _connection: JoinSet<()>,
}

/// A call that has begun. It goes on until this is dropped.
pub(super) struct Call {
    answer: Option<ResponseFuture>,
    sending: SendStream<Bytes>,
    body: Option<RecvStream>,
}

/// A TCP connection from this address of loopback.
pub(super) async fn connect_from(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("there are sockets");
    let from = format!("{from}:0").parse().expect("an address");
    socket.bind(from).expect("loopback has many addresses");
    let stream = timeout(PATIENCE, socket.connect(to)).await;
    stream
        .expect("the system accepts connections in time")
        .expect("the system accepts connections")
}

impl Peer {
    pub(super) async fn connect(to: SocketAddr) -> Self {
        Self::over(connect_from("127.0.0.1", to).await, 65_535).await
    }

    /// Which reads only so many bytes of each answer.
    pub(super) async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        window: u32,
    ) -> Self {
        let (requests, connection) = Builder::new()
            .initial_window_size(window)
            // A response in excess of it makes the client hang up.
            .initial_connection_window_size(1024 * 1024)
            .handshake(stream)
            .await
            .expect("the client's part needs no server");
        let mut running = JoinSet::new();
        running.spawn(async move {
            let _ = connection.await;
        });
        Self {
            requests,
            _connection: running,
        }
    }

    /// Begins a call, and sends this much of its body.
    pub(super) async fn begin(&self, path: &str, body: impl Into<Bytes>, is_all: bool) -> Call {
        let request = Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let request = request.body(()).expect("a valid request");
        let ready = timeout(PATIENCE, self.requests.clone().ready()).await;
        let mut requests = ready
            .expect("there is room for another stream")
            .expect("the connection is open");
        let (answer, mut sending) = requests
            .send_request(request, false)
            .expect("the connection is open");
        let body = body.into();
        // The transport hangs up on a peer that sends many empty frames.
        if is_all || !body.is_empty() {
            sending
                .send_data(body, is_all)
                .expect("the call has just begun");
        }
        Call {
            answer: Some(answer),
            sending,
            body: None,
        }
    }
}

impl Call {
    /// Waits until the answer begins, and returns its headers. What follows is not read.
    pub(super) async fn headers(&mut self) -> Result<HeaderMap, h2::Error> {
        let answer = self.answer.take().expect("it is asked for once");
        let answer = timeout(PATIENCE, answer).await;
        let (head, body) = answer.expect("it is answered in time")?.into_parts();
        self.body = Some(body);
        Ok(head.headers)
    }

    /// Waits until the call has ended, and returns its status.
    pub(super) async fn status(&mut self) -> Status {
        let headers = match self.headers().await {
            Ok(headers) => headers,
            Err(error) => return Status::new(Code::Cancelled, error.to_string()),
        };
        if let Some(status) = Status::from_header_map(&headers) {
            return status;
        }
        let mut body = self.body.take().expect("the answer has begun");
        let read = async {
            while let Some(data) = body.data().await {
                let length = data?.len();
                let _ = body.flow_control().release_capacity(length);
            }
            body.trailers().await
        };
        match timeout(PATIENCE, read).await.expect("it ends in time") {
            Ok(trailers) => trailers
                .and_then(|trailers| Status::from_header_map(&trailers))
                .unwrap_or_else(|| Status::new(Code::Unknown, "there was no status")),
            Err(error) => Status::new(Code::Cancelled, error.to_string()),
        }
    }

    /// Waits until the server has given the call up, without reading anything.
    pub(super) async fn reset(&mut self) {
        let reset = std::future::poll_fn(|context| self.sending.poll_reset(context));
        let reset = timeout(PATIENCE, reset).await;
        let _ = reset.expect("it is cut off in time");
    }
}

/// The beginning of a frame whose message has so many bytes.
pub(super) fn frame_header(length: u32) -> [u8; 5] {
    let [a, b, c, d] = length.to_be_bytes();
    [0, a, b, c, d]
}
