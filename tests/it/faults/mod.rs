//! The database is away, slow, full, restarted or failed over while callers are at work. Nothing that
//! was acknowledged is lost, nothing is half done, a refusal says to try again later, and everything
//! recovers by itself.
//!
//! Each test prints what it has measured; `--nocapture` shows it. Times are printed and not judged:
//! they are a matter of the machine.

#![expect(
    clippy::disallowed_methods,
    reason = "how long the service takes is what is measured here"
)]

mod failover;
mod full;
mod network;
mod restart;
mod slow;
mod starting;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use conversation_service::config::Config;

use crate::support::{
    client::Client,
    clock::TestClock,
    databases::TestDatabase,
    health::Health,
    proxy::Proxy,
    rows::{Rows, is_sqlite},
    server::{TestServer, config},
    traffic::{
        Answer, Asked, GROUP, Kind, MEMBERS, Traffic, Worked, ask, assert_unavailable, repeat,
    },
};

/// How many answers are waited for before and after a fault.
const SOME: u64 = 50;

/// A refusal that takes so long has waited for something. (A call would wait twice as long for a
/// connection.)
const NOT_AT_ONCE: Duration = Duration::from_millis(2500);

/// More changes than there is room for where room is short.
const MOST_CHANGES: u64 = 100_000;

/// How many connections a server may have beside its pool: one asks whether the database is there, and
/// one hears of other replicas' changes.
const BESIDE_THE_POOL: u32 = 2;

/// The effect that a fault must have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// The service says that it does not serve, until the fault is over.
    Away,
    /// Calls may fail, and the service goes on.
    Hiccup,
    /// Changes are refused sooner or later, readings are not.
    Full,
    /// Nothing fails.
    Nothing,
}

/// How often a fault is repeated. `TEST_FAULT_ROUNDS` asks for more.
fn rounds() -> u32 {
    let rounds = std::env::var("TEST_FAULT_ROUNDS").ok();
    rounds.map_or(1, |rounds| rounds.parse().expect("a number of rounds"))
}

/// The usual configuration, but for a proxy between the service and PostgreSQL.
async fn through_a_proxy(database: &TestDatabase) -> (Config, Proxy) {
    let (proxy, near) = TestDatabase::through_a_proxy(database).await;
    let config = config(&near);
    (config, proxy)
}

/// A server with callers, whose database is going to fail.
struct Scene {
    database: TestDatabase,
    client: Client,
    health: Health,
    pool_size: u32,
    /// Everything that was ever asked.
    asked: Vec<Asked>,
    next: u64,
    table: Vec<Measured>,
}

/// The measured effects of one fault.
struct Measured {
    fault: String,
    worked: Worked,
    lost: Vec<(Answer, Answer)>,
    half_done: Vec<&'static str>,
    /// How long it took until the service said that it does not serve.
    noticed: Option<Duration>,
    /// How long a call took to be refused then.
    refused_within: Option<Duration>,
    /// How long it took from the end of the fault to the next answer.
    recovered: Duration,
}

impl Scene {
    /// A server that reaches the database through a proxy.
    async fn open(database: TestDatabase) -> (Self, Proxy) {
        let (config, proxy) = through_a_proxy(&database).await;
        let server = TestServer::start_with(config, &TestClock::new()).await;
        let client = server.client().await;
        (Self::with(database, server.address(), client).await, proxy)
    }

    /// The server of this address and client.
    async fn with(database: TestDatabase, address: SocketAddr, client: Client) -> Self {
        client.join(GROUP, &MEMBERS).await;
        Self {
            client,
            health: Health::follow(address).await,
            pool_size: config(&database).database.pool_size,
            database,
            asked: Vec::new(),
            next: 0,
            table: Vec::new(),
        }
    }

    fn numbers(&mut self) -> u64 {
        self.next += 10_000_000;
        self.next
    }

    /// Lets callers work while the database breaks and is mended, and looks for what was lost.
    async fn fault(
        &mut self,
        fault: impl Into<String>,
        expected: Expected,
        breaks: impl AsyncFnOnce(&mut Self),
        mends: impl AsyncFnOnce(&mut Self),
    ) {
        let first = self.numbers();
        let mut traffic = Traffic::start(&self.client, &self.health, first);
        traffic.answers(SOME).await;

        let begun = Instant::now();
        breaks(self).await;
        let (mut noticed, mut refused_within) = (None, None);
        match expected {
            Expected::Away => {
                self.health.not_serving().await;
                noticed = Some(begun.elapsed());
                refused_within = Some(self.refused().await);
            }
            Expected::Full => refused_within = Some(self.only_changes_are_refused().await),
            Expected::Nothing => traffic.answers(SOME).await,
            Expected::Hiccup => {}
        }

        let over = Instant::now();
        mends(self).await;
        traffic.answers(1).await;
        let recovered = over.elapsed();
        self.health.serving().await;
        traffic.answers(SOME).await;
        let worked = traffic.stop().await;
        if expected == Expected::Nothing {
            assert_eq!(worked.refusals, [Duration::ZERO; 0]);
        }

        self.asked.extend_from_slice(&worked.asked);
        let repeated = repeat(&self.client, &self.asked).await;
        if expected != Expected::Hiccup {
            assert_eq!(repeated.refused, 0, "it is as good as before");
        }
        let rows = Rows::of(&self.database).await;
        let mut half_done = rows.broken().await;
        half_done.extend(self.miscounted(&rows).await);
        if !is_sqlite(&self.database) {
            self.no_connection_is_left_over(&rows).await;
        }
        rows.close().await;
        self.table.push(Measured {
            fault: fault.into(),
            worked,
            lost: repeated.lost,
            half_done,
            noticed,
            refused_within,
            recovered,
        });
    }

