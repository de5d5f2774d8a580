//! `deploy/conversation-service.service`.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    process::{Command, Output},
    time::Duration,
};

use conversation_service::config::Config;
use tempfile::tempdir;

use super::read;

const UNIT: &str = "deploy/conversation-service.service";
/// Ten times the exposure that systemd may see at most, on its scale from 0 to 10.
const MOST_EXPOSED: &str = "--threshold=20";

/// The values of a directive, in order.
fn values(directive: &str) -> Vec<String> {
    read(UNIT)
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| *name == directive)
        .map(|(_, value)| value.to_owned())
        .collect()
}

fn value(directive: &str) -> String {
    let values = values(directive);
    assert_eq!(values.len(), 1, "{directive} is set once");
    values.concat()
}

#[test]
fn a_stop_is_given_the_time_to_drain() {
    let stop: Duration = humantime::parse_duration(&value("TimeoutStopSec")).expect("a duration");
    assert!(stop > Config::default().drain_timeout);
    assert_eq!(value("KillSignal"), "SIGTERM");
}

#[test]
fn there_are_files_enough_for_every_connection() {
    let files: u32 = value("LimitNOFILE").parse().expect("a number");
    let config = Config::default();
    assert!(files > 2 * (config.limits.connections + config.database.pool_size));
}

#[test]
fn secrets_are_loaded_and_on_no_command_line() {
    assert_eq!(value("ExecStart"), "/usr/local/bin/conversation-service");
    let settings = value("Environment");
    let file = settings.strip_prefix("CONVERSATION_CONFIG=%d/");
    let file = file.expect("the settings are a credential");
    assert!(value("LoadCredential").starts_with(&format!("{file}:/")));
    assert_eq!(value("DynamicUser"), "yes");
    // Where it runs is where the SQLite database is by default.
    let state = format!("%S/{}", value("StateDirectory"));
    assert_eq!(value("WorkingDirectory"), state);
}

/// The output of `systemd-analyze` for the unit with this build of the program. Where there is no
/// `systemd-analyze`, it is `None`, and standard error says so.
fn analyze(arguments: &[&str]) -> Option<Output> {
    let directory = tempdir().expect("a temporary directory can be created");
    let unit = directory.path().join("conversation-service.service");
    let text = read(UNIT).replace(
        "/usr/local/bin/conversation-service",
        env!("CARGO_BIN_EXE_conversation-service"),
    );
    fs::write(&unit, text).expect("the directory is writable");
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg(&unit)
        .output();
    match output {
        Ok(output) => Some(output),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Written directly, because the test harness keeps what the print macros say to itself.
            let _ = std::io::stderr()
                .write_all(b"systemd-analyze not found: what it would check is skipped\n");
            None
        }
        Err(error) => panic!("systemd-analyze: {error}"),
    }
}

#[test]
fn systemd_understands_the_unit() {
    let Some(output) = analyze(&["verify", "--man=no"]) else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("conversation-service.service"), "{said}");
}

#[test]
fn systemd_finds_the_unit_well_confined() {
    let Some(output) = analyze(&["security", "--offline=true", MOST_EXPOSED]) else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
