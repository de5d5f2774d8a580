//! Access: how connections are protected, and what each caller may do.

mod handshakes;
mod log;
mod matrix;
pub(crate) mod methods;
mod probing;
mod records;
mod replaced;
mod rotation;
mod starting;

use std::net::SocketAddr;

use conversation_service::{
    access::{Caller, Callers, CertificateName, Credential, Role, TokenDigest},
    config::Config,
    domain::CallerName,
};
use tonic::{
    Request, Status,
    client::Grpc,
    codegen::http::uri::PathAndQuery,
    metadata::MetadataValue,
    transport::{Channel, Error},
};

use crate::support::{
    certificates::{Files, Trust},
    clock::TestClock,
    databases::{Backend, TestDatabase},
    raw::Raw,
    server::{TestServer, config},
};

/// The tokens of [`callers`].
const GATEWAY: &str = "gateway-token-hunter2";
const FEEDER: &str = "feeder-token-hunter2";
const ADMIN: &str = "admin-token-hunter2";
/// A token of nobody.
const WRONG: &str = "wrong-token-hunter2";

/// A method that answers everyone.
const HEALTH: &str = "/grpc.health.v1.Health/Check";
/// A method that is for the role `conversations`.
const LIST: &str = "/conversation.v1.ConversationService/ListConversations";

/// One caller for each role and one for both, by token, and others by certificate.
fn callers() -> Callers {
    let token = |token: &str| Credential::Tokens(vec![TokenDigest::of(token.as_bytes())]);
    let certificate = Credential::Certificate;
    let caller = |name, credential, roles: &[Role]| Caller {
        name: CallerName::new(name).expect("a valid name"),
        credential,
        roles: roles.iter().copied().collect(),
    };
    let (conversations, pipeline) = (Role::Conversations, Role::Pipeline);
    let callers = vec![
        caller("gateway", token(GATEWAY), &[conversations]),
        caller("feeder", token(FEEDER), &[pipeline]),
        caller("admin", token(ADMIN), &[conversations, pipeline]),
        caller(
            "edge",
            certificate(CertificateName::dns("edge.internal")),
            &[conversations],
        ),
        caller(
            "queue",
            certificate(CertificateName::common("the queue")),
            &[pipeline],
        ),
        caller(
            "mesh",
            certificate(CertificateName::uri("spiffe://internal/mesh")),
            &[pipeline],
        ),
    ];
    Callers::new(callers).expect("they can be told apart")
}

async fn sqlite() -> TestDatabase {
    let database = TestDatabase::create(Backend::Sqlite).await;
    database.expect("SQLite is always there")
}

/// A server with [`callers`], protected by `files` if there are any.
async fn server(database: &TestDatabase, files: Option<&Files>) -> TestServer {
    let config = Config {
        callers: callers(),
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
async fn call(
    channel: &Channel,
    path: &str,
    token: Option<&str>,
) -> Result<Option<Vec<u8>>, Status> {
    let mut request = Request::new(tokio_stream::once(Vec::new()));
    if let Some(token) = token {
        let value: MetadataValue<_> = format!("Bearer {token}").parse().expect("plain text");
        request.metadata_mut().insert("authorization", value);
    }
    call_with(channel, path, request).await
}

async fn call_with(
    channel: &Channel,
    path: &str,
    request: Request<tokio_stream::Once<Vec<u8>>>,
) -> Result<Option<Vec<u8>>, Status> {
    let mut client = Grpc::new(channel.clone());
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::try_from(path).expect("a path");
    let answer = client.streaming(request, path, Raw).await?;
    answer.into_inner().message().await
}
