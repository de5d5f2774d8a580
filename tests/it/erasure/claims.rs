//! Rounds that share their work, die in the middle of it, and forget old changes.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use conversation_service::proto::RestorationOutcome;
use sea_orm::Value;
use tokio::{sync::oneshot, task::AbortHandle};

use crate::support::{
    client::Client,
    clock::TestClock,
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    process::program,
    rounds::Rounds,
    server::{TestServer, config},
    stored::Stored,
};

const WINDOW: Duration = Duration::from_hours(1);
const RETENTION: Duration = Duration::from_hours(2);
/// How long a round that has died keeps others from its work.
const LEASE: Duration = Duration::from_mins(10);
const MOMENT: Duration = Duration::from_micros(1);
/// More than are erased at a time.
const MANY: usize = 700;

async fn start(database: &TestDatabase, clock: &TestClock) -> (TestServer, Client) {
    let mut config = config(database);
    config.deletion.restore_window = WINDOW;
    let server = TestServer::start_with(config, clock).await;
    let client = server.client().await;
    (server, client)
}

/// Messages to oneself, which nobody else can see.
async fn notes(client: &Client, count: usize) {
    let sending = (0..count).map(|_| {
        let client = client.clone();
        async move { client.send("alice", c2c("alice"), "note").await }
    });
    concurrently(sending).await;
}

async fn claims_of_a_dead_round_are_taken_over_after_the_lease(database: TestDatabase) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock).await;
    notes(&client, MANY).await;
    client.delete("alice", [c2c("alice")]).await;
    client.send("alice", c2c("alice"), "kept").await;
    clock.advance(WINDOW);

    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    // It dies while it commits its first batch.
    let this_round = Arc::new(OnceLock::<AbortHandle>::new());
    let doomed = rounds.clone().observed({
        let this_round = Arc::clone(&this_round);
        move |statement| {
            if statement.sql.starts_with("DELETE FROM \"messages\"") {
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

    assert_eq!(rounds.run().await.messages, 0, "another may be at it");
    clock.advance(LEASE);
    clock.set_back(MOMENT);
    assert_eq!(rounds.run().await.messages, 0, "another may be at it");
    clock.advance(MOMENT);
    // How many are left for it is not known: the statement of the dead round may still be running.
    let erased = rounds.run().await.messages;
    assert!(erased > 0, "the dead round has not done everything");
    let stored = Stored::open(&database).await;
    assert_eq!(stored.number("SELECT COUNT(*) FROM messages").await, 1);
    let history = client.history("alice", c2c("alice")).await;
    assert_eq!(history.len(), 1);
}

async fn many_rounds_at_once_erase_everything_once(database: TestDatabase) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock).await;
    for friend in 0..40 {
        client
            .send("alice", c2c(format!("friend {friend}")), "hi")
            .await;
        client
            .delete("alice", [c2c(format!("friend {friend}"))])
            .await;
        client
            .delete(&format!("friend {friend}"), [c2c("alice")])
            .await;
    }
    clock.advance(WINDOW);
    clock.set_back(MOMENT);
    let mut replicas = Vec::new();
    for _ in 0..4 {
        replicas.push(Rounds::on(&database, &clock, RETENTION).await);
    }
    assert_eq!(replicas[0].run().await.messages, 0);
    clock.advance(MOMENT);
    let running = replicas
        .into_iter()
        .map(|rounds| async move { rounds.run().await });
    let erased = concurrently(running).await;
    let erased: u64 = erased.iter().map(|erased| erased.messages).sum();
    assert_eq!(erased, 40);
    let stored = Stored::open(&database).await;
    assert_eq!(stored.messages().await.len(), 0);
    let pending = "SELECT COUNT(*) FROM changes WHERE erasable_from IS NOT NULL";
    assert_eq!(stored.number(pending).await, 0);
}

async fn joining_again_gives_up_what_was_seen_before(database: TestDatabase) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock).await;
    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    client.join("g", &["alice", "bob"]).await;
    for _ in 0..3 {
        client.send("alice", group("g"), "hi").await;
    }
    client.leave("g", &["alice", "bob"]).await;
    assert_eq!(rounds.run().await.messages, 0);
    client.join("g", &["alice"]).await;
    assert_eq!(rounds.run().await.messages, 0, "bob keeps what he saw");
    client.send("alice", group("g"), "for alice alone").await;
    client.join("g", &["bob"]).await;
    assert_eq!(rounds.run().await.messages, 3);
    assert_eq!(client.history("alice", group("g")).await.len(), 1);
    assert_eq!(client.history("bob", group("g")).await, []);
}

