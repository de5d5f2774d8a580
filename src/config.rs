//! The settings of the service: their sources, and the configuration that results.
//!
//! Every setting has one name, spelled three ways: `restore_window = "24h"` in the TOML file,
//! `CONVERSATION_RESTORE_WINDOW` in the environment, `--restore-window` on the command line. A later
//! one wins, all of them win over the default, and all of them go through the same parser
//! ([`Settings`]), so that no value is right in one place and wrong in another.
//!
//! Invariants:
//! - An unknown or malformed setting stops the start with a message that says where it stands, even
//!   when another source overrides it: a typing error is never silently ignored.
//! - The environment is passed in. Nothing here reads the process's own, so tests need not change it.
//! - A database URL may hold a password, and a caller's digest may be its token by mistake. No message,
//!   no `Debug` and no `Display` shows them.
//! - The files that the settings name are not read here: a certificate is read when the service starts.
//!
//! Deliberately absent: following changes while the service runs (that is [`crate::reload`], and for
//! certificates [`crate::tls`]), a file that is looked for in well-known places, and settings that have no
//! effect.

mod callers;
mod database_url;
mod error;
mod settings;
mod sources;

use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crate::{access::Callers, telemetry::LogFormat};

pub(crate) use self::database_url::Protection;
pub use self::{
    database_url::{DatabaseUrl, DatabaseUrlError},
    error::ConfigError,
    settings::Settings,
    sources::{Origin, Sources},
};

/// Everything that can be set, with its defaults filled in.
///
/// [`Config::default`] is what a start without any setting gives. Tests build theirs from it:
///
/// ```
/// use conversation_service::config::{Config, DeletionConfig};
///
/// let config = Config {
///     deletion: DeletionConfig { sync_by_default: true, ..DeletionConfig::default() },
///     ..Config::default()
/// };
/// assert_eq!(config.listen.port(), 50051);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The address to accept calls on; port 0 takes a free one. Default: `127.0.0.1:50051`.
    pub listen: SocketAddr,
    /// How connections are protected. Default: not at all.
    pub tls: Option<TlsConfig>,
    /// The services that may call. Default: none is named, and everyone may.
    pub callers: Callers,
    /// Whether callers that nobody has authenticated may reach the service from other machines.
    /// Default: false. See [`Config::refuse_open_listener`].
    pub allow_anonymous: bool,
    /// Which database, and how it is talked to.
    pub database: DatabaseConfig,
    /// The deployment's rules for deletions.
    pub deletion: DeletionConfig,
    /// The most pins of a user, at most 1000. Default: 50.
    pub pin_limit: u32,
    /// How changes are followed.
    pub watch: WatchConfig,
    /// How much is worked on at once.
    pub limits: LimitsConfig,
    /// When the background jobs run, and what they keep.
    pub jobs: JobsConfig,
    /// How long calls in flight may go on after the signal to stop. Default: 10 seconds.
    pub drain_timeout: Duration,
    /// How log lines are written. Default: text.
    pub log_format: LogFormat,
    /// Which log lines are written, in the syntax of `RUST_LOG`; that variable wins over the settings file.
    /// Default: none, and what [`crate::telemetry`] says.
    pub log_filter: Option<String>,
    /// The address to serve metrics on, at `/metrics`; port 0 takes a free one. Default: none, and nothing
    /// listens.
    ///
    /// Metrics have no secrets and no user's data. So this address may be reachable from other machines
    /// even where [`Config::refuse_open_listener`] refuses that of the service itself.
    pub metrics_listen: Option<SocketAddr>,
}

/// How connections are protected: the files, all in PEM form, and when they are looked at again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// The server's certificate, followed by those that lead to its authority.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// The authorities that a client's certificate must come from. Without any, clients show none.
    pub client_ca: Option<PathBuf>,
    /// How often the files are compared with what is in use. This cannot be set from outside: no
    /// deployment needs to. Default: 1 second.
    pub reload_interval: Duration,
}

