//! A secret in the settings is never shown, however wrong the settings are and wherever it stands.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    process::{Command, Output},
};

use super::run;
use crate::support::process::program;

/// Part of every secret.
const SECRET: &str = "hunter2";

/// URLs that cannot be used, with a secret in each place where a mistake can put it, and a part of
/// the complaint about it.
const MALFORMED: [(&str, &str); 30] = [
    // The everyday mistake: a password that is not percent-encoded.
    (
        "postgres://app:p/hunter2@db.internal/chat",
        "percent-encode",
    ),
    (
        "postgres://app:p#hunter2@db.internal/chat",
        "percent-encode",
    ),
    (
        "postgres://app:p?hunter2@db.internal/chat",
        "percent-encode",
    ),
    (
        "postgres://app:1/hunter2@db.internal/chat",
        "percent-encode",
    ),
    (
        "postgres://app:1#hunter2@db.internal/chat",
        "percent-encode",
    ),
    ("postgres://app:1?hunter2@db.internal/chat", "parameter"),
    ("postgres://app:1?x=hunter2@db.internal/chat", "parameter"),
    ("postgres://app:hunter2/@db.internal/chat", "percent-encode"),
    ("postgres://app:hunter2?@db.internal/chat", "percent-encode"),
    ("postgres://app:hunter2#@db.internal/chat", "percent-encode"),
    ("postgres://app:[hunter2@db.internal]/chat", "host"),
    ("postgres://app:%ffhunter2@db.internal/chat", "UTF-8"),
    // No `@`, or no host.
    ("postgres://app:hunter2", "port"),
    ("postgres://app:hunter2/chat", "port"),
    ("postgres://app:hunter2@/chat", "host"),
    ("postgres://app:hunter2@db.internal:hunter2/chat", "port"),
    ("postgres://app:hunter2@db.internal:99999/chat", "port"),
    ("postgres://app:pw@db internal hunter2/chat", "host"),
    // Parameters.
    ("postgres://db.internal/chat?sslmode=hunter2", "sslmode"),
    ("postgres://db.internal/chat?ssl-mode=hunter2", "sslmode"),
    ("postgres://db.internal/chat?passwrod=hunter2", "parameter"),
    ("postgres://db.internal/chat?hunter2", "parameter"),
    ("postgres://db.internal/chat?port=hunter2", "port"),
    ("postgres://db.internal/chat?hostaddr=hunter2", "hostaddr"),
    (
        "postgres://db.internal/chat?statement-cache-capacity=hunter2",
        "statement-cache-capacity",
    ),
    // Another scheme, or none.
    ("mysql://app:hunter2@db.internal/chat", "begins with"),
    ("postgres:/app:hunter2@db.internal/chat", "begins with"),
    ("app:hunter2@db.internal", "begins with"),
    // SQLite with what another SQLite takes.
    ("sqlite://chat.db?key=hunter2", "parameter"),
    ("sqlite://chat.db?mode=hunter2", "mode"),
];

/// Runs the program and checks that nothing it says holds a secret.
fn run_in_secret(command: &mut Command) -> Output {
    let output = run(command.env("RUST_LOG", "trace"));
    for stream in [&output.stdout, &output.stderr] {
        let said = String::from_utf8_lossy(stream);
        assert!(!said.contains(SECRET), "{command:?}:\n{said}");
    }
    output
}

#[test]
fn nothing_is_shown_of_a_database_url_that_cannot_be_used_but_what_is_wrong_with_it() {
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let file = directory.path().join("settings.toml");
    for (url, complaint) in MALFORMED {
        fs::write(&file, format!("database_url = '{url}'\n")).expect("writable");
        for command in [
            program().arg("serve").arg(format!("--database-url={url}")),
            program().args(["migrate", "--database-url", url]),
            program().arg("purge").env("CONVERSATION_DATABASE_URL", url),
            program().arg("--config").arg(&file),
        ] {
            let output = run_in_secret(command);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{url}: {said}");
            assert!(said.contains(complaint), "{url}: {complaint:?} in {said}");
        }
    }
}

#[test]
fn nothing_is_shown_of_a_database_url_in_the_wrong_place() {
    let url = "postgres://app:hunter2@db.internal/chat";
    for arguments in [
        vec![url],
        vec!["serve", url],
        vec!["--listen", url],
        vec!["--config", url],
        vec!["--pin-limit", url],
        vec!["--databaseurl=postgres://app:hunter2@db.internal/chat"],
        vec!["-dpostgres://app:hunter2@db.internal/chat"],
        vec!["health", "--address", url],
        vec!["health", "--address", "http://app:hunter2@localhost:1"],
    ] {
        let output = run_in_secret(program().args(&arguments));
        assert_ne!(output.status.code(), Some(0), "{arguments:?}");
    }
    for variable in [
        "CONVERSATION_LISTEN",
        "CONVERSATION_CONFIG",
        "CONVERSATION_LOG_FORMAT",
        "CONVERSATION_RESTORE_WINDOW",
    ] {
        let output = run_in_secret(program().env(variable, url));
        assert_eq!(output.status.code(), Some(2), "{variable}");
    }
}

#[test]
fn nothing_is_quoted_of_a_settings_file_that_cannot_be_used() {
    let directory = tempfile::tempdir().expect("a temporary directory can be created");
    let file = directory.path().join("settings.toml");
    for settings in [
        "database_url = postgres://app:hunter2@db.internal/chat",
        "database_url = \"postgres://app:hunter2@db.internal/chat",
        "database_url = \"postgres://app:hunter2\\q@db.internal/chat\"",
        "database_url = 'postgres://app:hunter2@db.internal/chat' more",
        "database_url = ['postgres://app:hunter2@db.internal/chat']",
        "database_url = { hunter2 = 1 }",
        "postgres://app:hunter2@db.internal/chat",
        "'postgres://app:hunter2@db.internal/chat' = 1",
        "[database_url]\n'postgres://app:hunter2@db' = 1",
        "[[callers]]\nname = 'gateway'\ntoken_sha256 = 'hunter2'\nroles = ['pipeline']",
        "[[callers]]\nname = 'gateway'\n'Bearer hunter2' = 1\nroles = ['pipeline']",
        "[[callers]]\nname = 'gateway'\ntoken_sha256 = 'aa'\nroles = ['Bearer hunter2']",
        "callers = 'Bearer hunter2'",
        "listen = 'postgres://app:hunter2@db'",
    ] {
        fs::write(&file, settings).expect("writable");
        let output = run_in_secret(program().arg("--config").arg(&file));
        assert_eq!(output.status.code(), Some(2), "{settings}");
    }
}

#[test]
fn at_no_level_does_the_log_hold_the_password_of_a_database_that_is_away() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let address = free.local_addr().expect("it has an address");
    drop(free);
    let url = format!("postgres://app:hunter2@{address}/chat?password=hunter2");
    for format in ["text", "json"] {
        let output = run_in_secret(program().args([
            "--listen",
            "127.0.0.1:0",
            "--log-format",
            format,
            "--database-url",
            &url,
        ]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("Connection refused"), "{said}");
    }
}
