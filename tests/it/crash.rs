//! The program is killed in the midst of its work, again and again: what it has acknowledged is
//! there afterwards, and nothing is half done.

use conversation_service::proto::{
    ConversationId, DeleteConversationsResponse, Message, SendMessageRequest,
};
use tokio::{sync::mpsc, task::JoinSet};
use tonic::Status;
use uuid::Uuid;

use crate::support::{
    client::Client,
    concurrently::concurrently,
    databases::{Backend, TestDatabase},
    dice::Dice,
    ids::{c2c, group, text},
    process::Process,
    rows::Rows,
};

/// How often the program is killed.
const KILLS_ON_SQLITE: u64 = 100;
const KILLS_ON_POSTGRES: u64 = 40;

/// How many answers come at most before it is killed.
const MOST_ANSWERS: u64 = 60;

const SENDERS: u64 = 4;
const DELETERS: u64 = 2;

/// A request of this test, named so that it can be repeated, and its answer if one came.
#[derive(Clone, Debug)]
enum Asked {
    Message(u64, Option<Message>),
    Deletion(u64, Option<DeleteConversationsResponse>),
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_every_kill_on_sqlite() {
    if let Some(database) = TestDatabase::create(Backend::Sqlite).await {
        kill_again_and_again(&database, KILLS_ON_SQLITE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_every_kill_on_postgres() {
    if let Some(database) = TestDatabase::create(Backend::Postgres).await {
        kill_again_and_again(&database, KILLS_ON_POSTGRES).await;
    }
}

/// Who sends the message with this number, and where to.
fn route(number: u64) -> (&'static str, ConversationId) {
    match number % 4 {
        0 => ("bob", c2c("alice")),
        1 => ("alice", c2c("carol")),
        2 => ("bob", group("crew")),
        _ => ("carol", group("crew")),
    }
}

async fn send(client: &Client, number: u64) -> Result<Message, Status> {
    let (sender, to) = route(number);
    let request = SendMessageRequest {
        sender_user_id: sender.to_owned(),
        conversation_id: Some(to),
        body: Some(text(format!("message {number}"))),
        client_message_id: format!("m{number}"),
    };
    let answer = client.messages.clone().send_message(request).await?;
    Ok(answer
        .into_inner()
        .message
        .expect("the stored message is returned"))
}

async fn delete(client: &Client, number: u64) -> Result<DeleteConversationsResponse, Status> {
    let user = if number.is_multiple_of(2) {
        "alice"
    } else {
        "carol"
    };
    let other = if user == "alice" { "bob" } else { "alice" };
    let deletion = client.delete(user, [c2c(other), group("crew")]);
    let deletion = deletion
        .clear(number % 4 < 2)
        .request_id(Uuid::from_u128(number.into()).to_string());
    deletion.result().await
}

/// Asks until an answer fails to come, which it does when the program is killed.
async fn work(client: Client, kind: u64, numbers: u64, answered: mpsc::Sender<()>) -> Vec<Asked> {
    let mut asked = Vec::new();
    for number in numbers.. {
        // The last request is in doubt.
        let (entry, done) = if kind < SENDERS {
            let answer = send(&client, number).await.ok();
            let done = answer.is_some();
            (Asked::Message(number, answer), done)
        } else {
            let answer = delete(&client, number).await.ok();
            let done = answer.is_some();
            (Asked::Deletion(number, answer), done)
        };
        asked.push(entry);
        if !done || answered.send(()).await.is_err() {
            break;
        }
    }
    asked
}

/// Repeats a request: an answer that was given is given again, word for word.
async fn repeat(client: &Client, asked: Asked) {
    match asked {
        Asked::Message(number, first) => {
            let again = send(client, number).await.expect("a retry is accepted");
            assert!(
                first.is_none_or(|first| first == again),
                "message {number} is another one now"
            );
        }
        Asked::Deletion(number, first) => {
            let again = delete(client, number).await.expect("a retry is accepted");
            assert!(
                first.is_none_or(|first| first == again),
                "deletion {number} is another one now"
            );
        }
    }
}

async fn kill_again_and_again(database: &TestDatabase, kills: u64) {
    let mut process = Process::start(database).await;
    process
        .client()
        .await
        .join("crew", &["alice", "bob", "carol"])
        .await;
    let mut dice = Dice::new(3);
    let rows = Rows::of(database).await;
    let mut acknowledged = Vec::new();
    for round in 1..=kills {
        let client = process.client().await;
        let (answered, mut answers) = mpsc::channel(1);
        let mut workers = JoinSet::new();
        for kind in 0..SENDERS + DELETERS {
            // Each has numbers of its own, never used before.
            let numbers = (round * 100 + kind) * 1_000;
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
        let repeats = asked.iter().cloned().map(|asked| {
            let client = client.clone();
            async move { repeat(&client, asked).await }
        });
        concurrently(repeats).await;
        acknowledged.extend(asked);
    }
    // No later kill has taken anything away, and no retry was stored twice.
    rows.assert_whole().await;
    let client = process.client().await;
    let repeats = acknowledged.iter().cloned().map(|asked| {
        let client = client.clone();
        async move { repeat(&client, asked).await }
    });
    concurrently(repeats).await;
    let messages = acknowledged
        .iter()
        .filter(|asked| matches!(asked, Asked::Message(..)))
        .count();
    let stored = rows.number("SELECT count(*) FROM messages").await;
    assert_eq!(usize::try_from(stored), Ok(messages));
    let changes = rows.number("SELECT count(*) FROM changes").await;
    assert_eq!(usize::try_from(changes), Ok(acknowledged.len() - messages));
    assert!(process.terminate().success());
}
