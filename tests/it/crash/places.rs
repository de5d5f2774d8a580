//! The service is killed at each place where it waits for the database, one after the other: within
//! sending, deleting, and a whole round of the background jobs, up to the answer.
//!
//! `TEST_KILLS` says how often at each place, once if it says nothing.
//!
//! Each place is the end of a statement, `BEGIN` and `COMMIT` included. The service makes a span of each for
//! traces, so a subscriber finds them all, and nothing of this is compiled into the service. A first run, which
//! is not killed, lists the places. Operations run beside each other, so a place is known by its name and by how
//! often the run has come to that name, and not by its number among all. The process that dies is this test
//! program, started once more for one ignored test.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fmt,
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    os::unix::process::ExitStatusExt as _,
    process::{self, Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use conversation_service::{
    config::Config,
    domain::{ManualClock, Timestamp},
    jobs::{self, Schedule},
    lifecycle::Shutdown,
    proto::{Message, SendMessageRequest},
    server::Server,
    store::{self, Vacuum},
};
use tokio::task::{JoinSet, spawn_blocking};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
    registry::LookupSpan,
};

use crate::support::{
    client::Client,
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    dice::{number, words},
    ids::{c2c, text},
    rounds::Rounds,
    rows::Rows,
    server::config,
    stage::Stage,
    traffic::{Asked, GROUP, Kind, MEMBERS, Repeated, ask, repeat},
};

on_every_database!(a_kill_at_any_place_loses_nothing_and_leaves_nothing_behind);

const DATABASE: &str = "KILLED_DATABASE";
const NOW: &str = "KILLED_NOW";
const PLACE: &str = "KILLED_PLACE";
const LISTENING: &str = "listening on ";
const PASSED: &str = "passed ";

const WINDOW: Duration = Duration::from_hours(1);
/// Longer than a restore window and than the claim of a job that has died.
const LATER: Duration = Duration::from_hours(2);
/// Longer than the whole test, by its clock.
const RETENTION: Duration = Duration::from_hours(100_000);
/// The operations that the service is killed within, at least: each has several places.
const OPERATIONS: [&str; 13] = [
    "append",
    "claim_changes",
    "claim_conversations",
    "delete",
    "end_undo",
    "erase",
    "finish_changes",
    "finish_conversation",
    "heads",
    "pass_on",
    "to_remember",
    "unlist",
    "unseen",
];
/// The requests before the round: two messages and two deletions, one of which clears.
const ASKED: [(Kind, u64); 4] = [
    (Kind::Message, 0),
    (Kind::Message, 2),
    (Kind::Deletion, 0),
    (Kind::Deletion, 3),
];

async fn a_kill_at_any_place_loses_nothing_and_leaves_nothing_behind(database: TestDatabase) {
    let mut config = config(&database);
    config.deletion.restore_window = WINDOW;
    config.jobs.change_retention = RETENTION;
    let stage = Stage::open_with(config).await;
    stage.client.join(GROUP, &MEMBERS).await;
    let rounds = Rounds::on(&database, &stage.clock, RETENTION).await;
    let rows = Rows::of(&database).await;
    let (mut acknowledged, mut killed) = (Vec::new(), BTreeSet::new());
    let (mut kills, mut runs) = (0, 0);
    let mut run = async |place: Option<&Place>| {
        runs += 1;
        let note = prepare(&stage, runs).await;
        stage.clock.advance(LATER);
        let numbers = runs * 100;
        let (asked, end) = run_until(place, numbers, &database, &stage.clock).await;
        // Or the round would pass over what the killed one has locked.
        rows.until_idle().await;

        let again = repeat(&stage.client, &asked).await;
        assert_eq!(again, Repeated::default(), "{end}");
        acknowledged.extend(asked);
        stage.clock.advance(LATER);
        rounds.run().await;
        nothing_is_left_behind(&rows, &acknowledged, &end).await;
        assert_eq!(send(&stage.client, &note).await.seq, 1, "{end}");
        end
    };
    let End::Survived(places) = run(None).await else {
        panic!("nobody was to kill it");
    };
    for place in &places {
        for _ in 0..number("TEST_KILLS", 1) {
            // It survives where it does not come to the place so often: requests shared a transaction this time.
            if let End::Killed(place) = run(Some(place)).await {
                killed.insert(place.name);
                kills += 1;
            }
        }
    }
    say(&format!("{kills} kills at {} places", places.len()));
    for operation in OPERATIONS {
        let within = killed.iter().filter(|name| name.ends_with(operation));
        assert!(within.count() > 0, "never within {operation}: {killed:#?}");
    }
    // Retries of all are answered as they were at first.
    let again = repeat(&stage.client, &acknowledged).await;
    assert_eq!(again, Repeated::default());
}

