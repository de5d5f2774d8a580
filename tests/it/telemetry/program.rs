//! The real program, with what it writes to standard error.

use std::{
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
};

use serde_json::Value;
use tokio::{sync::watch, time::timeout};

use crate::support::{client::Client, process::program, stage::PATIENCE};

/// The texts that the program prints in front of its addresses.
const LISTENING: &str = "conversation-service listening on ";
const METRICS: &str = "metrics at http://";

/// A running program, which is killed when this is dropped.
pub(super) struct Program {
    child: Child,
    said: watch::Receiver<Vec<String>>,
    written: watch::Receiver<Vec<String>>,
}

impl Program {
    /// Starts the program on a free port, with more arguments and variables.
    pub(super) fn start(url: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = program()
            .args(["--listen", "127.0.0.1:0", "--database-url", url])
            .args(arguments)
            .env_remove("RUST_LOG")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        Self {
            said: lines(child.stdout.take().expect("standard output is a pipe")),
            written: lines(child.stderr.take().expect("standard error is a pipe")),
            child,
        }
    }

    /// Where it serves, once it does.
    pub(super) async fn address(&self) -> SocketAddr {
        let line = first(&self.said, |line| line.contains(LISTENING)).await;
        after(&line, LISTENING).parse().expect("an address")
    }

    /// Where its metrics are, once they are served.
    pub(super) async fn metrics_address(&self) -> SocketAddr {
        let line = first(&self.said, |line| line.contains(METRICS)).await;
        let address = after(&line, METRICS).strip_suffix("/metrics");
        address.expect("a path").parse().expect("an address")
    }

    /// A client that is connected to it.
    pub(super) async fn client(&self) -> Client {
        Client::connect(self.address().await).await
    }

    /// The lines that it has written to standard output so far.
    pub(super) fn said(&self) -> Vec<String> {
        self.said.borrow().clone()
    }

    /// The first line that holds `part`, once it is written to standard error.
    pub(super) async fn line(&self, part: &str) -> String {
        first(&self.written, |line| line.contains(part)).await
    }

    /// Asks it to stop as an orchestrator does, and waits until it has; returns all that it has
    /// written to standard error.
    pub(super) async fn stop(mut self) -> (ExitStatus, Vec<String>) {
        let asked = Command::new("kill")
            .args(["-s", "TERM", &self.child.id().to_string()])
            .status();
        assert!(asked.expect("there is a `kill`").success(), "it runs");
        let mut written = self.written.clone();
        let closed = async { while written.changed().await.is_ok() {} };
        timeout(PATIENCE, closed).await.expect("it ends in time");
        let status = self.child.wait().expect("the program is ours");
        let lines = self.written.borrow().clone();
        (status, lines)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The word after these, be the line text or JSON.
fn after<'a>(line: &'a str, words: &str) -> &'a str {
    let (_, rest) = line.split_once(words).expect("it was found");
    rest.split('"').next().unwrap_or(rest)
}

/// Each of the lines as the JSON object that it is.
pub(super) fn objects(lines: &[String]) -> Vec<Value> {
    let objects = lines.iter().map(|line| {
        let value: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(value.is_object(), "{line}");
        value
    });
    objects.collect()
}

/// The first line that is as it must be; not finding one in time is a failure.
async fn first(lines: &watch::Receiver<Vec<String>>, holds: impl Fn(&str) -> bool) -> String {
    let mut lines = lines.clone();
    let found = |lines: &Vec<String>| lines.iter().find(|line| holds(line)).cloned();
    let lines = timeout(PATIENCE, lines.wait_for(|lines| found(lines).is_some())).await;
    let lines = lines
        .expect("the line comes in time")
        .expect("the program goes on");
    found(&lines).expect("it was found before")
}

/// All lines that come from a pipe, as they come. The pipe is read to its end, so nobody waits for a
/// reader; then there is no sender any more.
fn lines(pipe: impl Read + Send + 'static) -> watch::Receiver<Vec<String>> {
    let (sender, receiver) = watch::channel(Vec::new());
    let read = move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            sender.send_modify(|lines| lines.push(line));
        }
    };
    std::thread::Builder::new()
        .spawn(read)
        .expect("a thread can be started");
    receiver
}
