//! The settings, and how each value is read from text.
//!
//! The names of the fields are the names of the settings: the parser derives the flags from them,
//! and [`super::sources`] the variables and the keys of the file. A new setting is a field here, a
//! line in [`Settings::or`] and one in [`Settings::into_config`]; the compiler asks for both.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Config, ConfigError, DatabaseConfig, DatabaseUrl, DeletionConfig, JobsConfig, LimitsConfig,
    TlsConfig,
};
use crate::{
    access::Callers,
    telemetry::{self, LogFormat},
};

const LONGEST: Duration = Duration::from_hours(3650 * 24);
const MAX_PURGE_INTERVAL: Duration = Duration::from_hours(24);
const MAX_DRAIN_TIMEOUT: Duration = Duration::from_hours(1);
const MIN_CONNECTION_AGE: Duration = Duration::from_secs(1);
const HIGHEST_LIMIT: u32 = 1_000_000;

/// The settings of one source: the command line, the environment or the file. A setting that the source
/// leaves out is `None`.
///
/// The comments of the fields are their help, and the page of the settings in `docs/reference`: first what
/// `-h` says, with the default, then what `--help` adds.
///
/// `Default` sets nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// The TOML file to take settings from
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,

    /// The address to accept calls on; port 0 takes a free one [default: 127.0.0.1:50051]
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = socket_address)]
    pub(super) listen: Option<SocketAddr>,

    /// The server's certificate (PEM), followed by the certificates up to its authority
    ///
    /// Without it, connections are plaintext.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) tls_cert: Option<PathBuf>,

    /// The private key of the certificate (PEM, without a password)
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) tls_key: Option<PathBuf>,

    /// The authorities (PEM) that clients' certificates must come from; turns on mutual TLS
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) tls_client_ca: Option<PathBuf>,

    /// Listen beyond loopback although no caller is named [default: false]
    ///
    /// Everyone who can reach the server may then call. It has no effect if callers are named.
    #[arg(long, global = true, value_name = "BOOL", value_parser = switch,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) allow_anonymous: Option<bool>,

    /// The database: `sqlite://FILE` or `postgres://…` [default: sqlite://conversations.db]
    #[expect(clippy::doc_markdown, reason = "it is the text of --help")]
    #[arg(long, global = true, value_name = "URL")]
    pub(super) database_url: Option<DatabaseUrl>,

    /// PostgreSQL itself, if the database URL names a pooler in transaction mode
    ///
    /// It is used for migrations, and for notifications of other replicas' changes. Without it, the server
    /// polls for those.
    #[arg(long, global = true, value_name = "URL")]
    pub(super) database_direct_url: Option<DatabaseUrl>,

    /// The most database connections held at once, 1 to 1000 [default: 16]
    #[arg(long, global = true, value_name = "NUMBER", value_parser = pool_size)]
    pub(super) database_pool_size: Option<u32>,

    /// Ask PostgreSQL for generic plans; never on a distributed database [default: true]
    #[arg(long, global = true, value_name = "BOOL", value_parser = switch,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) postgres_generic_plans: Option<bool>,

    /// Distribute the tables over a Citus cluster when migrating [default: false]
    ///
    /// The extension `citus` must be in the database. Tables that are distributed stay so without this setting,
    /// and so do tables of later versions.
    #[arg(long, global = true, value_name = "BOOL", value_parser = switch,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) postgres_distributed: Option<bool>,

    /// Notify a user's other clients of a deletion when the request does not say [default: false]
    #[arg(long, global = true, value_name = "BOOL", value_parser = switch,
          num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) sync_deletions: Option<bool>,

    /// How long a deletion can be undone; 0 turns undoing off [default: 24h]
    #[arg(long, global = true, value_name = "DURATION", value_parser = restore_window)]
    pub(super) restore_window: Option<Duration>,

    /// How long changes are kept, at least `restore_window` [default: 7d]
    ///
    /// They are kept for retries and for clients that were away. Retries of messages are recognised for the
    /// same time.
    #[arg(long, global = true, value_name = "DURATION", value_parser = change_retention)]
    pub(super) change_retention: Option<Duration>,

    /// The time between two rounds of the background jobs, at most 24h [default: 1m]
    #[arg(long, global = true, value_name = "DURATION", value_parser = purge_interval)]
    pub(super) purge_interval: Option<Duration>,

    /// The most conversations that a user can pin, 0 to 1000 [default: 50]
    #[arg(long, global = true, value_name = "NUMBER", value_parser = pin_limit)]
    pub(super) pin_limit: Option<u32>,

    /// The most calls of one caller admitted at once [default: 512]
    ///
    /// Others are refused with `OVERLOADED`. A third more is kept for other callers.
    #[arg(long, global = true, value_name = "NUMBER", value_parser = limit)]
    pub(super) max_requests: Option<u32>,

    /// The most watchers of one caller at once [default: 10000]
    ///
    /// Others are refused with `OVERLOADED`. A third more is kept for other callers.
    #[arg(long, global = true, value_name = "NUMBER", value_parser = limit)]
    pub(super) max_watchers: Option<u32>,

    /// The most users of one caller that are followed over `WatchUsers` streams [default: 100000]
    ///
    /// Each takes a few hundred bytes. Others are refused with `WATCH_LIMIT_REACHED`, or with `OVERLOADED`
    /// if the caller has several streams. A third more is kept for other callers.
    #[arg(long, global = true, value_name = "NUMBER", value_parser = limit)]
    pub(super) max_watched_users: Option<u32>,

    /// The most connections of one address at once [default: 1000]
    ///
    /// Each takes a file descriptor. Others wait. A third more is kept for other addresses.
    #[arg(long, global = true, value_name = "NUMBER", value_parser = limit)]
    pub(super) max_connections: Option<u32>,

    /// The most calls open at once on one connection, without watches [default: 1000]
    ///
    /// The server announces the sum of this limit and `max_watches_per_connection` over HTTP/2, and clients keep
    /// to it.
    #[arg(long, global = true, value_name = "NUMBER", value_parser = limit)]
    pub(super) max_streams_per_connection: Option<u32>,

    /// The most watches open at once on one connection [default: 1000]
    ///
    /// Others are refused with `WATCH_LIMIT_REACHED`.
    #[arg(long, global = true, value_name = "NUMBER", value_parser = limit)]
    pub(super) max_watches_per_connection: Option<u32>,

    /// How long a connection takes new calls, at least 1s [default: 30m]
    ///
    /// After that, it only finishes open calls.
    #[arg(long, global = true, value_name = "DURATION", value_parser = connection_age)]
    pub(super) max_connection_age: Option<Duration>,

    /// How long calls in flight may last after the signal to stop, at most 1h [default: 10s]
    #[arg(long, global = true, value_name = "DURATION", value_parser = drain_timeout)]
    pub(super) drain_timeout: Option<Duration>,

    /// How log lines are written: `text` or `json` [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(super) log_format: Option<LogFormat>,

    /// The log lines that are written [default: info,sqlx=warn,sea_orm_migration=warn]
    ///
    /// `RUST_LOG` means the same and wins over the file.
    #[expect(clippy::doc_markdown, reason = "it is the text of --help")]
    #[arg(long, global = true, value_name = "FILTER", value_parser = log_filter)]
    pub(super) log_filter: Option<String>,

    /// The address to serve metrics on, at `/metrics`; port 0 takes a free one
    ///
    /// Without it, there is no such port.
    #[arg(long, global = true, value_name = "ADDRESS", value_parser = socket_address)]
    pub(super) metrics_listen: Option<SocketAddr>,
}