    /// A reading and a change are refused; returns how long the slower of them took.
    async fn refused(&mut self) -> Duration {
        let number = self.numbers();
        let begun = Instant::now();
        let change = ask(&self.client, Kind::Message, number);
        let (change, reading) = tokio::join!(
            change,
            self.client.list_page("alice", None, 10, String::new())
        );
        let taken = begun.elapsed();
        assert_unavailable(&change.expect_err("the database is away"));
        assert_unavailable(&reading.expect_err("the database is away"));
        assert!(taken < NOT_AT_ONCE, "refused after {taken:?}");
        taken
    }

    /// Changes go on until there is no room for one; returns how long that one took.
    async fn only_changes_are_refused(&mut self) -> Duration {
        let first = self.numbers();
        for number in first..first + MOST_CHANGES {
            let begun = Instant::now();
            let answer = ask(&self.client, Kind::Message, number).await;
            let taken = begun.elapsed();
            let refused = answer.as_ref().err().cloned();
            self.asked.push(Asked {
                kind: Kind::Message,
                number,
                answer: answer.ok(),
            });
            if let Some(status) = refused {
                assert_unavailable(&status);
                let page = self.client.list_page("alice", None, 10, String::new());
                page.await.expect("reading takes no room");
                assert!(self.health.is_serving(), "reading goes on");
                return taken;
            }
        }
        panic!("there was room for all");
    }

    /// By now each request was carried out, and once.
    async fn miscounted(&self, rows: &Rows) -> Vec<&'static str> {
        let messages = self
            .asked
            .iter()
            .filter(|asked| asked.kind == Kind::Message);
        let messages = i64::try_from(messages.count()).expect("a small number");
        let changes = i64::try_from(self.asked.len()).expect("a small number") - messages;
        let mut miscounted = Vec::new();
        if rows.number("SELECT count(*) FROM messages").await != messages {
            miscounted.push("messages that are not stored once");
        }
        // The kinds of deletions and clearings; joining the group is a change, too.
        let deletions = "SELECT count(*) FROM changes WHERE kind <= 3";
        if rows.number(deletions).await != changes {
            miscounted.push("deletions that are not recorded once");
        }
        miscounted
    }

    /// The pool has not leaked, on neither side.
    async fn no_connection_is_left_over(&self, rows: &Rows) {
        let ours = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name = 'conversation-service'";
        let most = i64::from(self.pool_size + BESIDE_THE_POOL);
        rows.until(ours, |count| count <= most).await;
        let open = format!("{ours} AND (state LIKE 'idle in transaction%' OR state = 'active')");
        rows.until(&open, |count| count == 0).await;
    }

    /// Prints what was measured. Nothing was lost, and nothing is half done.
    fn finish(self) {
        report(&self.table);
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the report is for whoever runs the test"
)]
fn report(table: &[Measured]) {
    let time = |time: Option<Duration>| {
        time.map_or_else(|| "-".to_owned(), |time| format!("{} ms", time.as_millis()))
    };
    let mut lines = vec![format!(
        "{:44} {:>9} {:>7} {:>4} {:>9} {:>10} {:>10} {:>10} {:>10}",
        "fault",
        "answered",
        "refused",
        "lost",
        "half done",
        "noticed",
        "refused in",
        "slowest",
        "recovered"
    )];
    for row in table {
        let answered = row.worked.asked.iter().filter(|it| it.answer.is_some());
        lines.push(format!(
            "{:44} {:>9} {:>7} {:>4} {:>9} {:>10} {:>10} {:>10} {:>10}",
            row.fault,
            answered.count(),
            row.worked.refusals.len(),
            row.lost.len(),
            row.half_done.len(),
            time(row.noticed),
            time(row.refused_within),
            time(row.worked.refusals.iter().max().copied()),
            time(Some(row.recovered)),
        ));
    }
    println!("{}", lines.join("\n"));
    for row in table {
        assert_eq!(row.lost, [], "{}: acknowledged and lost", row.fault);
        assert_eq!(row.half_done, [""; 0], "{}: half done", row.fault);
    }
}
