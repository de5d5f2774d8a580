//! A message that was erased is not stored again when it is delivered again, for as long as a retry is
//! promised.

use std::time::Duration;

use conversation_service::proto::{
    ConversationId, Message, SendMessageRequest, SendSystemMessageRequest,
};
use tonic::{Code, Status};

use crate::support::{
    client::Client,
    clock::TestClock,
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::{c2c, group, system, text},
    rounds::Rounds,
    server::{TestServer, config},
    stored::{Stored, marked, markers},
};

const WINDOW: Duration = Duration::from_hours(1);
const RETENTION: Duration = Duration::from_hours(24);
const MOMENT: Duration = Duration::from_micros(1);
const REUSED: (Code, &str) = (Code::InvalidArgument, "CLIENT_MESSAGE_ID_REUSED");

async fn start(
    database: &TestDatabase,
    clock: &TestClock,
    window: Duration,
    retention: Duration,
) -> (TestServer, Client) {
    let mut config = config(database);
    config.deletion.restore_window = window;
    config.jobs.change_retention = retention;
    let server = TestServer::start_with(config, clock).await;
    let client = server.client().await;
    (server, client)
}

async fn deliver(
    client: &Client,
    sender: &str,
    conversation: ConversationId,
    id: &str,
    words: &str,
) -> Result<Message, Status> {
    let request = SendMessageRequest {
        sender_user_id: sender.to_owned(),
        conversation_id: Some(conversation),
        body: Some(text(words)),
        client_message_id: id.to_owned(),
    };
    let response = client.messages.clone().send_message(request).await?;
    let message = response.into_inner().message;
    Ok(message.expect("the stored message is returned"))
}

async fn announce(
    client: &Client,
    users: &[&str],
    id: &str,
    words: &str,
) -> Result<Vec<Message>, Status> {
    let request = SendSystemMessageRequest {
        user_ids: users.iter().map(ToString::to_string).collect(),
        body: Some(text(words)),
        client_message_id: id.to_owned(),
    };
    let response = client.messages.clone().send_system_message(request).await?;
    Ok(response.into_inner().messages)
}

/// Conversations of every kind that have one sender: alice. The users besides her who can read them,
/// as they call them.
fn chats() -> [(ConversationId, Vec<(&'static str, ConversationId)>); 3] {
    [
        (c2c("bob"), vec![("bob", c2c("alice"))]),
        (c2c("alice"), vec![]),
        (group("crew"), vec![("bob", group("crew"))]),
    ]
}

async fn a_retry_of_an_erased_message_gets_the_first_answer_and_stores_nothing(
    database: TestDatabase,
) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock, WINDOW, RETENTION).await;
    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    let stored = Stored::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    let words = marked(17, 40);
    let mut first = Vec::new();
    for (chat, _) in chats() {
        let message = deliver(&client, "alice", chat, "parcel-17", &words).await;
        first.push(message.expect("it is stored"));
    }
    for (chat, others) in chats() {
        client.delete("alice", [chat]).await;
        for (user, chat) in others {
            client.delete(user, [chat]).await;
        }
    }
    clock.advance(WINDOW);
    assert_eq!(rounds.run().await.messages, 3);

    // For as long as a retry is promised, to the microsecond.
    clock.advance(RETENTION);
    clock.advance(MOMENT);
    clock.set_back(WINDOW + MOMENT);
    for _ in 0..2 {
        rounds.run().await;
        for ((chat, others), first) in chats().into_iter().zip(&first) {
            let again = deliver(&client, "alice", chat.clone(), "parcel-17", &words).await;
            assert_eq!(&again.expect("it is answered"), first);
            let other = deliver(&client, "alice", chat, "parcel-17", "another").await;
            refused(other, REUSED.0, REUSED.1);
            for (user, chat) in others {
                assert_eq!(client.history(user, chat).await, []);
                assert_eq!(client.listed(user).await, []);
            }
        }
        assert_eq!(client.listed("alice").await, []);
        assert_eq!(stored.number("SELECT COUNT(*) FROM messages").await, 0);
        assert!(markers(&stored.everything().await).is_empty());
        clock.advance(WINDOW);
        clock.set_back(WINDOW);
    }

    // Then it is a message like any other, at the next position.
    clock.advance(MOMENT + WINDOW);
    rounds.run().await;
    for ((chat, _), first) in chats().into_iter().zip(&first) {
        let anew = deliver(&client, "alice", chat, "parcel-17", "another").await;
        assert_eq!(anew.expect("it is stored").seq, first.seq + 1);
    }
    let remembered = "SELECT COUNT(*) FROM erased_messages";
    assert_eq!(stored.number(remembered).await, 0, "nothing is kept longer");
}