/// A place within a run: the end of a statement.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// The statement and the operation.
    name: String,
    /// How often the run has come there, from 1 on.
    time: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {}", self.time, self.name)
    }
}

impl Place {
    fn parse(text: &str) -> Self {
        let (time, name) = text.split_once(", ").expect("two parts");
        Self {
            name: name.to_owned(),
            time: time.parse().expect("a number"),
        }
    }
}

/// The end of a run of the service.
enum End {
    Killed(Place),
    /// Nobody killed it. It came to these places, in this order.
    Survived(Vec<Place>),
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed(place) => write!(formatter, "killed after {place}"),
            Self::Survived(_) => write!(formatter, "not killed"),
        }
    }
}

/// Stores and deletes something that the next round has to erase.
async fn prepare(stage: &Stage, run: u64) -> SendMessageRequest {
    let user = format!("dave{run}");
    let note = SendMessageRequest {
        sender_user_id: user.clone(),
        conversation_id: Some(c2c(&user)),
        body: Some(text("note")),
        client_message_id: "note".to_owned(),
    };
    send(&stage.client, &note).await;
    stage.client.send(&user, c2c(&user), "another note").await;
    stage.client.delete(&user, [c2c(&user)]).await;
    note
}

async fn send(client: &Client, note: &SendMessageRequest) -> Message {
    let answer = client.messages.clone().send_message(note.clone()).await;
    let answer = answer.expect("it is answered").into_inner();
    answer.message.expect("it is returned")
}

/// Everything that was asked is there once, and nothing else is.
async fn nothing_is_left_behind(rows: &Rows, acknowledged: &[Asked], end: &End) {
    let mut broken = rows.broken().await;
    // Messages that were erased are missing, and what can be undone no more has no deletion on its stack.
    broken.retain(|what| {
        !what.starts_with("conversations whose messages are not")
            && !what.starts_with("watermarks that were moved without")
    });
    assert_eq!(broken, [""; 0], "{end}");
    let asked = acknowledged.iter();
    let messages = asked.filter(|asked| asked.kind == Kind::Message).count();
    let stored = rows.number("SELECT count(*) FROM messages").await;
    assert_eq!(usize::try_from(stored), Ok(messages), "{end}");
    let changes = "SELECT count(*) FROM changes WHERE kind <= 3 AND user_id NOT LIKE 'dave%'";
    let changes = rows.number(changes).await;
    let deletions = acknowledged.len() - messages;
    assert_eq!(usize::try_from(changes), Ok(deletions), "{end}");
    for table in ["changes", "conversations"] {
        let due = format!("SELECT count(*) FROM {table} WHERE erasable_from IS NOT NULL");
        assert_eq!(rows.number(&due).await, 0, "{table}, {end}");
    }
}

/// Runs the service until it has come to this place, and returns what it was asked. Requests have numbers from
/// `numbers` on, which no other run uses.
async fn run_until(
    place: Option<&Place>,
    numbers: u64,
    database: &TestDatabase,
    clock: &TestClock,
) -> (Vec<Asked>, End) {
    let mut service = Doomed::start(place, database.url(), clock.now()).await;
    let client = Client::connect(service.address).await;
    let mut asked = Vec::new();
    for (kind, number) in ASKED {
        let number = numbers + number;
        // The last request is in doubt.
        let answer = ask(&client, kind, number).await.ok();
        let done = answer.is_some();
        asked.push(Asked {
            kind,
            number,
            answer,
        });
        if !done {
            break;
        }
    }
    // A round begins.
    drop(service.child.stdin.take());
    let (said, status) = service.end().await;
    let passed = said.lines().filter_map(|line| line.strip_prefix(PASSED));
    let passed = passed.map(Place::parse).collect::<Vec<_>>();
    let end = match place {
        Some(place) if passed.contains(place) => {
            assert_eq!(status.signal(), Some(6), "{said}");
            End::Killed(place.clone())
        }
        _ => {
            assert!(status.success(), "{said}");
            End::Survived(passed)
        }
    };
    (asked, end)
}