/// Which database the service works on, and how it talks to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseConfig {
    /// Where the database is. Default: `sqlite://conversations.db`.
    pub url: DatabaseUrl,
    /// PostgreSQL itself, where `url` names a pooler that lends a session for one transaction at a time:
    /// for what needs a session (`LISTEN`, migrations). Default: none; other replicas' changes are then
    /// found by polling.
    pub direct_url: Option<DatabaseUrl>,
    /// The most connections held at once, 1 to 1000. Default: 16.
    pub pool_size: u32,
    /// On PostgreSQL, whether connections ask for generic plans (`plan_cache_mode =
    /// force_generic_plan`), which keeps the cost of planning out of every call. A distributed database
    /// cannot plan that way and is never asked to. Without effect on SQLite. Default: true.
    pub generic_plans: bool,
    /// On PostgreSQL with the extension `citus`, whether migrating distributes the tables over the cluster. A
    /// database whose tables are distributed is recognised without it. Default: false.
    pub distributed: bool,
}

/// The deployment's rules for deletions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletionConfig {
    /// Whether a deletion reaches the user's other clients when the request does not say. Default:
    /// false.
    pub sync_by_default: bool,
    /// How long a deletion can be undone, at most 3650 days; zero turns undoing off. Default: 24
    /// hours.
    pub restore_window: Duration,
}

/// How changes are followed. These cannot be set from outside: no deployment needs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchConfig {
    /// The time between two bookmarks. Default: 30 seconds.
    pub bookmark_interval: Duration,
    /// How long a watcher may leave its events unread before it is cut off. Default: 30 seconds.
    pub patience: Duration,
    /// How often the database is asked for changes of which no notification came. Default: 5 seconds.
    pub poll_interval: Duration,
}

/// How much is worked on at once, and how long a connection lasts. A call beyond a limit is refused
/// (`RESOURCE_EXHAUSTED`, reason `OVERLOADED`), and a connection waits outside; inside, little queues up
/// and briefly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// The most calls of one caller that are let in at once, 1 to 1,000,000; those in excess are refused.
    /// Eight changes (at least 64) and two reads (at least 16) for each connection of the pool are worked
    /// on; the others wait for a permit, a second at most. A third more is kept for other callers. Default:
    /// 512.
    pub requests: u32,
    /// The most watchers of one caller at once, 1 to 1,000,000; those in excess are refused. A third more
    /// is kept for other callers. Default: 10,000.
    pub watchers: u32,
    /// The most users of one caller that are followed over `WatchUsers` streams at once, 1 to 1,000,000; those
    /// in excess are refused (`RESOURCE_EXHAUSTED`, reason `WATCH_LIMIT_REACHED`). A third more is kept for
    /// other callers. Each takes a few hundred bytes. Default: 100,000.
    pub watched_users: u32,
    /// The most connections of one address at once, 1 to 1,000,000; those in excess wait, for a limited
    /// time. A third more is kept for other addresses. Each takes a file descriptor. Default: 1,000.
    pub connections: u32,
    /// The most calls that one connection has open at once, without watches, 1 to 1,000,000. The server announces
    /// the sum of both numbers to clients, which keep to it. Default: 1,000.
    pub streams_per_connection: u32,
    /// The most watches that one connection has open at once, 1 to 1,000,000; those in excess are refused
    /// (`RESOURCE_EXHAUSTED`, reason `WATCH_LIMIT_REACHED`), so that calls never wait behind watches.
    /// Default: 1,000.
    pub watches_per_connection: u32,
    /// How long a connection takes new calls, 1 second to 3650 days. Then the server asks the client to make
    /// another one, and only finishes open calls. Default: 30 minutes.
    pub connection_age: Duration,
}

/// When the background jobs run, and what they keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsConfig {
    /// The time between two rounds. Default: 1 minute.
    pub purge_interval: Duration,
    /// How long changes are kept: for retries, for clients that were away, and to be undone; and how
    /// long a message that comes again is recognised. A change is kept as long as was set when it was
    /// made. Default: 7 days.
    pub change_retention: Duration,
}

