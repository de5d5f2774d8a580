//! Messages that one statement stores on PostgreSQL, and those that it leaves to the transaction.

use conversation_service::proto::{Message, SendMessageRequest};
use sea_orm::{Statement, Value};
use tokio::task::JoinSet;
use tonic::Status;

use super::{Observed, written};
use crate::support::{
    client::Client,
    databases::{Backend, TestDatabase},
    errors::reason,
    ids::{c2c, text},
    rows::Rows,
};

const AT_ONCE: &str = "messages.append.at_once";
const PLACE: &str = "messages.append.placing.place";
const ARRIVE: &str = "messages.append.arrive";

/// A conversation's rows, of whichever table, by one of its members, who is in no other.
const OF_ALICE: &str =
    "conversation_key = (SELECT conversation_key FROM members WHERE user_id = 'alice')";

/// One PostgreSQL, with a conversation of alice and bob.
async fn furnished() -> Option<(TestDatabase, Observed)> {
    let database = TestDatabase::migrated_on_one_server(Backend::Postgres).await?;
    let observed = Observed::open(&database).await;
    observed.client.send("alice", c2c("bob"), "hi").await;
    observed.recorder.take();
    Some((database, observed))
}

/// The names of the statements that were run.
fn run(observed: &Observed, database: &TestDatabase) -> Vec<String> {
    let names = written::names(database);
    let statements = observed.recorder.take().into_iter();
    let name = |statement: Statement| names[&written::without_space(&statement.sql)].clone();
    statements.map(name).collect()
}

async fn send(
    client: Client,
    sender: &str,
    recipient: &str,
    name: &str,
) -> Result<Message, Status> {
    let request = SendMessageRequest {
        sender_user_id: sender.to_owned(),
        conversation_id: Some(c2c(recipient)),
        body: Some(text("hi")),
        client_message_id: name.to_owned(),
    };
    let response = client.messages.clone().send_message(request).await?;
    Ok(response.into_inner().message.expect("it is returned"))
}

/// Holds the heads of conversations, as whoever changes them.
async fn holding(database: &TestDatabase, which: &str) -> Rows {
    let holder = Rows::of(database).await;
    let lock = format!("BEGIN; SELECT 1 FROM conversations WHERE {which} FOR UPDATE");
    holder.run(&lock).await;
    holder
}

/// Stores a message of bob's, as another replica does that holds the head.
fn overtake() -> String {
    format!(
        "UPDATE conversations SET last_seq = last_seq + 1 WHERE {OF_ALICE}; \
         INSERT INTO messages (conversation_key, seq, sender_user_id, send_time, content) \
             SELECT conversation_key, last_seq, 'bob', last_time, '' FROM conversations WHERE {OF_ALICE}; \
         UPDATE members SET last_seq = last_seq + 1 WHERE {OF_ALICE}"
    )
}