impl Settings {
    /// These settings, and those of `lower` for all that these leave out.
    pub(super) fn or(self, lower: Self) -> Self {
        Self {
            config: self.config.or(lower.config),
            listen: self.listen.or(lower.listen),
            tls_cert: self.tls_cert.or(lower.tls_cert),
            tls_key: self.tls_key.or(lower.tls_key),
            tls_client_ca: self.tls_client_ca.or(lower.tls_client_ca),
            allow_anonymous: self.allow_anonymous.or(lower.allow_anonymous),
            database_url: self.database_url.or(lower.database_url),
            database_direct_url: self.database_direct_url.or(lower.database_direct_url),
            database_pool_size: self.database_pool_size.or(lower.database_pool_size),
            postgres_generic_plans: self.postgres_generic_plans.or(lower.postgres_generic_plans),
            postgres_distributed: self.postgres_distributed.or(lower.postgres_distributed),
            sync_deletions: self.sync_deletions.or(lower.sync_deletions),
            restore_window: self.restore_window.or(lower.restore_window),
            change_retention: self.change_retention.or(lower.change_retention),
            purge_interval: self.purge_interval.or(lower.purge_interval),
            pin_limit: self.pin_limit.or(lower.pin_limit),
            max_requests: self.max_requests.or(lower.max_requests),
            max_watchers: self.max_watchers.or(lower.max_watchers),
            max_watched_users: self.max_watched_users.or(lower.max_watched_users),
            max_connections: self.max_connections.or(lower.max_connections),
            max_streams_per_connection: self
                .max_streams_per_connection
                .or(lower.max_streams_per_connection),
            max_watches_per_connection: self
                .max_watches_per_connection
                .or(lower.max_watches_per_connection),
            max_connection_age: self.max_connection_age.or(lower.max_connection_age),
            drain_timeout: self.drain_timeout.or(lower.drain_timeout),
            log_format: self.log_format.or(lower.log_format),
            log_filter: self.log_filter.or(lower.log_filter),
            metrics_listen: self.metrics_listen.or(lower.metrics_listen),
        }
    }

