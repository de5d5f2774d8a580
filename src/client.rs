//! A client of the service, for other services written in Rust: the three generated clients over one
//! connection, with the defaults that a caller would otherwise have to find out.
//!
//! ```no_run
//! use conversation_service::{client::Client, proto::{ConversationId, DeleteConversationsRequest}};
//!
//! # async fn delete() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect("http://127.0.0.1:50051")?;
//! let answer = client
//!     .conversations()
//!     .delete_conversations(DeleteConversationsRequest {
//!         user_id: "alice".to_owned(),
//!         conversation_ids: vec![ConversationId::c2c("bob"), "GROUPlunch".parse()?],
//!         ..DeleteConversationsRequest::default()
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! A caller that needs nothing else of this crate takes the feature `client` alone:
//! `default-features = false, features = ["client"]`. Neither the server nor a database is compiled then.
//!
//! With a token, TLS, retries, and the reasons of an error:
//!
//! ```no_run
//! use conversation_service::client::{Certificate, Client, ClientTlsConfig, Retry, reason, violations};
//!
//! # async fn delete(token: &str, authority: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let trust = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
//! let client = Client::builder("https://conversations.internal:50051")
//!     .token(token)?
//!     .tls(trust)
//!     .connect()?;
//! # let request = conversation_service::proto::DeleteConversationsRequest::default();
//! let answer = Retry::default()
//!     .run(async || client.conversations().delete_conversations(request.clone()).await)
//!     .await;
//! if let Err(status) = answer {
//!     println!("{:?}: {:?}", reason(&status), violations(&status));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! To follow the changes of many users over one stream, however often it is interrupted:
//!
//! ```no_run
//! use conversation_service::client::{Client, UserUpdate};
//!
//! # async fn follow(client: Client) -> Result<(), tonic::Status> {
//! let mut watch = client.watch_users("gateway-1");
//! watch.users().add("alice", Some(41));
//! while let Some(update) = watch.next().await? {
//!     match update {
//!         UserUpdate::Entry { user_id, entry } => println!("{user_id} is at {}", entry.revision),
//!         UserUpdate::Ended { user_id, status } => println!("list {user_id} again: {status}"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`Client::watch`] does the same for one user.
//!
//! Invariants: no `Debug` form shows a token, and every call but `WatchConversations` and `WatchUsers` has a
//! deadline.
//!
//! Deliberately absent: automatic retries of calls. Whether a call may be made twice depends on its `request_id`
//! or `client_message_id`, so the caller asks for it with [`Retry`]. Also absent: load balancing. The channel
//! connects to one address. The server closes each connection at `max_connection_age`, and the channel then
//! resolves the name again.

mod conversation_id;
mod failure;
mod resume;
mod retry;
mod watch;
mod watch_users;

use std::time::Duration;

pub use tonic::transport::{Certificate, ClientTlsConfig, Identity};
use tonic::{
    GrpcMethod, Request, Status,
    metadata::{AsciiMetadataValue, errors::InvalidMetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint, Uri},
};

pub use self::{
    failure::{Violation, reason, retry_delay, violations},
    retry::Retry,
    watch::Watch,
    watch_users::{UserUpdate, UsersWatch, WatchedUsers},
};
use crate::proto::{
    conversation_service_client::ConversationServiceClient,
    group_service_client::GroupServiceClient, message_service_client::MessageServiceClient,
};
/// The library of the generated clients: its requests, statuses and transport.
pub use tonic;

/// How long a call may take if neither the builder nor the request says otherwise.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long without a word the server is asked whether it is still there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The methods that go on for as long as the caller listens.
const ENDLESS: [&str; 2] = ["WatchConversations", "WatchUsers"];

/// The channel of a client: the connection, with what is added to each call.
pub type Transport = InterceptedService<Channel, Additions>;

/// A connection to the service. Clones share it, so make one and keep it.
#[derive(Clone, Debug)]
pub struct Client {
    channel: Channel,
    additions: Additions,
}

/// The settings of a client. [`Client::builder`] begins one.
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    address: String,
    tls: Option<ClientTlsConfig>,
    additions: Additions,
}

