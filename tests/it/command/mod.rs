//! The program as an operator meets it: its command line, its settings, its signals.

mod backup;
mod draining;
mod output;
mod secrets;
mod settings;
mod signals;

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread::JoinHandle,
};

use tokio::time::timeout;

use crate::support::{
    databases::{Backend, TestDatabase, on_every_database},
    process::program,
    rows::Rows,
    stage::PATIENCE,
};

on_every_database!(from create_on_one_server: migrating_makes_the_schema_and_can_be_repeated);

on_every_database!(
    health_tells_by_its_exit_status_whether_a_server_serves,
    port_zero_takes_a_free_one_for_each_server,
);

/// Runs the program to its end.
fn run(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output();
    output.expect("the program can be started")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server that can be sent signals. Dropping it kills it.
struct Serving {
    child: Child,
    address: SocketAddr,
    _reader: JoinHandle<()>,
}

impl Serving {
    /// Starts the program with a database and more arguments; returns once it listens.
    fn start(database: &TestDatabase, arguments: &[&str]) -> Self {
        let mut child = program()
            .args(["--database-url", database.url()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let mut said = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it says where it listens");
        let address = line
            .trim()
            .strip_prefix("conversation-service listening on ");
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("it said {line:?}"));
        let reader = std::thread::Builder::new()
            .spawn(move || said.lines().map_while(Result::ok).for_each(drop))
            .expect("a thread can be started");
        Self {
            child,
            address,
            _reader: reader,
        }
    }

    /// Sends a signal by its name.
    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status();
        assert!(
            sent.expect("there is a `kill`").success(),
            "the program runs"
        );
    }

    /// Waits until the program has ended.
    async fn ended(&mut self) -> ExitStatus {
        let ended = timeout(PATIENCE, async {
            loop {
                if let Some(status) = self.child.try_wait().expect("the program is ours") {
                    return status;
                }
                tokio::task::yield_now().await;
            }
        });
        ended.await.expect("the program ends in time")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn help_names_every_command_and_setting() {
    let output = run(program().arg("--help"));
    assert_eq!(output.status.code(), Some(0));
    let said = stdout(&output);
    for name in [
        "serve",
        "migrate",
        "purge",
        "backup",
        "after-restore",
        "[[callers]]",
        "token_sha256",
        "--database-direct-url",
        "--log-filter",
        "health",
        "demo",
        "--config",
        "--listen",
        "--tls-cert",
        "--tls-key",
        "--tls-client-ca",
        "--allow-anonymous",
        "--database-url",
        "--database-pool-size",
        "--postgres-generic-plans",
        "--sync-deletions",
        "--restore-window",
        "--max-requests",
        "--max-watchers",
        "--max-connections",
        "--max-streams-per-connection",
        "--max-watches-per-connection",
        "--max-connection-age",
        "--drain-timeout",
        "--log-format",
        "--metrics-listen",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "RUST_LOG",
    ] {
        assert!(said.contains(name), "{name} is not in:\n{said}");
    }
}

#[test]
fn version_is_the_packages() {
    let output = run(program().arg("--version"));
    assert_eq!(output.status.code(), Some(0));
    let expected = format!("conversation-service {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(stdout(&output), expected);
}

async fn migrating_makes_the_schema_and_can_be_repeated(database: TestDatabase) {
    for says in ["ran ", "is up to date, at m"] {
        let output = run(program().args(["migrate", "--database-url", database.url()]));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stdout(&output).contains(says), "{}", stdout(&output));
    }
    let rows = Rows::of(&database).await;
    assert_eq!(rows.number("SELECT count(*) FROM members").await, 0);
}

async fn health_tells_by_its_exit_status_whether_a_server_serves(database: TestDatabase) {
    let mut serving = Serving::start(&database, &["--listen", "127.0.0.1:0"]);
    let address = serving.address.to_string();
    for by in [
        ["health", "--address", &address],
        ["health", "--listen", &address],
    ] {
        let output = run(program().args(by));
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert_eq!(stdout(&output), format!("{address} is SERVING\n"));
    }
    serving.signal("TERM");
    assert!(serving.ended().await.success());
    let output = run(program().args(["health", "--address", &address]));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no connection"),
        "{}",
        stderr(&output)
    );
    let output = run(program().args(["health", "--address", "not an address"]));
    assert_eq!(output.status.code(), Some(2));
}

async fn port_zero_takes_a_free_one_for_each_server(database: TestDatabase) {
    let one = Serving::start(&database, &["serve", "--listen", "127.0.0.1:0"]);
    assert_ne!(one.address.port(), 0);
    if database.backend() == Backend::Postgres {
        let other = Serving::start(&database, &["--listen", "[::1]:0"]);
        assert!(other.address.is_ipv6() && other.address != one.address);
    }
    let taken = one.address.to_string();
    let output = run(program().args(["--database-url", database.url(), "--listen", &taken]));
    assert_eq!(output.status.code(), Some(1), "an address that is taken");
    assert!(stderr(&output).contains(&taken), "{}", stderr(&output));
    let free = ["--listen", "127.0.0.1:0", "--metrics-listen", &taken];
    let output = run(program()
        .args(["--database-url", database.url()])
        .args(free));
    assert_eq!(output.status.code(), Some(1), "an address that is taken");
    assert!(stderr(&output).contains(&taken), "{}", stderr(&output));
}
