//! The program is killed in the midst of its work, again and again: what it has acknowledged is
//! there afterwards, and nothing is half done.

mod places;

use tokio::{sync::mpsc, task::JoinSet};

use crate::support::{
    client::Client,
    databases::{Backend, TestDatabase},
    dice::Dice,
    process::Process,
    rows::Rows,
    traffic::{Asked, GROUP, Kind, MEMBERS, Repeated, ask, repeat},
};

/// How often the program is killed.
const KILLS_ON_SQLITE: u64 = 100;
const KILLS_ON_POSTGRES: u64 = 40;

/// How many answers come at most before it is killed.
const MOST_ANSWERS: u64 = 60;

const SENDERS: u64 = 4;
const DELETERS: u64 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_changes_survive_every_kill_on_sqlite() {
    if let Some(database) = TestDatabase::create(Backend::Sqlite).await {
        kill_again_and_again(&database, KILLS_ON_SQLITE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_changes_survive_every_kill_on_postgres() {
    if let Some(database) = TestDatabase::create(Backend::Postgres).await {
        kill_again_and_again(&database, KILLS_ON_POSTGRES).await;
    }
}

/// Asks until an answer fails to come, which it does when the program is killed.
async fn work(client: Client, kind: Kind, numbers: u64, answered: mpsc::Sender<()>) -> Vec<Asked> {
    let mut asked = Vec::new();
    for number in numbers.. {
        // The last request is in doubt.
        let answer = ask(&client, kind, number).await.ok();
        let done = answer.is_some();
        asked.push(Asked {
            kind,
            number,
            answer,
        });
        if !done || answered.send(()).await.is_err() {
            break;
        }
    }
    asked
}

async fn kill_again_and_again(database: &TestDatabase, kills: u64) {
    let mut process = Process::start(database).await;
    process.client().await.join(GROUP, &MEMBERS).await;
    let mut dice = Dice::new(3);
    let rows = Rows::of(database).await;
    let mut acknowledged = Vec::new();
    for round in 1..=kills {
        let client = process.client().await;
        let (answered, mut answers) = mpsc::channel(1);
        let mut workers = JoinSet::new();
        for worker in 0..SENDERS + DELETERS {
            // Each has numbers of its own, never used before.
            let numbers = (round * 100 + worker) * 1_000;
            let kind = if worker < SENDERS {
                Kind::Message
            } else {
                Kind::Deletion
            };
            workers.spawn(work(client.clone(), kind, numbers, answered.clone()));
        }
        for _ in 0..=dice.below(MOST_ANSWERS) {
            answers.recv().await.expect("the program answers");
        }
        process.kill();
        drop(answers);
        let asked = workers.join_all().await.concat();
        process = Process::start(database).await;

        rows.assert_whole().await;
        let client = process.client().await;
        let again = repeat(&client, &asked).await;
        assert_eq!(again, Repeated::default(), "in round {round}");
        acknowledged.extend(asked);
    }
    // No later kill has taken anything away, and no retry was stored twice.
    rows.assert_whole().await;
    let client = process.client().await;
    let again = repeat(&client, &acknowledged).await;
    assert_eq!(again, Repeated::default());
    let messages = acknowledged
        .iter()
        .filter(|asked| asked.kind == Kind::Message)
        .count();
    let stored = rows.number("SELECT count(*) FROM messages").await;
    assert_eq!(usize::try_from(stored), Ok(messages));
    // The kinds of deletions and clearings; joining the group is a change, too.
    let changes = rows
        .number("SELECT count(*) FROM changes WHERE kind <= 3")
        .await;
    assert_eq!(usize::try_from(changes), Ok(acknowledged.len() - messages));
    assert!(process.terminate().success());
}
