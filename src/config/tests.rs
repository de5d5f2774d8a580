//! The settings from end to end: which source wins, and what stops the start.

use std::{ffi::OsString, io::Write as _, net::SocketAddr, time::Duration};

use clap::Parser;
use tempfile::NamedTempFile;

use super::{Config, ConfigError, Settings};
use crate::{access::Callers, telemetry::LogFormat};

mod access;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

fn flags(line: &[&str]) -> Settings {
    let line = std::iter::once("program").chain(line.iter().copied());
    Line::try_parse_from(line).unwrap().settings
}

fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    let own = |&(name, value): &(&str, &str)| (name.into(), value.into());
    variables.iter().map(own).collect()
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// The settings of a file alone.
fn load_file(text: &str) -> Result<Config, ConfigError> {
    let file = file(text);
    let path = file.path().to_str().unwrap();
    Config::load(flags(&["--config", path]), [])
}

/// The settings of the environment alone.
fn load_environment(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(Settings::default(), environment(variables))
}

fn message<T: std::fmt::Debug>(result: Result<T, ConfigError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn nothing_set_gives_the_documented_defaults() {
    let config = Config::load(Settings::default(), []).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!(config.listen, "127.0.0.1:50051".parse().unwrap());
    assert_eq!(config.database.url.expose(), "sqlite://conversations.db");
    assert_eq!(config.database.pool_size, 16);
    assert!(config.database.generic_plans);
    assert!(!config.deletion.sync_by_default);
    assert_eq!(config.deletion.restore_window, Duration::from_hours(24));
    assert_eq!(config.jobs.change_retention, Duration::from_hours(7 * 24));
    assert_eq!(config.jobs.purge_interval, Duration::from_mins(1));
    assert_eq!(config.pin_limit, 50);
    assert_eq!(config.drain_timeout, Duration::from_secs(10));
    assert_eq!(config.log_format, LogFormat::Text);
    assert_eq!(config.tls, None);
    assert!(config.callers.is_empty());
    assert_eq!(config.metrics_listen, None);
    assert!(!config.allow_anonymous);
}

#[test]
fn changes_are_not_forgotten_while_they_can_be_undone() {
    let error = message(load_file("restore_window = '8d'"));
    assert_eq!(
        error,
        "change_retention must not be shorter than restore_window"
    );
}

/// No setting as it is by default.
fn everything() -> Config {
    Config {
        listen: "[::1]:0".parse().unwrap(),
        tls: Some(super::TlsConfig {
            client_ca: Some("ca.pem".into()),
            ..super::TlsConfig::new("cert.pem".into(), "key.pem".into())
        }),
        callers: Callers::default(),
        allow_anonymous: true,
        database: super::DatabaseConfig {
            url: "postgres://db/chat".parse().unwrap(),
            direct_url: Some("postgres://direct/chat".parse().unwrap()),
            pool_size: 1000,
            generic_plans: false,
            distributed: true,
        },
        deletion: super::DeletionConfig {
            sync_by_default: true,
            restore_window: Duration::from_mins(90),
        },
        watch: super::WatchConfig::default(),
        limits: super::LimitsConfig {
            requests: 1,
            watchers: 2,
            watched_users: 8,
            connections: 3,
            streams_per_connection: 4,
            watches_per_connection: 6,
            connection_age: Duration::from_mins(5),
        },
        jobs: super::JobsConfig {
            change_retention: Duration::from_hours(48),
            purge_interval: Duration::from_secs(30),
        },
        pin_limit: 7,
        drain_timeout: Duration::from_millis(2500),
        log_format: LogFormat::Json,
        log_filter: Some("debug".to_owned()),
        metrics_listen: Some("0.0.0.0:9464".parse().unwrap()),
    }
}

#[test]
fn each_source_can_set_everything() {
    let expected = everything();
    let from_file = load_file(
        r#"
        listen = "[::1]:0"
        tls_cert = "cert.pem"
        tls_key = "key.pem"
        tls_client_ca = "ca.pem"
        allow_anonymous = true
        database_url = "postgres://db/chat"
        database_pool_size = 1000
        postgres_generic_plans = false
        postgres_distributed = true
        sync_deletions = true
        restore_window = "1h 30m"
        change_retention = "2d"
        purge_interval = "30s"
        pin_limit = 7
        max_requests = 1
        max_watchers = 2
        max_watched_users = 8
        max_connections = 3
        max_streams_per_connection = 4
        max_watches_per_connection = 6
        max_connection_age = "5m"
        drain_timeout = "2s 500ms"
        log_format = "json"
        log_filter = "debug"
        database_direct_url = "postgres://direct/chat"
        metrics_listen = "0.0.0.0:9464"
        "#,
    );
    let from_environment = load_environment(&[
        ("CONVERSATION_LISTEN", "[::1]:0"),
        ("CONVERSATION_TLS_CERT", "cert.pem"),
        ("CONVERSATION_TLS_KEY", "key.pem"),
        ("CONVERSATION_TLS_CLIENT_CA", "ca.pem"),
        ("CONVERSATION_ALLOW_ANONYMOUS", "true"),
        ("CONVERSATION_DATABASE_URL", "postgres://db/chat"),
        ("CONVERSATION_DATABASE_DIRECT_URL", "postgres://direct/chat"),
        ("CONVERSATION_LOG_FILTER", "debug"),
        ("CONVERSATION_DATABASE_POOL_SIZE", "1000"),
        ("CONVERSATION_POSTGRES_GENERIC_PLANS", "false"),
        ("CONVERSATION_POSTGRES_DISTRIBUTED", "true"),
        ("CONVERSATION_SYNC_DELETIONS", "true"),
        ("CONVERSATION_RESTORE_WINDOW", "1h 30m"),
        ("CONVERSATION_CHANGE_RETENTION", "2d"),
        ("CONVERSATION_PURGE_INTERVAL", "30s"),
        ("CONVERSATION_PIN_LIMIT", "7"),
        ("CONVERSATION_MAX_REQUESTS", "1"),
        ("CONVERSATION_MAX_WATCHERS", "2"),
        ("CONVERSATION_MAX_WATCHED_USERS", "8"),
        ("CONVERSATION_MAX_CONNECTIONS", "3"),
        ("CONVERSATION_MAX_STREAMS_PER_CONNECTION", "4"),
        ("CONVERSATION_MAX_WATCHES_PER_CONNECTION", "6"),
        ("CONVERSATION_MAX_CONNECTION_AGE", "5m"),
        ("CONVERSATION_DRAIN_TIMEOUT", "2s 500ms"),
        ("CONVERSATION_LOG_FORMAT", "json"),
        ("CONVERSATION_METRICS_LISTEN", "0.0.0.0:9464"),
    ]);
    let from_flags = flags(&[
        "--listen=[::1]:0",
        "--tls-cert=cert.pem",
        "--tls-key=key.pem",
        "--tls-client-ca=ca.pem",
        "--allow-anonymous",
        "--database-url=postgres://db/chat",
        "--database-pool-size=1000",
        "--postgres-generic-plans=false",
        "--postgres-distributed",
        "--sync-deletions",
        "--restore-window=1h 30m",
        "--change-retention=2d",
        "--purge-interval=30s",
        "--pin-limit=7",
        "--max-requests=1",
        "--max-watchers=2",
        "--max-watched-users=8",
        "--max-connections=3",
        "--max-streams-per-connection=4",
        "--max-watches-per-connection=6",
        "--max-connection-age=5m",
        "--drain-timeout=2s 500ms",
        "--log-format=json",
        "--log-filter=debug",
        "--database-direct-url=postgres://direct/chat",
        "--metrics-listen=0.0.0.0:9464",
    ]);
    assert_eq!(from_file.unwrap(), expected);
    assert_eq!(from_environment.unwrap(), expected);
    assert_eq!(Config::load(from_flags, []).unwrap(), expected);
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let file = file("database_pool_size = 2\nlisten = '127.0.0.1:2'\ndrain_timeout = '2s'");
    let path = file.path().to_str().unwrap();
    let environment = environment(&[
        ("CONVERSATION_CONFIG", path),
        ("CONVERSATION_LISTEN", "127.0.0.1:3"),
        ("CONVERSATION_DRAIN_TIMEOUT", "3s"),
    ]);
    let config = Config::load(flags(&["--drain-timeout", "4s"]), environment).unwrap();
    assert_eq!(config.database.pool_size, 2);
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.drain_timeout, Duration::from_secs(4));
}

