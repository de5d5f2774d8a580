//! Calls below the client library: any headers and any bytes. (The library's own client keeps the
//! deadline itself, and sends nothing that is malformed.)

use std::net::SocketAddr;

use prost::bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};
use tonic::{
    Code, Status,
    codegen::http::{Request, StatusCode},
};

/// An HTTP/2 connection.
pub(crate) struct Wire {
    requests: h2::client::SendRequest<Bytes>,
    connection: JoinSet<()>,
}

/// The answer to a call.
pub(crate) struct Answer {
    pub(crate) http: StatusCode,
    /// `None` if there was none, or if there was enough before it came.
    pub(crate) status: Option<Status>,
    /// All messages, in their frames.
    pub(crate) body: Vec<u8>,
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
        let answer = self.exchange(request, body, usize::MAX).await;
        let answer = answer.expect("the server answers");
        answer
            .status
            .unwrap_or_else(|| Status::new(Code::Unknown, "there was no status"))
    }

    /// Sends a request and a body as they are, and reads the answer until its end, or until so many
    /// bytes of it are enough: then the call is given up.
    pub(crate) async fn exchange(
        &self,
        request: Request<()>,
        body: &[u8],
        enough: usize,
    ) -> Result<Answer, h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        let (answer, mut sending) = requests.send_request(request, false)?;
        // The answer may come, and the stream end, before everything was sent.
        let _ = sending.send_data(Bytes::copy_from_slice(body), true);
        let answer = answer.await?;
        let mut found = Answer {
            http: answer.status(),
            status: Status::from_header_map(answer.headers()),
            body: Vec::new(),
        };
        let mut coming = answer.into_body();
        while found.body.len() < enough
            && let Some(data) = coming.data().await
        {
            let data = data?;
            found.body.extend(&data);
            let _ = coming.flow_control().release_capacity(data.len());
        }
        if found.status.is_none() && found.body.len() < enough {
            let trailers = coming.trailers().await?;
            found.status = trailers.and_then(|trailers| Status::from_header_map(&trailers));
        }
        Ok(found)
    }

    /// Begins a call, sends this much of its body and takes it back.
    pub(crate) async fn give_up(
        &self,
        request: Request<()>,
        beginning: &[u8],
    ) -> Result<(), h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        let (_, mut sending) = requests.send_request(request, false)?;
        let _ = sending.send_data(Bytes::copy_from_slice(beginning), false);
        sending.send_reset(h2::Reason::CANCEL);
        Ok(())
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