async fn an_erased_announcement_comes_back_to_nobody_and_reaches_those_who_never_had_it(
    database: TestDatabase,
) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock, Duration::ZERO, RETENTION).await;
    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    let first = announce(&client, &["alice", "bob"], "parcel-17", "it is there").await;
    let first = first.expect("it is stored");
    client.delete("alice", [system()]).await;
    clock.advance(WINDOW);
    assert_eq!(rounds.run().await.messages, 1, "that of alice");

    let everybody = ["carol", "alice", "bob"];
    let other = announce(&client, &everybody, "parcel-17", "another").await;
    refused(other, REUSED.0, REUSED.1);
    assert_eq!(client.listed("carol").await, []);
    let again = announce(&client, &everybody, "parcel-17", "it is there").await;
    let again = again.expect("it is answered");
    assert_eq!(again[1..], first[..]);
    assert_eq!(again[0].seq, 1);
    assert_ne!(
        again[0].send_time, first[0].send_time,
        "it is new for carol"
    );
    assert_eq!(client.history("alice", system()).await, []);
    assert_eq!(client.listed("alice").await, []);
    assert_eq!(client.listed("carol").await, [system()]);
    // The position of what was erased is never given again.
    let next = announce(&client, &["alice"], "parcel-18", "another").await;
    assert_eq!(next.expect("it is stored")[0].seq, 2);
}

async fn what_was_promised_when_it_was_sent_holds_under_a_shorter_retention(
    database: TestDatabase,
) {
    let clock = TestClock::new();
    let (server, client) = start(&database, &clock, Duration::ZERO, RETENTION).await;
    let first = deliver(&client, "alice", c2c("alice"), "note", "to oneself").await;
    let first = first.expect("it is stored");
    client.delete("alice", [c2c("alice")]).await;
    server.stop().await;

    let second = Duration::from_secs(1);
    let (_, client) = start(&database, &clock, Duration::ZERO, second).await;
    clock.advance(RETENTION);
    let rounds = Rounds::on(&database, &clock, second).await;
    rounds.run().await;
    let again = deliver(&client, "alice", c2c("alice"), "note", "to oneself").await;
    assert_eq!(again.expect("it is answered"), first);
    assert_eq!(client.listed("alice").await, []);
}

/// Former versions recorded no promise with a message.
async fn a_message_without_a_promise_is_remembered_by_its_age(database: TestDatabase) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock, Duration::ZERO, RETENTION).await;
    let stored = Stored::open(&database).await;
    let old = deliver(&client, "alice", c2c("alice"), "old", "to oneself").await;
    let old = old.expect("it is stored");
    clock.advance(RETENTION);
    let young = deliver(&client, "alice", c2c("alice"), "young", "to oneself").await;
    let young = young.expect("it is stored");
    let forget = "UPDATE messages SET recognised_until = NULL";
    assert_eq!(stored.execute(forget).await, 2);
    client.delete("alice", [c2c("alice")]).await;
    clock.advance(MOMENT);
    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    assert_eq!(rounds.run().await.messages, 2);
    let again = deliver(&client, "alice", c2c("alice"), "young", "to oneself").await;
    assert_eq!(again.expect("it is answered"), young);
    assert_eq!(client.listed("alice").await, []);
    let anew = deliver(&client, "alice", c2c("alice"), "old", "to oneself").await;
    assert_eq!(anew.expect("it is stored").seq, old.seq + 2);
}

/// Deliveries, deletions and rounds at the same time: whatever comes first, one delivery has stored the
/// message and all others are answered as that one was.
async fn deliveries_amid_erasing_are_all_answered_alike(database: TestDatabase) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock, Duration::ZERO, RETENTION).await;
    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    let deliver_all = |number: u32| {
        let client = client.clone();
        async move {
            let words = format!("note {number}");
            let mut answers = Vec::new();
            for _ in 0..3 {
                let id = format!("m{number}");
                let message = deliver(&client, "alice", c2c("alice"), &id, &words).await;
                answers.push(message.expect("it is answered"));
                client.delete("alice", [c2c("alice")]).await;
            }
            answers
        }
    };
    let delivering =
        concurrently((0..30).flat_map(|number| [deliver_all(number), deliver_all(number)]));
    let purging = async {
        for _ in 0..20 {
            clock.advance(MOMENT);
            rounds.run().await;
        }
    };
    let (answers, ()) = tokio::join!(delivering, purging);
    for pair in answers.chunks(2) {
        let first = &pair[0][0];
        assert!(
            pair.iter().flatten().all(|answer| answer == first),
            "{pair:?}"
        );
    }
    let stored = Stored::open(&database).await;
    let head = stored.number("SELECT last_seq FROM conversations").await;
    assert_eq!(head, 30, "each message was stored once");
}

on_every_database!(
    a_retry_of_an_erased_message_gets_the_first_answer_and_stores_nothing,
    an_erased_announcement_comes_back_to_nobody_and_reaches_those_who_never_had_it,
    what_was_promised_when_it_was_sent_holds_under_a_shorter_retention,
    a_message_without_a_promise_is_remembered_by_its_age,
    deliveries_amid_erasing_are_all_answered_alike,
);
