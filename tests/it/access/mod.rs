//! Who may call: what connections are protected with, and what each caller may do.

mod handshakes;
mod probing;
mod rotation;
mod starting;

use std::net::SocketAddr;

use conversation_service::config::Config;
use tonic::{
    Request, Status,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    transport::{Channel, Error},
};

use crate::support::{
    certificates::{Files, Trust},
    clock::TestClock,
    databases::{Backend, TestDatabase},
    raw::Raw,
    server::{TestServer, config},
};

/// A method that answers everyone.
const HEALTH: &str = "/grpc.health.v1.Health/Check";
async fn sqlite() -> TestDatabase {
    let database = TestDatabase::create(Backend::Sqlite).await;
    database.expect("SQLite is always there")
}

/// A server, protected by `files` if there are any.
async fn server(database: &TestDatabase, files: Option<&Files>) -> TestServer {
    let config = Config {
        tls: files.map(Files::config),
        ..config(database)
    };
    TestServer::start_with(config, &TestClock::new()).await
}

/// A connection, protected if the client trusts anybody.
async fn connect(address: SocketAddr, trust: Option<&Trust>) -> Result<Channel, Error> {
    if let Some(trust) = trust {
        return trust.channel(address).await;
    }
    let endpoint = Channel::from_shared(format!("http://{address}"));
    endpoint.expect("a valid URI").connect().await
}

/// Calls any method with an empty message, and returns the first message of the answer.
async fn call(channel: &Channel, path: &str) -> Result<Option<Vec<u8>>, Status> {
    let request = Request::new(tokio_stream::once(Vec::new()));
    let mut client = Grpc::new(channel.clone());
    let ready = client.ready().await;
    ready.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::try_from(path).expect("a path");
    let answer = client.streaming(request, path, Raw).await?;
    answer.into_inner().message().await
}