impl Config {
    /// Puts the settings together: see [`Sources::load`].
    ///
    /// # Errors
    ///
    /// As [`Sources::load`].
    pub fn load(
        flags: Settings,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        Sources::new(flags, environment.into_iter().collect()).load()
    }

    fn check(self) -> Result<Self, ConfigError> {
        let config = self;
        if config.jobs.change_retention < config.deletion.restore_window {
            return Err(ConfigError::RetentionTooShort);
        }
        let urls = [
            Some(&config.database.url),
            config.database.direct_url.as_ref(),
        ];
        if urls[1].is_some() && urls.into_iter().flatten().any(DatabaseUrl::is_sqlite) {
            return Err(ConfigError::DirectUrl);
        }
        if let Some(caller) = config.callers.with_certificate()
            && !config.has_mutual_tls()
        {
            return Err(ConfigError::NoClientCa {
                caller: caller.name.clone(),
            });
        }
        Ok(config)
    }

    /// Whether clients must show a certificate.
    pub fn has_mutual_tls(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())
    }

    /// Whether only this machine can connect.
    pub fn is_loopback(&self) -> bool {
        // An IPv4 loopback address may be written as an IPv6 one (`::ffff:127.0.0.1`).
        self.listen.ip().to_canonical().is_loopback()
    }

    /// Whether tokens come over a network that nothing here protects.
    pub fn has_tokens_in_clear(&self) -> bool {
        self.tls.is_none() && !self.is_loopback() && self.callers.with_token().is_some()
    }

    /// Refuses to be reachable from other machines while no caller is named, unless the operator has
    /// said that this is meant.
    ///
    /// Only serving needs this check: the other commands listen on nothing.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OpenListener`] when `listen` is not a loopback address, there are no `callers`
    /// and `allow_anonymous` is not set.
    pub fn refuse_open_listener(&self) -> Result<(), ConfigError> {
        if self.is_loopback() || !self.callers.is_empty() || self.allow_anonymous {
            Ok(())
        } else {
            Err(ConfigError::OpenListener {
                listen: self.listen,
            })
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 50051)),
            tls: None,
            callers: Callers::default(),
            allow_anonymous: false,
            database: DatabaseConfig::default(),
            deletion: DeletionConfig::default(),
            pin_limit: 50,
            watch: WatchConfig::default(),
            limits: LimitsConfig::default(),
            jobs: JobsConfig::default(),
            drain_timeout: Duration::from_secs(10),
            log_format: LogFormat::default(),
            log_filter: None,
            metrics_listen: None,
        }
    }
}

impl TlsConfig {
    /// A certificate and its key, with everything else as it is without a setting.
    pub const fn new(certificate: PathBuf, key: PathBuf) -> Self {
        Self {
            certificate,
            key,
            client_ca: None,
            reload_interval: Duration::from_secs(1),
        }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            url: DatabaseUrl::default(),
            direct_url: None,
            pool_size: 16,
            generic_plans: true,
            distributed: false,
        }
    }
}

impl Default for DeletionConfig {
    fn default() -> Self {
        Self {
            sync_by_default: false,
            restore_window: Duration::from_hours(24),
        }
    }
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self {
            bookmark_interval: Duration::from_secs(30),
            patience: Duration::from_secs(30),
            poll_interval: Duration::from_secs(5),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            requests: 512,
            watchers: 10_000,
            watched_users: 100_000,
            connections: 1_000,
            streams_per_connection: 1_000,
            watches_per_connection: 1_000,
            connection_age: Duration::from_mins(30),
        }
    }
}

impl Default for JobsConfig {
    fn default() -> Self {
        Self {
            purge_interval: Duration::from_mins(1),
            change_retention: Duration::from_hours(7 * 24),
        }
    }
}

#[cfg(test)]
mod tests;