#[test]
fn the_file_of_the_command_line_replaces_that_of_the_environment() {
    let file = file("sync_deletions = true");
    let config = Config::load(
        flags(&["--config", file.path().to_str().unwrap()]),
        environment(&[("CONVERSATION_CONFIG", "there-is-no-such-file.toml")]),
    );
    assert!(config.unwrap().deletion.sync_by_default);
}

#[test]
fn a_variable_set_to_nothing_counts_as_unset() {
    let config = load_environment(&[
        ("CONVERSATION_LISTEN", ""),
        ("CONVERSATION_CONFIG", ""),
        ("CONVERSATION_SYNC_DELETIONS", ""),
    ]);
    assert_eq!(config.unwrap(), Config::default());
}

#[test]
fn variables_of_others_are_left_alone() {
    let config = load_environment(&[
        ("HOME", "/root"),
        ("CONVERSATIONS", "1"),
        ("CONVERSATION_SERVICE_SERVICE_HOST", "10.0.0.1"),
        (
            "CONVERSATION_SERVICE_PORT_50051_TCP",
            "tcp://10.0.0.1:50051",
        ),
        ("CONVERSATION_PORT", "tcp://10.0.0.1:50051"),
        ("CONVERSATION_PORT_50051_TCP_PROTO", "tcp"),
    ]);
    assert_eq!(config.unwrap(), Config::default());
}

#[test]
fn an_unknown_variable_stops_the_start_and_is_named() {
    for name in [
        "CONVERSATION_LISTN",
        "CONVERSATION_listen",
        "CONVERSATION_",
        "CONVERSATION_HELP",
        "CONVERSATION_RESTORE-WINDOW",
    ] {
        let message = message(load_environment(&[(name, "1s")]));
        assert!(message.starts_with(&format!("{name}: there is no such setting")));
        assert!(message.contains("CONVERSATION_LISTEN"), "{message}");
    }
}

