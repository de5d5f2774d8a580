//! The program, with its log lines.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
};

use tokio::{sync::watch, time::timeout};

use super::stage::PATIENCE;

/// A running server. Dropping it kills it.
pub(crate) struct Logged {
    child: Child,
    address: SocketAddr,
    lines: watch::Receiver<String>,
}

impl Logged {
    /// Starts the program and waits until it listens.
    pub(crate) async fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let said = BufReader::new(child.stderr.take().expect("standard error is a pipe"));
        let (sender, lines) = watch::channel(String::new());
        thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                sender.send_modify(|lines| *lines = format!("{lines}{line}\n"));
            }
        });
        let mut logged = Self {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            lines,
        };
        let line = logged.line("serving").await;
        // As text or as JSON.
        let line = line.replace("\"address\":\"", "address=");
        let address = line
            .split("address=")
            .nth(1)
            .and_then(|rest| rest.split([' ', '"']).next());
        let address = address.and_then(|address| address.parse().ok());
        logged.address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        logged
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that it has written so far.
    pub(crate) fn log(&self) -> String {
        self.lines.borrow().clone()
    }

    /// The first line with this text, once there is one.
    pub(crate) async fn line(&mut self, text: &str) -> String {
        let find = |lines: &String| {
            lines
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned)
        };
        let found = timeout(PATIENCE, self.lines.wait_for(|lines| find(lines).is_some())).await;
        match found {
            Ok(Ok(lines)) => find(&lines).expect("it was found"),
            _ => panic!("no line with {text:?}"),
        }
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
