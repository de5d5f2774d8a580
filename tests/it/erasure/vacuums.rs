//! No erased text stays in SQLite's files, even if a round is interrupted. The files are not rewritten more often
//! than necessary.

use std::{
    process::{Command, Output},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, task::AbortHandle};

use crate::support::{
    client::Client,
    clock::TestClock,
    concurrently::concurrently,
    databases::{Backend, TestDatabase},
    ids::c2c,
    process::program,
    rounds::Rounds,
    server::{TestServer, config},
    stored::{Stored, marked, markers},
};

const RETENTION: Duration = Duration::from_hours(24 * 365);
const DAY: Duration = Duration::from_hours(24);
/// So many that pages are split, and copies of some stay behind.
const MESSAGES: u32 = 900;

/// Without undo: what is cleared is due at once.
async fn start(database: &TestDatabase, clock: &TestClock) -> (TestServer, Client) {
    let mut config = config(database);
    config.deletion.restore_window = Duration::ZERO;
    let server = TestServer::start_with(config, clock).await;
    let client = server.client().await;
    (server, client)
}

async fn sqlite() -> TestDatabase {
    let database = TestDatabase::create(Backend::Sqlite).await;
    database.expect("SQLite is always there")
}

/// Notes of different lengths to oneself, in several chats at the same time.
async fn notes(client: &Client, numbers: std::ops::Range<u32>) {
    let sending = numbers.map(|number| {
        let client = client.clone();
        let user = format!("user {}", number % 5);
        let length = [20, 120, 300, 700][number as usize / 5 % 4];
        async move {
            let chat = c2c(user.clone());
            client.send(&user, chat, &marked(number, length)).await;
        }
    });
    concurrently(sending).await;
}

async fn clear_all(client: &Client) {
    for user in 0..5 {
        let user = format!("user {user}");
        client.clear_history(&user, [c2c(user.clone())]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_dies_before_the_vacuum_leaves_it_to_the_next_one() {
    let database = sqlite().await;
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock).await;
    notes(&client, 0..MESSAGES).await;
    clear_all(&client).await;
    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    let this_round = Arc::new(OnceLock::<AbortHandle>::new());
    let doomed = Rounds::on(&database, &clock, RETENTION).await.observed({
        let this_round = Arc::clone(&this_round);
        move |statement| {
            if statement.sql.starts_with("UPDATE vacuums SET tried_at") {
                this_round.get().expect("it was set before").abort();
            }
        }
    });
    let (start_it, started) = oneshot::channel();
    #[expect(clippy::disallowed_methods, reason = "the test waits for it")]
    let round = tokio::spawn(async move {
        started.await.expect("it is told to begin");
        doomed.run().await
    });
    this_round
        .set(round.abort_handle())
        .expect("it is set once");
    start_it.send(()).expect("the round waits");
    assert!(round.await.expect_err("it dies").is_cancelled());

    let stored = Stored::open(&database).await;
    assert_eq!(stored.number("SELECT COUNT(*) FROM messages").await, 0);
    assert!(!markers(&stored.everything().await).is_empty());
    assert_eq!(rounds.by_themselves().run().await.messages, 0);
    assert!(markers(&stored.everything().await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vacuum_that_finds_the_disk_full_is_made_up_for() {
    let database = sqlite().await;
    let (server, client) = start(&database, &TestClock::new()).await;
    notes(&client, 0..MESSAGES).await;
    clear_all(&client).await;
    // Much that stays, so that writing all of it takes more room than erasing the rest.
    let kept = (0..300).map(|_| {
        let client = client.clone();
        async move { client.send("alice", c2c("bob"), &"x".repeat(11_000)).await }
    });
    concurrently(kept).await;
    drop(client);
    server.stop().await;

    let purge = |limit: &str| -> Output {
        let program = program();
        let mut shell = Command::new("sh");
        shell
            .args([
                "-c",
                "trap '' XFSZ; ulimit -f \"$1\"; exec \"$0\" purge --database-url \"$2\"",
            ])
            .arg(program.get_program())
            .args([limit, database.url()]);
        for (name, _) in program.get_envs() {
            shell.env_remove(name);
        }
        shell.output().expect("the program can be started")
    };
    // In blocks of 512 bytes, some count 1,024.
    let full = purge("3000");
    assert!(!full.status.success(), "{full:?}");
    let stored = Stored::open(&database).await;
    assert_eq!(stored.number("SELECT COUNT(*) FROM messages").await, 300);
    let purged = purge("unlimited");
    assert!(purged.status.success(), "{purged:?}");
    assert!(markers(&stored.everything().await).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_written_anew_only_when_something_was_erased_and_not_too_often() {
    let database = sqlite().await;
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock).await;
    let vacuums = Arc::new(AtomicUsize::new(0));
    let rounds = Rounds::on(&database, &clock, RETENTION).await.observed({
        let vacuums = Arc::clone(&vacuums);
        move |statement| {
            if statement.sql == "VACUUM" {
                vacuums.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let rounds = rounds.by_themselves();
    let vacuums = move || vacuums.load(Ordering::SeqCst);
    // A former version may have left something behind.
    rounds.run().await;
    assert_eq!(vacuums(), 1);
    clock.advance(DAY);
    notes(&client, 0..20).await;
    rounds.run().await;
    assert_eq!(vacuums(), 1, "nothing was erased");
    clear_all(&client).await;
    assert_eq!(rounds.run().await.messages, 20);
    assert_eq!(vacuums(), 2);

    notes(&client, 20..MESSAGES).await;
    clear_all(&client).await;
    assert_eq!(rounds.run().await.messages, u64::from(MESSAGES) - 20);
    assert_eq!(vacuums(), 2, "it was just done");
    clock.advance(DAY);
    assert_eq!(rounds.run().await.messages, 0);
    assert_eq!(vacuums(), 3, "a day is the longest that a text may stay");
    let stored = Stored::open(&database).await;
    assert!(markers(&stored.everything().await).is_empty());
}