#[test]
fn an_unknown_key_stops_the_start_and_is_named_with_its_file() {
    for key in ["listn", "Listen", "restore-window", "config", "help"] {
        let file = file(&format!("sync_deletions = true\n{key} = 'x'"));
        let path = file.path().to_str().unwrap();
        let message = message(Config::load(flags(&["--config", path]), []));
        assert!(message.starts_with(&format!("{path}: `{key}`: there is no such setting")));
    }
}

#[test]
fn a_table_in_the_file_stops_the_start() {
    let message = message(load_file("[listen]\naddress = 'x'"));
    assert!(message.contains("`listen`: expected a text"), "{message}");
}

#[test]
fn a_malformed_value_stops_the_start_and_the_setting_is_named() {
    for (name, value, reason) in [
        (
            "LISTEN",
            "somewhere:50051",
            "IP address or `localhost`, and a port",
        ),
        ("DATABASE_URL", "mysql://db/chat", "begins with `sqlite://`"),
        ("DATABASE_URL", "sqlite::memory:", "in memory"),
        ("DATABASE_POOL_SIZE", "0", "from 1 to 1000"),
        ("DATABASE_POOL_SIZE", "1001", "from 1 to 1000"),
        ("DATABASE_POOL_SIZE", "many", "from 1 to 1000"),
        ("POSTGRES_GENERIC_PLANS", "yes", "`true` or `false`"),
        ("SYNC_DELETIONS", "2", "`true` or `false`"),
        ("RESTORE_WINDOW", "24", "expected a duration"),
        ("RESTORE_WINDOW", "-1s", "expected a duration"),
        ("RESTORE_WINDOW", "3651d", "at most 87600 hours"),
        ("DRAIN_TIMEOUT", "2h", "at most 1 hours"),
        ("LOG_FORMAT", "xml", "`text` or `json`"),
        (
            "METRICS_LISTEN",
            "9464",
            "IP address or `localhost`, and a port",
        ),
    ] {
        let variable = format!("CONVERSATION_{name}");
        let from_environment = message(load_environment(&[(&variable, value)]));
        assert!(from_environment.starts_with(&format!("{variable}: ")));
        assert!(from_environment.contains(reason), "{from_environment}");

        let key = name.to_lowercase();
        let from_file = message(load_file(&format!("{key} = '{value}'")));
        assert!(from_file.contains(&format!("`{key}`: ")), "{from_file}");
        assert!(from_file.contains(reason), "{from_file}");
    }
}

#[test]
fn a_malformed_value_stops_the_start_even_when_it_is_overridden() {
    let environment = environment(&[("CONVERSATION_LISTEN", "nowhere")]);
    let result = Config::load(flags(&["--listen", "127.0.0.1:0"]), environment);
    assert!(message(result).starts_with("CONVERSATION_LISTEN: "));
}

#[test]
fn a_file_that_is_missing_or_not_toml_stops_the_start() {
    let missing = Config::load(flags(&["--config", "there-is-no-such-file.toml"]), []);
    assert!(message(missing).contains("there-is-no-such-file.toml"));

    let broken = message(load_file("sync_deletions = true\nlisten = \n"));
    assert!(broken.contains(", line 2: "), "{broken}");
}

#[test]
fn no_message_repeats_a_password() {
    let url = "postgre://user:hunter2@db/chat";
    let variable = message(load_environment(&[("CONVERSATION_DATABASE_URL", url)]));
    let key = message(load_file(&format!("database_url = '{url}'")));
    let syntax = message(load_file(&format!("database_url = '{url}")));
    let twice = message(load_file(&format!(
        "database_url = '{url}'\ndatabase_url = '{url}'"
    )));
    for text in [variable, key, syntax, twice] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn printing_the_settings_does_not_print_the_password() {
    let flags = flags(&["--database-url=postgres://user:hunter2@db/chat"]);
    let text = format!("{flags:?} {:?}", Config::load(flags.clone(), []).unwrap());
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("postgres://db/chat"), "{text}");
}

#[test]
fn a_restore_window_of_zero_needs_no_unit() {
    for zero in ["'0'", "'0s'", "0"] {
        let config = load_file(&format!("restore_window = {zero}")).unwrap();
        assert_eq!(config.deletion.restore_window, Duration::ZERO);
    }
}

#[test]
fn listening_beyond_loopback_must_be_asked_for() {
    let listening_on = |address: &str, allow_anonymous| Config {
        listen: address.parse::<SocketAddr>().unwrap(),
        allow_anonymous,
        ..Config::default()
    };
    for address in [
        "127.0.0.1:1",
        "127.9.9.9:1",
        "[::1]:1",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert!(listening_on(address, false).refuse_open_listener().is_ok());
    }
    for address in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
        let refused = listening_on(address, false).refuse_open_listener();
        assert!(message(refused).contains("--allow-anonymous"));
        assert!(listening_on(address, true).refuse_open_listener().is_ok());
    }
}
