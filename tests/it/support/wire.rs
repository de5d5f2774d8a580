//! Calls below the client library: any headers and any bytes. (The library's own client keeps the
//! deadline itself, and sends nothing that is malformed.)

use std::net::SocketAddr;

use prost::bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};
use tonic::{Code, Status, codegen::http::Request};

/// An HTTP/2 connection.
pub(crate) struct Wire {
    requests: h2::client::SendRequest<Bytes>,
    connection: JoinSet<()>,
}

impl Wire {
    /// Connects to the server at `address`.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await;
        Self::over(stream.expect("the server accepts connections")).await
    }

    /// Speaks over a connection that is there already.
    pub(crate) async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (requests, connection) = h2::client::handshake(stream)
            .await
            .expect("the server speaks HTTP/2");
        let mut running = JoinSet::new();
        running.spawn(async move {
            let _ = connection.await;
        });
        Self {
            requests,
            connection: running,
        }
    }

    /// How many calls the server lets the connection have open at once, as far as it has said so.
    pub(crate) fn most_calls(&self) -> usize {
        self.requests.current_max_send_streams()
    }

    /// Waits until the server has closed the connection.
    pub(crate) async fn closed(mut self) {
        // A request that could still be sent would keep it open.
        drop(self.requests);
        self.connection.join_next().await;
    }

    /// Posts a body as it is, frames included, and returns the status of the answer.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Status {
        let mut request = Request::post(format!("http://localhost{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a valid request");
        let requests = self.requests.clone();
        let mut requests = requests.ready().await.expect("the connection is open");
        let (answer, mut sending) = requests
            .send_request(request, false)
            .expect("it can be sent");
        // The answer may come, and the stream end, before everything was sent.
        let _ = sending.send_data(Bytes::copy_from_slice(body), true);
        let answer = answer.await.expect("the server answers");
        if let Some(status) = Status::from_header_map(answer.headers()) {
            return status;
        }
        let mut body = answer.into_body();
        while let Some(data) = body.data().await {
            let length = data.expect("the answer is whole").len();
            let _ = body.flow_control().release_capacity(length);
        }
        let trailers = body.trailers().await.expect("the answer is whole");
        trailers
            .and_then(|trailers| Status::from_header_map(&trailers))
            .unwrap_or_else(|| Status::new(Code::Unknown, "there was no status"))
    }
}

/// A message in its frame, uncompressed.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a short message");
    let mut framed = vec![0];
    framed.extend(length.to_be_bytes());
    framed.extend(message);
    framed
}
