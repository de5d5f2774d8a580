//! A database with a server and a client: what most tests begin with.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use conversation_service::{
    config::Config,
    domain::{Clock, ManualClock, Timestamp},
    lifecycle::Shutdown,
    server::Server,
    store::{self, Store},
};
use tokio::task::JoinHandle;

use super::{
    client::Client,
    clock::TestClock,
    databases::TestDatabase,
    server::{Running, TestServer, config},
};

/// A server with a client that is connected to it and keeps it running, so that most tests take no more than
/// `let Stage { client, .. }`. The clock stands still until it is turned.
pub(crate) struct Stage {
    pub(crate) client: Client,
    pub(crate) clock: TestClock,
    pub(crate) server: TestServer,
}

impl Stage {
    /// With the usual configuration.
    pub(crate) async fn open(database: &TestDatabase) -> Self {
        Self::open_with(config(database)).await
    }

    /// With a configuration of the test's own.
    pub(crate) async fn open_with(config: Config) -> Self {
        let clock = TestClock::new();
        let server = TestServer::start_with(config, &clock).await;
        Self {
            client: server.client().await,
            clock,
            server,
        }
    }
}

/// A clock that can be turned backward too, as a machine's clock is when somebody sets it.
pub(crate) fn clock_at(seconds: i64) -> ManualClock {
    ManualClock::new(at(seconds))
}

/// A point in time, in seconds since the Unix epoch.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// A server made from its parts, on a store or a clock of the test's own. It is cut off when it
/// and all of its clients are dropped.
pub(crate) struct Assembled {
    address: SocketAddr,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
    running: Arc<Running>,
}

impl Assembled {
    /// On a clock of the test's own.
    pub(crate) async fn with_clock(config: &Config, clock: Clock) -> Self {
        let store = store::connect(&config.database).await;
        Self::with_store(config, clock, store.expect("the database can be reached")).await
    }

    /// On a store of the test's own.
    pub(crate) async fn with_store(config: &Config, clock: Clock, store: Store) -> Self {
        let server = Server::bind_to(config, clock, store).await;
        let server = server.expect("the server starts");
        let address = server.local_addr();
        let shutdown = Shutdown::new();
        let until = shutdown.clone();
        let serving = tokio::spawn(async move {
            server.serve(until).await;
        });
        Self {
            address,
            shutdown,
            running: Running::new(serving.abort_handle()),
            serving,
        }
    }

    /// Stops the server in order.
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        self.serving.await.expect("the server does not panic");
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client that is connected to this server, and keeps it running.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await.keeping(&self.running)
    }
}

/// How long a test waits for something that must happen before it counts as a hang.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
