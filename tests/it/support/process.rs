//! The real program as a process of its own: it can be killed, which a server in the test cannot.

use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use super::{client::Client, databases::TestDatabase};

/// The text that the program prints in front of its address once it accepts calls.
const LISTENING: &str = "conversation-service listening on ";

/// How long a start may take before it counts as a hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// A running `conversation-service`, which is killed when this is dropped.
pub(crate) struct Process {
    arguments: Vec<String>,
    child: Child,
    address: SocketAddr,
}

/// The program, ready to be given arguments, with a clean configuration: no setting of the
/// surrounding environment reaches it.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conversation-service"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_setting(name)) {
        command.env_remove(name);
    }
    command
}

fn is_setting(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with("CONVERSATION_") || name.starts_with("OTEL_")
}

impl Process {
    /// Starts the program on a free port and waits until it accepts calls.
    pub(crate) async fn start(database: &TestDatabase) -> Self {
        Self::start_with(database, &[]).await
    }

    /// The same with more arguments.
    pub(crate) async fn start_with(database: &TestDatabase, more: &[&str]) -> Self {
        let usual = ["--listen", "127.0.0.1:0", "--database-url", database.url()];
        Self::run(usual.iter().chain(more).map(ToString::to_string).collect()).await
    }

    /// The same with arguments that are texts of their own.
    pub(crate) async fn start_as(database: &TestDatabase, more: &[String]) -> Self {
        let more: Vec<_> = more.iter().map(String::as_str).collect();
        Self::start_with(database, &more).await
    }

    async fn run(arguments: Vec<String>) -> Self {
        Self::run_as(program(), arguments).await
    }

    /// The same, and what it logs goes to a file.
    pub(crate) async fn start_logging_to(
        log: File,
        database: &TestDatabase,
        more: &[&str],
    ) -> Self {
        let mut command = program();
        command.stderr(log);
        let usual = ["--listen", "127.0.0.1:0", "--database-url", database.url()];
        let arguments = usual.iter().chain(more).map(ToString::to_string);
        Self::run_as(command, arguments.collect()).await
    }

    /// Starts the program as one that can live with a limit on the size of files, which kills others.
    pub(crate) async fn start_limitable(database: &TestDatabase) -> Self {
        let program = program();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(program.get_program());
        for (name, _) in program.get_envs() {
            shell.env_remove(name);
        }
        let usual = ["--listen", "127.0.0.1:0", "--database-url", database.url()];
        Self::run_as(shell, usual.map(ToOwned::to_owned).to_vec()).await
    }

    /// Limits how large a file the program can write, in bytes or to `unlimited`.
    pub(crate) fn limit_files(&self, limit: &str) {
        let done = Command::new("prlimit")
            .args(["--pid", &self.child.id().to_string()])
            .arg(format!("--fsize={limit}:unlimited"))
            .status();
        assert!(done.expect("there is a `prlimit`").success());
    }

    async fn run_as(mut command: Command, arguments: Vec<String>) -> Self {
        let mut child = command
            .args(&arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let said = child.stdout.take().expect("standard output is a pipe");
        let (found, address) = oneshot::channel();
        thread::spawn(move || read(said, found));
        let address = timeout(PATIENCE, address).await;
        let Ok(Ok(address)) = address else {
            let _ = child.kill();
            panic!("{arguments:?} ended or hung before it accepted calls");
        };
        Self {
            arguments,
            child,
            address,
        }
    }

    /// Where the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The most memory that the program has had since it was started, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the program runs");
        let mut lines = status.lines();
        let peak = lines.find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"));
        let peak: u64 = peak
            .expect("the system says so")
            .trim()
            .parse()
            .expect("a number");
        peak * 1024
    }

    /// A client that is connected to this server.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Ends the program at once, in the middle of whatever it does (`kill -9`).
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("the program runs");
        self.child.wait().expect("the program is ours to wait for");
    }

    /// Kills the program and starts it again with the same arguments, on another port.
    pub(crate) async fn kill_and_restart(mut self) -> Self {
        self.kill();
        Self::run(self.arguments.clone()).await
    }

    /// Stops the program where it is (`SIGSTOP`).
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub(crate) fn resume(&self) {
        self.signal("CONT");
    }

    /// Asks the program to stop, as an orchestrator does, and waits until it has.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("the program is ours to wait for")
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status()
            .expect("there is a `kill`");
        assert!(sent.success(), "the program runs");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what the program says until it ends, so that it never waits for a reader, and passes its
/// address on.
fn read(said: ChildStdout, found: oneshot::Sender<SocketAddr>) {
    let mut found = Some(found);
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        let address = line
            .strip_prefix(LISTENING)
            .and_then(|rest| rest.parse().ok());
        if let Some((address, found)) = address.zip(found.take_if(|_| address.is_some())) {
            let _ = found.send(address);
        }
    }
}