/// How many statements of a round begin like this.
pub(super) fn counted(rounds: Rounds, beginning: &'static str) -> (Rounds, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let rounds = rounds.observed({
        let count = Arc::clone(&count);
        move |statement| {
            if statement.sql.starts_with(beginning) {
                count.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (rounds, count)
}

async fn however_many_clear_a_group_it_is_looked_at_once(database: TestDatabase) {
    const MEMBERS: usize = 30;
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock).await;
    let names: Vec<_> = (0..MEMBERS)
        .map(|number| format!("member {number}"))
        .collect();
    let members: Vec<_> = names.iter().map(String::as_str).collect();
    client.join("g", &members).await;
    for member in &members[..2] {
        client.send(member, group("g"), "hi").await;
    }
    for member in &members {
        clock.advance(MOMENT);
        client.clear_history(member, [group("g")]).await;
        client.send(member, group("g"), "seen by all").await;
    }
    clock.advance(WINDOW);
    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    let (rounds, looks) = counted(rounds, "WITH views");
    assert_eq!(rounds.run().await.messages, 2);
    assert_eq!(looks.load(Ordering::SeqCst), 1);

    // A deletion that clears nothing costs no look.
    for member in &members {
        client.delete(member, [group("g")]).clear(false).await;
        let hidden = client.delete(member, [group("stranger")]).await;
        assert!(hidden.restorable_until.is_some());
    }
    clock.advance(WINDOW);
    assert_eq!(rounds.run().await.messages, 0);
    assert_eq!(looks.load(Ordering::SeqCst), 1);
}

/// A deletion that was undone ends nothing when its time comes.
async fn what_a_later_deletion_may_bring_back_outlives_the_end_of_one_that_was_undone(
    database: TestDatabase,
) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock).await;
    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    let note = || client.send("alice", c2c("alice"), "note");
    note().await;
    let beneath = client.clear_history("alice", [c2c("alice")]).await;
    note().await;
    clock.advance(WINDOW / 4);
    let undone = client.clear_history("alice", [c2c("alice")]).await;
    client.restored("alice", &undone.deletion_id).await;
    note().await;
    clock.advance(WINDOW / 4);
    let above = client.clear_history("alice", [c2c("alice")]).await;

    // The first one's time is over: the first note goes, and nothing else.
    clock.advance(WINDOW / 2);
    assert_eq!(rounds.run().await.messages, 1);
    let late = client.restore("alice", &beneath.deletion_id, "").await;
    assert!(late.is_err());
    clock.advance(WINDOW / 4);
    assert_eq!(rounds.run().await.messages, 0);
    let outcomes = client.restored("alice", &above.deletion_id).await;
    assert_eq!(outcomes, [RestorationOutcome::Restored]);
    let history = client.history("alice", c2c("alice")).await;
    let seqs: Vec<_> = history.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, [3, 2]);
    clock.advance(WINDOW);
    assert_eq!(rounds.run().await.messages, 0, "they can be read");
}

async fn trimming_goes_on_from_where_it_is(database: TestDatabase) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock).await;
    client.delete("alice", [c2c("bob")]).await;
    let stored = Stored::open(&database).await;
    let numbers: Vec<_> = (1..=900).map(|number| format!("({number})")).collect();
    let numbers = format!("(VALUES {}) AS numbers", numbers.join(", "));
    // With a promise and without; many at one time.
    for (user, kept_until) in [("bob", "column1 / 300 + 1"), ("carol", "NULL")] {
        let more = format!(
            "INSERT INTO changes (user_id, revision, kind, changed_at, synced, conversations, results, kept_until) \
             SELECT '{user}', column1, kind, column1 / 300, synced, conversations, results, {kept_until} \
             FROM changes CROSS JOIN {numbers} WHERE user_id = 'alice'"
        );
        assert_eq!(stored.execute(&more).await, 900);
    }
    let places = Arc::new(Mutex::new(Vec::new()));
    let rounds = Rounds::on(&database, &clock, RETENTION).await.observed({
        let places = Arc::clone(&places);
        move |statement| {
            let looked_for = [
                "SELECT kept_until AS time, user",
                "SELECT changed_at AS time",
            ];
            if looked_for
                .iter()
                .any(|beginning| statement.sql.starts_with(beginning))
            {
                let values = statement.values.clone().expect("it has values").0;
                let place = values[1..4].iter().map(|value| match value {
                    Value::BigInt(Some(number)) => format!("{number:020}"),
                    Value::String(Some(text)) => text.clone(),
                    other => panic!("{other:?}"),
                });
                let place: Vec<_> = place.collect();
                places.lock().expect("nobody panics").push(place);
            }
        }
    });
    assert_eq!(rounds.run().await.changes, 1_800);
    let places = places.lock().expect("nobody panics");
    // Of each kind four full batches and a last one of a hundred.
    let [promised, without] = [&places[..5], &places[5..]];
    assert_eq!(without.len(), 5);
    for places in [promised, without] {
        for (earlier, later) in places.iter().zip(&places[1..]).skip(1) {
            assert!(earlier < later, "{places:?}");
        }
    }
}

async fn the_purge_command_says_what_it_has_erased(database: TestDatabase) {
    // The tests' time is years ago for the program, so that everything is due.
    let (server, client) = start(&database, &TestClock::new()).await;
    notes(&client, 3).await;
    client.clear_history("alice", [c2c("alice")]).await;
    client.send("alice", c2c("alice"), "kept").await;
    drop(client);
    server.stop().await;
    let mut said = Vec::new();
    for _ in 0..2 {
        let purge = program()
            .args(["purge", "--database-url", database.url()])
            .output();
        let purge = purge.expect("the program can be started");
        assert!(purge.status.success(), "{purge:?}");
        said.push(String::from_utf8(purge.stdout).expect("words"));
    }
    assert_eq!(
        said,
        [
            "erased 3 messages that nobody can see; removed 1 changes past their retention\n",
            "erased 0 messages that nobody can see; removed 0 changes past their retention\n",
        ]
    );
    let stored = Stored::open(&database).await;
    assert_eq!(stored.number("SELECT COUNT(*) FROM messages").await, 1);
}

on_every_database!(
    claims_of_a_dead_round_are_taken_over_after_the_lease,
    many_rounds_at_once_erase_everything_once,
    joining_again_gives_up_what_was_seen_before,
    however_many_clear_a_group_it_is_looked_at_once,
    what_a_later_deletion_may_bring_back_outlives_the_end_of_one_that_was_undone,
    trimming_goes_on_from_where_it_is,
    the_purge_command_says_what_it_has_erased,
);
