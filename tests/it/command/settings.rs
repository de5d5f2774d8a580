//! Settings that are wrong stop the start, with a message that says where.

use std::{fs, process::Command};

use super::{Serving, run, stderr};
use crate::support::{
    databases::{Backend, TestDatabase},
    process::program,
};

/// Checks that the program refuses to start, and what it says.
fn refused(command: &mut Command, says: &[&str]) {
    let output = run(command);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty());
    for part in says {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    assert!(!said.contains("hunter2"), "a password was shown:\n{said}");
}

#[test]
fn an_unknown_flag_or_command_stops_the_start() {
    refused(program().arg("--no-such-flag"), &["--no-such-flag"]);
    refused(program().arg("no-such-command"), &["no-such-command"]);
}

#[test]
fn an_unknown_variable_stops_the_start_and_those_that_exist_are_named() {
    refused(
        program().env("CONVERSATION_RESTORE_WINDOWS", "1h"),
        &[
            "CONVERSATION_RESTORE_WINDOWS",
            "CONVERSATION_RESTORE_WINDOW,",
            "CONVERSATION_LISTEN",
        ],
    );
}

#[test]
fn an_unknown_key_in_the_file_stops_the_start_and_those_that_exist_are_named() {
    let dir = tempfile::tempdir().expect("a temporary directory can be created");
    let file = dir.path().join("settings.toml");
    fs::write(
        &file,
        "listen = \"127.0.0.1:0\"\nrestore_windows = \"1h\"\n",
    )
    .expect("writable");
    refused(
        program().arg("--config").arg(&file),
        &["settings.toml", "`restore_windows`", "restore_window,"],
    );
    refused(
        program().env("CONVERSATION_CONFIG", &file),
        &["`restore_windows`"],
    );
}

#[test]
fn a_malformed_value_stops_the_start_wherever_it_stands() {
    for (flag, variable, key, value) in [
        ("--listen", "CONVERSATION_LISTEN", "listen", "localhost"),
        (
            "--restore-window",
            "CONVERSATION_RESTORE_WINDOW",
            "restore_window",
            "a while",
        ),
        (
            "--drain-timeout",
            "CONVERSATION_DRAIN_TIMEOUT",
            "drain_timeout",
            "-1s",
        ),
        (
            "--database-pool-size",
            "CONVERSATION_DATABASE_POOL_SIZE",
            "database_pool_size",
            "0",
        ),
        (
            "--log-format",
            "CONVERSATION_LOG_FORMAT",
            "log_format",
            "xml",
        ),
        (
            "--metrics-listen",
            "CONVERSATION_METRICS_LISTEN",
            "metrics_listen",
            "9464",
        ),
        (
            "--database-url",
            "CONVERSATION_DATABASE_URL",
            "database_url",
            "mysql://u:hunter2@h/d",
        ),
        (
            "--database-url",
            "CONVERSATION_DATABASE_URL",
            "database_url",
            "sqlite::memory:",
        ),
        (
            "--sync-deletions",
            "CONVERSATION_SYNC_DELETIONS",
            "sync_deletions",
            "maybe",
        ),
    ] {
        refused(program().arg(format!("{flag}={value}")), &[flag]);
        refused(program().env(variable, value), &[variable]);
        let dir = tempfile::tempdir().expect("a temporary directory can be created");
        let file = dir.path().join("settings.toml");
        fs::write(&file, format!("{key} = \"{value}\"\n")).expect("writable");
        let key = format!("`{key}`");
        refused(
            program().arg("--config").arg(&file),
            &["settings.toml", &key],
        );
        // Another source that overrides it makes a mistake no better.
        let good = ["--restore-window", "1h"];
        refused(program().args(good).arg("--config").arg(&file), &[&key]);
    }
}

#[test]
fn traces_that_cannot_be_sent_as_asked_stop_the_start() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    let secure = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:4318");
    for (endpoint, variable, value, said) in [
        (
            endpoint,
            "OTEL_TRACES_EXPORTER",
            "console",
            "OTEL_TRACES_EXPORTER",
        ),
        (
            endpoint,
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "http/json",
            "`grpc`",
        ),
        (
            secure,
            "OTEL_SERVICE_NAME",
            "chat",
            "OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
        ),
    ] {
        refused(program().envs([endpoint, (variable, value)]), &[said]);
    }
}

#[test]
fn a_file_that_is_missing_or_no_toml_stops_the_start() {
    let dir = tempfile::tempdir().expect("a temporary directory can be created");
    let file = dir.path().join("settings.toml");
    refused(program().arg("--config").arg(&file), &["settings.toml"]);
    fs::write(&file, "listen = \"127.0.0.1:0\"\ndatabase_url = hunter2\n").expect("writable");
    refused(
        program().arg("--config").arg(&file),
        &["settings.toml", "line 2"],
    );
}

#[test]
fn listening_beyond_loopback_is_refused_until_it_is_said_to_be_meant() {
    for listen in ["0.0.0.0:0", "[::]:0", "10.1.2.3:50051"] {
        refused(
            program().args(["--listen", listen]),
            &[listen, "--allow-anonymous"],
        );
        refused(
            program().env("CONVERSATION_LISTEN", listen),
            &["--allow-anonymous"],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn listening_beyond_loopback_is_done_when_it_is_said_to_be_meant() {
    let database = TestDatabase::create(Backend::Sqlite)
        .await
        .expect("SQLite is always there");
    let mut serving = Serving::start(&database, &["--listen", "0.0.0.0:0", "--allow-anonymous"]);
    assert!(serving.address.ip().is_unspecified());
    serving.signal("TERM");
    assert!(serving.ended().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let database = TestDatabase::create(Backend::Sqlite)
        .await
        .expect("SQLite is always there");
    let dir = tempfile::tempdir().expect("a temporary directory can be created");
    let file = dir.path().join("settings.toml");
    fs::write(&file, "listen = \"10.1.2.3:1\"\n").expect("writable");
    let file = file.to_str().expect("plain text");
    refused(program().args(["--config", file]), &["10.1.2.3:1"]);
    refused(
        program()
            .args(["--config", file])
            .env("CONVERSATION_LISTEN", "10.1.2.3:2"),
        &["10.1.2.3:2"],
    );
    let mut serving = Serving::start(&database, &["--config", file, "--listen", "127.0.0.1:0"]);
    assert!(serving.address.ip().is_loopback());
    serving.signal("INT");
    assert!(serving.ended().await.success());
}

#[test]
fn a_database_that_cannot_be_reached_ends_the_program_with_a_message() {
    let output = run(program().args(["migrate", "--database-url", "sqlite:///no/such/place/x.db"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("database"), "{}", stderr(&output));
}