/// The additions to each call: credentials and a deadline.
#[derive(Clone, Debug)]
pub struct Additions {
    /// Marked as sensitive, so that nothing prints it.
    authorization: Option<AsciiMetadataValue>,
    deadline: Duration,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The address is none.
    #[error("expected an address such as `http://host:50051` or `https://host:50051`")]
    Address,
    /// The token cannot be sent.
    #[error("the token has characters that cannot be sent")]
    Token,
    /// The address says `https`, and nothing says which server to trust.
    #[error("an https address takes `.tls(…)`, with the authorities of the server's certificate")]
    NobodyToTrust,
    /// The certificates cannot be used.
    #[error("the certificates cannot be used")]
    Certificates(#[source] tonic::transport::Error),
}

impl Client {
    /// A client of the server at `address`, such as `http://127.0.0.1:50051`, without credentials.
    ///
    /// It connects with the first call, and again whenever the connection is lost. A call that finds no
    /// server fails with `UNAVAILABLE`.
    ///
    /// # Errors
    ///
    /// [`ClientError::Address`] and [`ClientError::NobodyToTrust`].
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn connect(address: impl Into<String>) -> Result<Self, ClientError> {
        Self::builder(address).connect()
    }

    /// Begins a client that has credentials, speaks TLS, or waits for longer.
    pub fn builder(address: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            address: address.into(),
            tls: None,
            additions: Additions {
                authorization: None,
                deadline: DEFAULT_DEADLINE,
            },
        }
    }

    /// Users and their conversations.
    pub fn conversations(&self) -> ConversationServiceClient<Transport> {
        ConversationServiceClient::new(self.transport())
    }

    /// Sending messages and reading them.
    pub fn messages(&self) -> MessageServiceClient<Transport> {
        MessageServiceClient::new(self.transport())
    }

    /// The members of groups.
    pub fn groups(&self) -> GroupServiceClient<Transport> {
        GroupServiceClient::new(self.transport())
    }

    fn transport(&self) -> Transport {
        InterceptedService::new(self.channel.clone(), self.additions.clone())
    }
}

impl ClientBuilder {
    /// Sends this bearer token with each call. Without TLS it crosses the network as it is.
    ///
    /// # Errors
    ///
    /// [`ClientError::Token`] if it has other than visible ASCII characters.
    pub fn token(mut self, token: &str) -> Result<Self, ClientError> {
        let mut authorization = AsciiMetadataValue::try_from(format!("Bearer {token}"))
            .map_err(|InvalidMetadataValue { .. }| ClientError::Token)?;
        authorization.set_sensitive(true);
        self.additions.authorization = Some(authorization);
        Ok(self)
    }

    /// Trusts the authorities in `tls`, and shows the identity in it where the server asks for one. The
    /// address has to begin with `https`.
    #[must_use]
    pub fn tls(mut self, tls: ClientTlsConfig) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Sets the deadline of each call, unless the request has one of its own (`Request::set_timeout`). The
    /// server knows it, and rolls back what is not finished by then. `WatchConversations` and `WatchUsers` have
    /// no deadline.
    ///
    /// The default is [`DEFAULT_DEADLINE`].
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.additions.deadline = deadline;
        self
    }

    /// The client, which connects with the first call.
    ///
    /// # Errors
    ///
    /// A [`ClientError`], if the address or the certificates cannot be used.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub fn connect(self) -> Result<Client, ClientError> {
        let Self {
            address,
            tls,
            additions,
        } = self;
        let uri = Uri::try_from(address).map_err(|_| ClientError::Address)?;
        let endpoint = match (uri.scheme_str(), tls) {
            (Some("http"), None) => Endpoint::from(uri),
            (Some("https"), Some(tls)) => Endpoint::from(uri)
                .tls_config(tls)
                .map_err(ClientError::Certificates)?,
            (Some("https"), None) => return Err(ClientError::NobodyToTrust),
            _ => return Err(ClientError::Address),
        };
        let channel = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .connect_lazy();
        Ok(Client { channel, additions })
    }
}

impl Interceptor for Additions {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let is_endless = request
            .extensions()
            .get::<GrpcMethod<'static>>()
            .is_some_and(|called| ENDLESS.contains(&called.method()));
        if !is_endless && !request.metadata().contains_key("grpc-timeout") {
            request.set_timeout(self.deadline);
        }
        if let Some(authorization) = &self.authorization {
            request
                .metadata_mut()
                .insert("authorization", authorization.clone());
        }
        Ok(request)
    }
}
