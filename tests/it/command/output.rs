//! The output of the commands: its content and its form.

use serde_json::Value;

use super::{run, stderr, stdout};
use crate::support::{
    certificates::{Authority, Files},
    databases::{Backend, TestDatabase},
    logged::Logged,
    process::program,
};

async fn sqlite() -> TestDatabase {
    let database = TestDatabase::create(Backend::Sqlite).await;
    database.expect("SQLite is always there")
}

/// Each line is a JSON object like those of the log.
#[track_caller]
fn objects(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        for name in ["timestamp", "level", "message", "target"] {
            assert!(value[name].is_string(), "{name} of {line}");
        }
        value
    });
    lines.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_json_there_is_nothing_but_json_on_either_stream() {
    let database = sqlite().await;
    let settings = tempfile::NamedTempFile::new().expect("a file can be made");
    std::fs::write(settings.path(), "log_format = 'json'\nno_such = 1\n").expect("it is written");
    let broken = settings.path().display().to_string();
    let json = ["--log-format=json", "--database-url", database.url()];
    for (arguments, code) in [
        (&["migrate"][..], 0),
        (&["purge"], 0),
        (&["health", "--address", "127.0.0.1:1"], 1),
        (&["--listen", "nonsense"], 2),
        (&["--listen", "0.0.0.0:0"], 2),
        (&["--no-such-flag"], 2),
        (&["--config", &broken], 2),
    ] {
        let output = run(program().args(json).args(arguments));
        let said = [stdout(&output), stderr(&output)].concat();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!objects(&said).is_empty(), "{arguments:?}");
    }
    // The file alone says it, and is what is wrong.
    let output = run(program().args(["--config", &broken]));
    assert_eq!(objects(&stderr(&output)).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_start_says_what_runs_on_which_database() {
    let database = sqlite().await;
    let mut command = program();
    command
        .args(["--listen", "localhost:0", "--sync-deletions", "false"])
        .env("CONVERSATION_DATABASE_URL", database.url())
        .env("RUST_LOG", "debug");
    let mut server = Logged::start(&mut command).await;
    assert!(server.address().ip().is_loopback());
    let line = server.line("migrations_run").await;
    for part in [
        &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")),
        &format!("database={}", database.url()),
        "kind=\"sqlite\"",
        "schema=\"m",
        "migrations_run=",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    for (setting, from) in [
        ("listen", "command line"),
        ("sync_deletions", "command line"),
        ("database_url", "environment"),
    ] {
        let line = server.line(&format!("setting=\"{setting}\"")).await;
        assert!(line.contains(from), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_open_to_everyone_warns_of_it() {
    let database = sqlite().await;
    let mut command = program();
    command.args([
        "--listen",
        "0.0.0.0:0",
        "--allow-anonymous",
        "--database-url",
        database.url(),
    ]);
    let mut server = Logged::start(&mut command).await;
    let line = server.line("everyone who reaches this address").await;
    assert!(line.contains("WARN"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_in_clear_of_a_server_with_tls_says_what_to_do() {
    let database = sqlite().await;
    let authority = Authority::new();
    let files = Files::of(&authority.server());
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--database-url", database.url()]);
    let server = Logged::start(command.args(files.arguments())).await;
    let address = server.address().to_string();
    let output = run(program().args(["health", "--address", &address]));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("if it speaks TLS"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_switch_takes_its_value_after_a_space_and_a_command_after_that() {
    let address = ["--address", "127.0.0.1:1"];
    for switch in [
        &["--sync-deletions", "false"][..],
        &["--sync-deletions=false"],
        &["--sync-deletions"],
    ] {
        let output = run(program().args(switch).arg("health").args(address));
        assert_eq!(
            output.status.code(),
            Some(1),
            "{switch:?}: {}",
            stderr(&output)
        );
    }
}
