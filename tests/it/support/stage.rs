//! A database with a server and a client: what most tests begin with.

use std::{net::SocketAddr, time::Duration};

use conversation_service::{
    config::Config,
    domain::{Clock, ManualClock, Timestamp},
    lifecycle::Shutdown,
    server::Server,
    store::{self, Store},
};
use tokio::task::JoinSet;

use super::{
    client::Client, clock::TestClock, databases::TestDatabase, server::TestServer, server::config,
};

/// A server with a client that is connected to it. The clock stands still until it is turned.
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

/// A server made from its parts, on a store or a clock of the test's own. Dropping it cuts it off.
pub(crate) struct Assembled {
    address: SocketAddr,
    shutdown: Shutdown,
    serving: JoinSet<()>,
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
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            server.serve(until).await;
        });
        Self {
            address,
            shutdown,
            serving,
        }
    }

    /// Stops the server in order.
    pub(crate) async fn stop(self) {
        self.shutdown.begin();
        self.serving.join_all().await;
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client that is connected to this server.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }
}

/// How long a test waits for something that must happen before it counts as a hang.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
