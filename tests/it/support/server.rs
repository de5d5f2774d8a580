//! Servers in the test's own process, on free ports. Several of them on one database are replicas.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use conversation_service::{
    config::Config,
    lifecycle::Shutdown,
    server::{Server, StartError},
    store::Store,
};
use tokio::task::{AbortHandle, JoinHandle};

use super::{client::Client, clock::TestClock, databases::TestDatabase};

/// How a test server is configured if the test does not say otherwise: on a free port, with this
/// database.
pub(crate) fn config(database: &TestDatabase) -> Config {
    let mut config = Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        ..Config::default()
    };
    config.database.url = database
        .url()
        .parse()
        .expect("the URL of a test database is valid");
    // The tests say when a round is due.
    config.jobs.purge_interval = Duration::from_hours(24);
    config
}

/// A server that accepts calls. It is cut off when it and all of its clients are dropped;
/// [`TestServer::stop`] lets it finish.
pub(crate) struct TestServer {
    config: Config,
    clock: TestClock,
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
    running: Arc<Running>,
}

/// Keeps a server running: it is cut off when nobody holds this any more. A server holds it, and so does
/// each of its clients, so that a test which only calls need not name the server.
pub(crate) struct Running(AbortHandle);

impl Running {
    /// Of the server that this task is.
    pub(crate) fn new(serving: AbortHandle) -> Arc<Self> {
        Arc::new(Self(serving))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl TestServer {
    /// Starts a server with the usual configuration.
    pub(crate) async fn start(database: &TestDatabase, clock: &TestClock) -> Self {
        Self::start_with(config(database), clock).await
    }

    /// Starts a server with a configuration of the test's own.
    pub(crate) async fn start_with(config: Config, clock: &TestClock) -> Self {
        let server = Server::bind(&config, clock.clock()).await;
        Self::serve(server, config, clock)
    }

    /// Starts a server on a store of the test's own.
    pub(crate) async fn start_on(store: Store, config: Config, clock: &TestClock) -> Self {
        let server = Server::bind_to(&config, clock.clock(), store).await;
        Self::serve(server, config, clock)
    }

    fn serve(server: Result<Server, StartError>, config: Config, clock: &TestClock) -> Self {
        let server = server.unwrap_or_else(|error| panic!("the server does not start: {error:?}"));
        let address = server.local_addr();
        let metrics_address = server.metrics_addr();
        let shutdown = Shutdown::new();
        let until = shutdown.clone();
        let serving = tokio::spawn(async move {
            server.serve(until).await;
        });
        Self {
            config,
            clock: clock.clone(),
            address,
            metrics_address,
            shutdown,
            running: Running::new(serving.abort_handle()),
            serving,
        }
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its metrics are read, if they are.
    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// A client that is connected to this server, and keeps it running.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await.keeping(&self.running)
    }

    /// Stops the server in order: it answers the calls that it has accepted and releases the
    /// database.
    pub(crate) async fn stop(mut self) {
        self.end().await;
    }

    /// Stops the server in order and starts it again. Its address is another one then.
    pub(crate) async fn restart(mut self) -> Self {
        self.end().await;
        Self::start_with(self.config.clone(), &self.clock).await
    }

    /// The same with other settings.
    pub(crate) async fn restart_with(mut self, set: impl FnOnce(&mut Config)) -> Self {
        self.end().await;
        let mut config = self.config.clone();
        set(&mut config);
        Self::start_with(config, &self.clock).await
    }

    async fn end(&mut self) {
        self.shutdown.begin();
        (&mut self.serving)
            .await
            .expect("the server does not panic");
    }
}
