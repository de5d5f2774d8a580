//! Puts the service together and serves it on a listener.

mod connection;
mod incoming;
mod serving;
mod stall;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{net::TcpListener, sync::watch};
use tower::Layer as _;

use self::{incoming::Incoming, serving::Serving};
use crate::{
    access::Callers,
    app::{App, Policy, WatchPolicy},
    config::{Config, LimitsConfig},
    domain::Clock,
    grpc,
    jobs::{self, Schedule},
    lifecycle::{Drained, Shutdown},
    metrics::{self, Metrics, MetricsListener},
    peers::Waiting,
    reload::Reload,
    store::{self, Migrated, Store, StoreError},
    sync::{self, Changed, Wakes},
    tls::{Tls, TlsError},
};

/// A service that is ready: its schema is up to date and its address is taken.
pub struct Server {
    app: App,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    callers: watch::Sender<Arc<Callers>>,
    sync_deletions: watch::Sender<bool>,
    settings: Option<Reload>,
    limits: LimitsConfig,
    pool_size: u32,
    changed: Changed,
    schedule: Schedule,
    poll_interval: Duration,
    drain_timeout: Duration,
    metrics: Metrics,
    metrics_listener: Option<MetricsListener>,
}

/// Why the service could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The database cannot be used.
    #[error("cannot use the database {url}")]
    Database {
        /// Where it is, without its password.
        url: String,
        /// The error of the store.
        source: StoreError,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl StartError {
    fn database(config: &Config, source: StoreError) -> Self {
        Self::Database {
            url: config.database.url.to_string(),
            source,
        }
    }
}

impl Server {
    /// Reads the certificates, connects to the database, brings its schema up to date, and listens.
    ///
    /// # Errors
    ///
    /// A [`StartError`] if the certificates or the database cannot be used or the address is taken.
    pub async fn bind(config: &Config, clock: Clock) -> Result<Self, StartError> {
        let tls = config.tls.as_ref().map(Tls::load).transpose()?;
        let store = store::connect(&config.database)
            .await
            .map_err(|source| StartError::database(config, source))?;
        Self::assemble(config, clock, store, tls).await
    }

    /// As [`Server::bind`], on a store that is connected already.
    ///
    /// # Errors
    ///
    /// As [`Server::bind`].
    pub async fn bind_to(config: &Config, clock: Clock, store: Store) -> Result<Self, StartError> {
        let tls = config.tls.as_ref().map(Tls::load).transpose()?;
        Self::assemble(config, clock, store, tls).await
    }

    async fn assemble(
        config: &Config,
        clock: Clock,
        store: Store,
        tls: Option<Tls>,
    ) -> Result<Self, StartError> {
        let migrated = store.database().migrate().await;
        let migrated = migrated.map_err(|source| StartError::database(config, source))?;
        store
            .database()
            .time(&clock)
            .await
            .map_err(|source| StartError::database(config, source))?;
        say_what_is_used(config, &store, &migrated);
        if !config.is_loopback() && config.callers.is_empty() {
            tracing::warn!(
                listen = %config.listen,
                "everyone who reaches this address may do everything: no callers are named, and \
                 allow_anonymous is set"
            );
        }
        if config.has_tokens_in_clear() {
            tracing::warn!(
                "the tokens of callers come unencrypted over the network; set tls_cert and tls_key, \
                 unless something in front of this service encrypts them"
            );
        }
        let listen_error = |source| StartError::Listen {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let metrics = Metrics::new(grpc::methods());
        let metrics_listener = match config.metrics_listen {
            Some(address) => {
                let of_store = store.clone();
                let registry = metrics.registry(
                    store.database().metrics(),
                    move || of_store.database().connections(),
                    clock.clone(),
                );
                let bound = MetricsListener::bind(address, registry).await;
                Some(bound.map_err(|source| StartError::Listen { address, source })?)
            }
            None => None,
        };
        let (wakes, changed) = Wakes::new();
        let sync_deletions = watch::Sender::new(config.deletion.sync_by_default);
        let app = App {
            store: store.keeping(config.jobs.change_retention),
            clock,
            policy: Policy {
                sync_deletions: sync_deletions.subscribe(),
                restore_window: config.deletion.restore_window,
                pin_limit: config.pin_limit,
            },
            wakes,
            watch: WatchPolicy {
                bookmark_interval: config.watch.bookmark_interval,
                patience: config.watch.patience,
            },
        };
        Ok(Self {
            app,
            listener,
            address,
            tls,
            callers: watch::Sender::new(Arc::new(config.callers.clone())),
            sync_deletions,
            settings: None,
            limits: config.limits.clone(),
            pool_size: config.database.pool_size,
            changed,
            schedule: Schedule::of(&config.jobs),
            poll_interval: config.watch.poll_interval,
            drain_timeout: config.drain_timeout,
            metrics,
            metrics_listener,
        })
    }

    /// Follows a file of settings while it serves.
    #[must_use]
    pub fn following(mut self, settings: Reload) -> Self {
        self.settings = Some(settings);
        self
    }

    /// The address that calls are accepted on.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The address that metrics are read on, if they are.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics_listener
            .as_ref()
            .map(MetricsListener::local_addr)
    }

    /// Serves until `shutdown` begins, then finishes what is in flight, for as long as the drain may
    /// last, and closes the database.
    pub async fn serve(self, shutdown: Shutdown) {
        let store = self.app.store.clone();
        let metrics = self.metrics;
        let (mut health, health_service) = grpc::health(metrics.serving);
        health.set(true).await;
        // Health says that the server leaves before it stops accepting, so that clients go elsewhere.
        let left = shutdown.spawn({
            let (shutdown, store) = (shutdown.clone(), store.clone());
            async move {
                tokio::select! {
                    () = shutdown.draining() => {}
                    () = health.follow(&store) => {}
                }
                health.leave().await;
            }
        });

        until_draining(&shutdown, {
            let (store, clock) = (store.clone(), self.app.clock.clone());
            async move { store.database().watch_over(&clock).await }
        });
        let wakes = self.app.wakes.clone();
        until_draining(
            &shutdown,
            sync::run(store.clone(), wakes, self.changed, self.poll_interval),
        );
        let clock = self.app.clock.clone();
        until_draining(
            &shutdown,
            jobs::run(store.clone(), clock, self.schedule, metrics.purge),
        );

        let refusals = grpc::Refusals::default();
        until_draining(&shutdown, refusals.clone().report_regularly());

        let protection = self.tls.as_ref().map(Tls::current);
        if let Some(tls) = self.tls {
            until_draining(&shutdown, tls.follow());
        }
        tracing::info!(
            address = %self.address,
            tls = protection.is_some(),
            callers = self.callers.borrow().len(),
            "serving"
        );
        let callers = self.callers.subscribe();
        if let Some(settings) = self.settings {
            until_draining(
                &shutdown,
                settings.follow(self.callers, self.sync_deletions),
            );
        }
        let limits = self.limits;
        let waiting = Waiting::new(&metrics.peers);
        let boundary = grpc::Boundary::new(metrics.calls, refusals.clone());
        let incoming = Incoming::new(
            self.listener,
            protection,
            &limits,
            waiting.clone(),
            metrics.peers,
            boundary.clone(),
        );
        let routes = grpc::routes(self.app, shutdown.clone(), &limits, metrics.watches);
        let routes = routes.add_service(health_service).prepare();
        let limited = grpc::Limits::new(limits.requests, self.pool_size, waiting.clone());
        let guarded = grpc::Access::new(callers).layer(limited.layer(routes));
        let serving = Serving {
            service: boundary.layer(guarded),
            unused: waiting.unused.clone(),
            limits,
        };
        let left = async {
            // A task that has failed has left, too.
            let _ = left.await;
        };
        let served = async {
            tokio::select! {
                () = serving.run(incoming, left) => {}
                () = waiting.watch_over() => {}
            }
        };
        let drained = shutdown.drain(self.drain_timeout, served);
        let drained = Box::pin(metrics::serve_while(self.metrics_listener, drained)).await;
        refusals.report();
        match drained {
            Drained::Completed(()) => {
                if let Err(error) = store.close().await {
                    tracing::warn!(%error, "the database was not closed in an orderly way");
                }
                tracing::info!("drained");
            }
            // Work that is still going on may be using the database.
            Drained::CutShort(_) => {}
        }
    }
}

/// Says which version works on which database: what went wrong on a bad day is often there.
fn say_what_is_used(config: &Config, store: &Store, migrated: &Migrated) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        database = %config.database.url,
        kind = store.database().metrics().system(),
        sessions = store.database().sessions(),
        schema = migrated.version,
        migrations_run = migrated.ran,
        "starting"
    );
    if store.database().only_polls() {
        tracing::warn!(
            poll_interval_ms = config.watch.poll_interval.as_millis(),
            "the pooler in front of PostgreSQL lends sessions for one transaction each, so changes of other \
             replicas are found by polling; name PostgreSQL itself in database_direct_url to be notified"
        );
    }
}

/// Runs a background task that never ends by itself until the server drains.
fn until_draining(shutdown: &Shutdown, task: impl Future<Output = ()> + Send + 'static) {
    let draining = shutdown.draining();
    shutdown.spawn(async move {
        tokio::select! {
            () = draining => {}
            () = task => {}
        }
    });
}