/// Sends to bob while another holds the head and does this to it.
async fn sent_while(
    database: &TestDatabase,
    observed: &Observed,
    meanwhile: &str,
) -> Result<Message, Status> {
    let (holder, onlooker) = (holding(database, OF_ALICE).await, Rows::of(database).await);
    let client = observed.client.clone();
    let mut sending = JoinSet::new();
    sending.spawn(async move { send(client, "alice", "bob", "m1").await });
    onlooker.until_waiting(|waiting| waiting == 1).await;
    holder.run(meanwhile).await;
    holder.run("COMMIT").await;
    let sent = sending.join_next().await.expect("it is sending");
    sent.expect("it comes to its end")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_overtaken_on_postgres_takes_the_next_position() {
    let Some((database, observed)) = furnished().await else {
        return;
    };
    let sent = sent_while(&database, &observed, &overtake()).await;
    assert_eq!(sent.expect("it is stored").seq, 3);
    assert_eq!(run(&observed, &database), [AT_ONCE, PLACE, ARRIVE]);
    for (user, other, unread) in [("alice", "bob", 0), ("bob", "alice", 3)] {
        let entry = observed.client.entry(user, c2c(other)).await;
        assert_eq!((entry.last_seq, entry.unread_count), (3, unread), "{user}");
    }
    Rows::of(&database).await.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_has_only_waited_on_postgres_is_stored_at_once() {
    let Some((database, observed)) = furnished().await else {
        return;
    };
    let sent = sent_while(&database, &observed, "SELECT 1").await;
    assert_eq!(sent.expect("it is stored").seq, 2);
    assert_eq!(run(&observed, &database), [AT_ONCE]);
    Rows::of(&database).await.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_message_of_a_conversation_that_is_overtaken_on_postgres_is_the_second() {
    let Some((database, observed)) = furnished().await else {
        return;
    };
    let rows = Rows::of(&database).await;
    let conversation =
        "SELECT encode(conversation_key, 'hex') AS key, canonical_id FROM conversations";
    let conversation = rows.query(conversation).await;
    let value = |column| {
        conversation[0]
            .try_get::<String>("", column)
            .expect("a text")
    };
    let (key, id) = (value("key"), value("canonical_id"));
    for table in ["conversations", "messages", "members"] {
        rows.run(&format!("DELETE FROM {table}")).await;
    }
    let holder = Rows::of(&database).await;
    let first = format!(
        "BEGIN; INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time) \
             VALUES ('\\x{key}', '{id}', 1, 1); \
         INSERT INTO messages (conversation_key, seq, sender_user_id, send_time, content) \
             VALUES ('\\x{key}', 1, 'bob', 1, '')"
    );
    holder.run(&first).await;
    let client = observed.client.clone();
    let mut sending = JoinSet::new();
    sending.spawn(async move { send(client, "alice", "bob", "").await });
    rows.until_waiting(|waiting| waiting == 1).await;
    holder.run("COMMIT").await;
    let sent = sending.join_all().await.remove(0);
    assert_eq!(sent.expect("it is stored").seq, 2);
    assert_eq!(run(&observed, &database), [AT_ONCE, PLACE, ARRIVE]);
    rows.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_waits_for_its_first_try_on_postgres_is_answered_like_it() {
    let Some((database, observed)) = furnished().await else {
        return;
    };
    let (holder, onlooker) = (
        holding(&database, OF_ALICE).await,
        Rows::of(&database).await,
    );
    let mut sending = JoinSet::new();
    for _ in 0..2 {
        let client = observed.client.clone();
        sending.spawn(async move { send(client, "alice", "bob", "m1").await });
    }
    onlooker.until_waiting(|waiting| waiting == 2).await;
    holder.run("COMMIT").await;
    let answers: Vec<_> = sending
        .join_all()
        .await
        .into_iter()
        .map(|answer| answer.expect("it is stored"))
        .collect();
    assert_eq!(answers[0].seq, 2);
    assert_eq!(answers[0], answers[1]);
    assert_eq!(run(&observed, &database), [AT_ONCE, AT_ONCE, PLACE]);
    let rows = Rows::of(&database).await;
    assert_eq!(rows.number("SELECT count(*) FROM messages").await, 2);
    rows.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_name_is_erased_while_it_waits_on_postgres_is_not_stored_again() {
    let Some((database, observed)) = furnished().await else {
        return;
    };
    // No message has this fingerprint, so the retry is found to be another message.
    let erased = format!(
        "UPDATE conversations SET last_seq = last_seq + 1 WHERE {OF_ALICE}; \
         INSERT INTO erased_messages (conversation_key, sender_user_id, client_message_id, seq, send_time, \
                 fingerprint, recognised_until) \
             SELECT conversation_key, 'alice', 'm1', last_seq, last_time, -1, 8000000000000000000 \
             FROM conversations WHERE {OF_ALICE}; \
         UPDATE members SET last_seq = last_seq + 1 WHERE {OF_ALICE}"
    );
    let sent = sent_while(&database, &observed, &erased).await;
    let refused = sent.expect_err("the name was used");
    assert_eq!(reason(&refused), "CLIENT_MESSAGE_ID_REUSED");
    let rows = Rows::of(&database).await;
    assert_eq!(rows.number("SELECT count(*) FROM messages").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_overtaken_on_postgres_does_not_hold_up_those_beside_it() {
    let Some((database, observed)) = furnished().await else {
        return;
    };
    let client = &observed.client;
    // So many run at a time, and the others wait and run together.
    let early = ["one", "two", "three"];
    for user in early {
        client.send(user, c2c(user), "hi").await;
    }
    observed.recorder.take();
    let onlooker = Rows::of(&database).await;
    let of_alice = holding(&database, OF_ALICE).await;
    let of_early = holding(&database, &format!("NOT ({OF_ALICE})")).await;
    let start = |sending: &mut JoinSet<()>, sender: &'static str, recipient: &'static str, seq| {
        let client = client.clone();
        sending.spawn(async move {
            let sent = send(client, sender, recipient, "").await;
            assert_eq!(sent.expect("it is stored").seq, seq, "{sender}");
        });
    };
    let (mut first, mut then) = (JoinSet::new(), JoinSet::new());
    for user in early {
        start(&mut first, user, user, 2);
    }
    onlooker.until_waiting(|waiting| waiting == 3).await;
    start(&mut then, "alice", "bob", 3);
    start(&mut then, "carol", "dora", 1);
    start(&mut then, "erin", "frank", 1);
    // A later call on the same connection is answered after they have come to wait.
    for _ in 0..3 {
        client.unread("nobody").await;
    }
    of_early.run("COMMIT").await;
    first.join_all().await;
    observed.recorder.take();
    onlooker.until_waiting(|waiting| waiting == 1).await;
    of_alice.run(&overtake()).await;
    of_alice.run("COMMIT").await;
    then.join_all().await;
    assert_eq!(run(&observed, &database), [AT_ONCE, PLACE, ARRIVE]);
    let messages = onlooker.number("SELECT count(*) FROM messages").await;
    assert_eq!(messages, 3 + 3 + 2 + 3);
    onlooker.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_late_on_postgres_stores_nothing() {
    let Some((database, observed)) = furnished().await else {
        return;
    };
    let rows = Rows::of(&database).await;
    let sent = send(observed.client.clone(), "alice", "bob", "").await;
    assert_eq!(sent.expect("it is stored").seq, 2);
    let statement = observed.recorder.take().remove(0);
    let with_limit = |limit: i64| {
        let mut statement = statement.clone();
        let values = statement.values.as_mut().expect("it has parameters");
        let Value::BigInt(Some(time)) = values.0[0] else {
            panic!("the first one is the time");
        };
        assert_eq!(values.0[2], Value::from(time + 10_000_000));
        values.0[2] = Value::from(time + limit);
        statement
    };
    let late = rows.query_statement(with_limit(0)).await;
    assert_eq!(late.len(), 0);
    assert_eq!(rows.number("SELECT count(*) FROM messages").await, 2);
    let in_time = rows.query_statement(with_limit(60_000_000)).await;
    assert_eq!(in_time.len(), 1);
    assert_eq!(rows.number("SELECT count(*) FROM messages").await, 3);
    rows.assert_whole().await;
}