    /// The names of the settings that are set, as the file spells them.
    pub(super) fn set(&self) -> Vec<String> {
        let set = [
            ("config", self.config.is_some()),
            ("listen", self.listen.is_some()),
            ("tls_cert", self.tls_cert.is_some()),
            ("tls_key", self.tls_key.is_some()),
            ("tls_client_ca", self.tls_client_ca.is_some()),
            ("allow_anonymous", self.allow_anonymous.is_some()),
            ("database_url", self.database_url.is_some()),
            ("database_direct_url", self.database_direct_url.is_some()),
            ("database_pool_size", self.database_pool_size.is_some()),
            (
                "postgres_generic_plans",
                self.postgres_generic_plans.is_some(),
            ),
            ("postgres_distributed", self.postgres_distributed.is_some()),
            ("sync_deletions", self.sync_deletions.is_some()),
            ("restore_window", self.restore_window.is_some()),
            ("change_retention", self.change_retention.is_some()),
            ("purge_interval", self.purge_interval.is_some()),
            ("pin_limit", self.pin_limit.is_some()),
            ("max_requests", self.max_requests.is_some()),
            ("max_watchers", self.max_watchers.is_some()),
            ("max_watched_users", self.max_watched_users.is_some()),
            ("max_connections", self.max_connections.is_some()),
            (
                "max_streams_per_connection",
                self.max_streams_per_connection.is_some(),
            ),
            (
                "max_watches_per_connection",
                self.max_watches_per_connection.is_some(),
            ),
            ("max_connection_age", self.max_connection_age.is_some()),
            ("drain_timeout", self.drain_timeout.is_some()),
            ("log_format", self.log_format.is_some()),
            ("log_filter", self.log_filter.is_some()),
            ("metrics_listen", self.metrics_listen.is_some()),
        ];
        let set = set.into_iter().filter(|(_, is_set)| *is_set);
        set.map(|(name, _)| name.to_owned()).collect()
    }

    /// The file to take more settings from.
    pub(super) fn file(&self) -> Option<&Path> {
        self.config.as_deref()
    }

    /// The configuration that results from the settings and the defaults.
    ///
    /// # Errors
    ///
    /// [`ConfigError::IncompleteTls`].
    pub(super) fn into_config(self, callers: Callers) -> Result<Config, ConfigError> {
        let Self {
            config: _,
            listen,
            tls_cert,
            tls_key,
            tls_client_ca,
            allow_anonymous,
            database_url,
            database_direct_url,
            database_pool_size,
            postgres_generic_plans,
            postgres_distributed,
            sync_deletions,
            restore_window,
            change_retention,
            purge_interval,
            pin_limit,
            max_requests,
            max_watchers,
            max_watched_users,
            max_connections,
            max_streams_per_connection,
            max_watches_per_connection,
            max_connection_age,
            drain_timeout,
            log_format,
            log_filter,
            metrics_listen,
        } = self;
        let default = Config::default();
        Ok(Config {
            listen: listen.unwrap_or(default.listen),
            tls: tls(tls_cert, tls_key, tls_client_ca)?,
            callers,
            allow_anonymous: allow_anonymous.unwrap_or(default.allow_anonymous),
            database: DatabaseConfig {
                url: database_url.unwrap_or(default.database.url),
                direct_url: database_direct_url,
                pool_size: database_pool_size.unwrap_or(default.database.pool_size),
                generic_plans: postgres_generic_plans.unwrap_or(default.database.generic_plans),
                distributed: postgres_distributed.unwrap_or(default.database.distributed),
            },
            deletion: DeletionConfig {
                sync_by_default: sync_deletions.unwrap_or(default.deletion.sync_by_default),
                restore_window: restore_window.unwrap_or(default.deletion.restore_window),
            },
            pin_limit: pin_limit.unwrap_or(default.pin_limit),
            watch: default.watch,
            limits: LimitsConfig {
                requests: max_requests.unwrap_or(default.limits.requests),
                watchers: max_watchers.unwrap_or(default.limits.watchers),
                watched_users: max_watched_users.unwrap_or(default.limits.watched_users),
                connections: max_connections.unwrap_or(default.limits.connections),
                streams_per_connection: max_streams_per_connection
                    .unwrap_or(default.limits.streams_per_connection),
                watches_per_connection: max_watches_per_connection
                    .unwrap_or(default.limits.watches_per_connection),
                connection_age: max_connection_age.unwrap_or(default.limits.connection_age),
            },
            jobs: JobsConfig {
                purge_interval: purge_interval.unwrap_or(default.jobs.purge_interval),
                change_retention: change_retention.unwrap_or(default.jobs.change_retention),
            },
            drain_timeout: drain_timeout.unwrap_or(default.drain_timeout),
            log_format: log_format.unwrap_or(default.log_format),
            log_filter,
            metrics_listen: metrics_listen.or(default.metrics_listen),
        })
    }
}

