//! Peers that hold what they were not given: by accident, as one that freezes does, or on purpose.
//!
//! Each attack is made on the real program, in a process of its own, whose memory and log are measured.
//! Beside it there is a neighbour, a caller that behaves: its calls have to be answered all the while.

mod connections;
mod fairness;
mod health;
mod not_grpc;
mod peer;
mod requests;
mod unread;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tempfile::NamedTempFile;
use tokio::task::JoinSet;

use crate::support::{
    client::Client,
    databases::{Backend, TestDatabase},
    ids::c2c,
    process::Process,
};

/// The most memory that the program may ever have, in bytes: what the Kubernetes manifest gives it.
const MOST_MEMORY: u64 = 512 * 1024 * 1024;
/// The most bytes that it may log, whatever is done to it.
const MOST_LOG: u64 = 64 * 1024;
/// How long the slowest call of the neighbour may take, on a machine that does much else.
const SLOWEST: Duration = Duration::from_secs(10);

#[expect(clippy::disallowed_methods, reason = "to say how long a caller waits")]
fn now() -> Instant {
    Instant::now()
}

/// An attacked program on the embedded database: peers are the same on every one.
struct Attacked {
    process: Process,
    log: NamedTempFile,
    _database: TestDatabase,
}

impl Attacked {
    /// With these settings.
    async fn start(arguments: &[&str]) -> Self {
        let database = TestDatabase::create(Backend::Sqlite).await;
        let database = database.expect("the embedded database is always there");
        let log = NamedTempFile::new().expect("a temporary file can be created");
        let file = log.reopen().expect("it is there");
        Self {
            process: Process::start_logging_to(file, &database, arguments).await,
            log,
            _database: database,
        }
    }

    /// Checks what it has cost: memory, and room for the log.
    #[expect(
        clippy::print_stdout,
        reason = "the figures, for who wants to see them"
    )]
    fn assert_within_budget(&self) {
        let peak = self.process.peak_memory();
        let logged = self.log.as_file().metadata().expect("it is there").len();
        println!(
            "{} MiB of memory, {logged} bytes of log",
            peak / 1024 / 1024
        );
        assert!(peak <= MOST_MEMORY, "it has had {peak} bytes");
        assert!(logged <= MOST_LOG, "it has logged {logged} bytes");
    }
}

/// A caller that behaves, and goes on calling.
struct Neighbour {
    stop: Arc<AtomicBool>,
    calls: JoinSet<(u32, Duration)>,
}

impl Neighbour {
    /// Sends and lists over one connection.
    fn calling(client: Client) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut calls = JoinSet::new();
        let stopped = Arc::clone(&stop);
        calls.spawn(async move {
            let (mut answered, mut slowest) = (0, Duration::ZERO);
            while !stopped.load(Ordering::Relaxed) {
                let begun = now();
                client.send("ned", c2c("flanders"), "hi").await;
                client.listed("flanders").await;
                slowest = slowest.max(begun.elapsed());
                answered += 1;
            }
            (answered, slowest)
        });
        Self { stop, calls }
    }

    /// Checks that all calls were answered, and soon.
    async fn assert_answered(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let calls = self.calls.join_next().await.expect("it calls");
        let (answered, slowest) = calls.expect("all its calls are answered");
        assert!(answered > 0);
        assert!(slowest < SLOWEST, "it waited for {slowest:?}");
    }
}