/// A service that kills itself.
struct Doomed {
    child: Child,
    said: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Doomed {
    async fn start(place: Option<&Place>, url: &str, now: Timestamp) -> Self {
        let program = env::current_exe().expect("this program has a file");
        let test = "crash::places::serves_until_it_kills_itself";
        let mut child = Command::new(program)
            .args(["--exact", test, "--ignored", "--nocapture"])
            .env(DATABASE, url)
            .env(NOW, now.as_micros().to_string())
            .env(PLACE, place.map(Place::to_string).unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let said = child.stdout.take().expect("standard output is a pipe");
        let reading = spawn_blocking(move || {
            let mut said = BufReader::new(said);
            let mut line = String::new();
            while said.read_line(&mut line).expect("it says something") > 0 {
                if let Some(address) = line.trim_end().strip_prefix(LISTENING) {
                    return (said, address.parse().expect("an address"));
                }
                line.clear();
            }
            panic!("the service ended before it accepted calls");
        });
        let (said, address) = reading.await.expect("the service is there");
        Self {
            child,
            said,
            address,
        }
    }

    /// Waits until it has ended, and returns what else it has said.
    async fn end(mut self) -> (String, ExitStatus) {
        let ending = spawn_blocking(move || {
            let mut said = String::new();
            self.said.read_to_string(&mut said).expect("it is text");
            (said, self.child.wait().expect("it is ours to wait for"))
        });
        ending.await.expect("the service ends")
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test, in a process of its own: it kills that"]
async fn serves_until_it_kills_itself() {
    let now = words(NOW).parse().expect("a number");
    let now = ManualClock::new(Timestamp::from_micros(now));
    let mut config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..Config::default()
    };
    config.database.url = words(DATABASE).parse().expect("a URL");
    config.deletion.restore_window = WINDOW;
    config.jobs.change_retention = RETENTION;
    config.jobs.purge_interval = Duration::from_hours(24);
    let store = store::connect(&config.database).await;
    let store = store.expect("the database accepts connections");
    let server = Server::bind_to(&config, now.clock(), store.clone()).await;
    let server = server.expect("the server starts");
    say(&format!("\n{LISTENING}{}", server.local_addr()));
    // The schema is there. From here on places count.
    let place = Some(words(PLACE)).filter(|place| !place.is_empty());
    let passed = Arc::default();
    let places = Places {
        last: place.as_deref().map(Place::parse),
        passed: Arc::clone(&passed),
    };
    let subscriber = Registry::default().with(places);
    tracing::subscriber::set_global_default(subscriber).expect("there is no other test");
    let mut serving = JoinSet::new();
    serving.spawn(server.serve(Shutdown::new()));

    let round = spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    round.await.expect("it waits").expect("it ends");
    let schedule = Schedule {
        interval: Duration::ZERO,
        vacuum: Vacuum::InItsTime,
    };
    let store = store.keeping(RETENTION);
    let erased = jobs::run_once(&store, now.clock().now(), schedule).await;
    erased.expect("the database does not fail");
    // Statements end on threads of their own: one that is about to kill the process does so before it ends.
    drop(passed.lock().expect("nobody panics with the lock"));
}

#[expect(
    clippy::print_stdout,
    reason = "to the test that has started this, or to who wants to see the figures"
)]
fn say(line: &str) {
    println!("{line}");
}

/// The places that the service comes to.
struct Places {
    /// The one where it dies.
    last: Option<Place>,
    /// How often it has come to the places of each name.
    passed: Arc<Mutex<BTreeMap<String, u64>>>,
}

/// The name of a span.
struct Name(String);

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "otel.name" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Places {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut name = Name(String::new());
        attributes.record(&mut name);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(name);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        if span.name() != "statement" {
            return;
        }
        let names = span.scope().filter_map(|span| {
            let extensions = span.extensions();
            extensions.get::<Name>().map(|name| name.0.clone())
        });
        let name = names.take(2).collect::<Vec<_>>().join(" of ");
        let mut passed = self.passed.lock().expect("nobody panics with the lock");
        let time = passed.entry(name.clone()).or_default();
        *time += 1;
        let place = Place { name, time: *time };
        say(&format!("{PASSED}{place}"));
        if self.last.as_ref() == Some(&place) {
            process::abort();
        }
    }
}