/// A certificate needs its key, and authorities need both.
fn tls(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    client_ca: Option<PathBuf>,
) -> Result<Option<TlsConfig>, ConfigError> {
    let incomplete = |given, missing| Err(ConfigError::IncompleteTls { given, missing });
    match (certificate, key, client_ca) {
        (None, None, None) => Ok(None),
        (Some(certificate), Some(key), client_ca) => Ok(Some(TlsConfig {
            client_ca,
            ..TlsConfig::new(certificate, key)
        })),
        (Some(_), None, _) => incomplete("tls_cert", "tls_key"),
        (None, Some(_), _) => incomplete("tls_key", "tls_cert"),
        (None, None, Some(_)) => incomplete("tls_client_ca", "tls_cert"),
    }
}

// The parsers below have their messages as errors: the source and the name are added to them where
// they are known, and nobody tells one message from another.

/// `localhost` is the one name that means the same on every machine.
fn socket_address(text: &str) -> Result<SocketAddr, &'static str> {
    let numeric = match text.strip_prefix("localhost:") {
        Some(port) => &format!("127.0.0.1:{port}"),
        None => text,
    };
    numeric
        .parse()
        .map_err(|_| "expected an IP address or `localhost`, and a port, such as `127.0.0.1:50051`")
}

fn log_filter(text: &str) -> Result<String, &'static str> {
    if telemetry::is_filter(text) {
        Ok(text.to_owned())
    } else {
        Err("expected a filter, such as `info` or `info,conversation_service=debug`")
    }
}

fn switch(text: &str) -> Result<bool, &'static str> {
    text.parse().map_err(|_| "expected `true` or `false`")
}

fn pool_size(text: &str) -> Result<u32, &'static str> {
    match text.parse() {
        Ok(connections @ 1..=1000) => Ok(connections),
        _ => Err("expected a whole number from 1 to 1000"),
    }
}

fn pin_limit(text: &str) -> Result<u32, &'static str> {
    match text.parse() {
        Ok(pins @ 0..=1000) => Ok(pins),
        _ => Err("expected a whole number from 0 to 1000"),
    }
}

fn restore_window(text: &str) -> Result<Duration, String> {
    duration(text, LONGEST)
}

fn change_retention(text: &str) -> Result<Duration, String> {
    duration(text, LONGEST)
}

fn purge_interval(text: &str) -> Result<Duration, String> {
    match duration(text, MAX_PURGE_INTERVAL)? {
        Duration::ZERO => Err("expected more than nothing".to_owned()),
        interval => Ok(interval),
    }
}

fn limit(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number @ 1..=HIGHEST_LIMIT) => Ok(number),
        _ => Err(format!("expected a whole number from 1 to {HIGHEST_LIMIT}")),
    }
}

fn connection_age(text: &str) -> Result<Duration, String> {
    match duration(text, LONGEST)? {
        age if age < MIN_CONNECTION_AGE => Err("expected at least 1 second".to_owned()),
        age => Ok(age),
    }
}

fn drain_timeout(text: &str) -> Result<Duration, String> {
    duration(text, MAX_DRAIN_TIMEOUT)
}

fn duration(text: &str, longest: Duration) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(duration) if duration <= longest => Ok(duration),
        Ok(_) => Err(format!(
            "expected at most {} hours",
            longest.as_secs() / 3600
        )),
        Err(error) => Err(format!(
            "expected a duration, such as `10s` or `24h`: {error}"
        )),
    }
}
