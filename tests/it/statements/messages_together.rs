//! Messages that wait at the same time: stored together, and answered as if each had been alone.

use std::collections::BTreeMap;

use conversation_service::proto::{
    ConversationId, Message, SendMessageRequest, SendSystemMessageRequest,
};
use tonic::{Code, Status};

use super::{
    Observed,
    together::{Call, made_at_once},
};
use crate::support::{
    client::Client,
    databases::{TestDatabase, on_one_server},
    errors::reason,
    ids::{c2c, group, text},
    rows::{Rows, is_sqlite},
};

on_one_server!(
    waiting_messages_are_stored_together_and_answered_as_if_alone,
    a_message_that_may_not_be_stored_fails_alone,
    a_message_that_the_database_refuses_fails_alone,
    a_message_that_the_database_refuses_takes_back_none_of_those_stored_before_it,
);

const SENDERS: usize = 40;
const SMALL: &str = "small";
const LARGE: &str = "large";

fn user(number: usize) -> String {
    format!("user {number}")
}

/// The first five users are in one group, and all are in another.
async fn furnish(client: &Client) {
    let users: Vec<_> = (0..SENDERS).map(user).collect();
    let users: Vec<_> = users.iter().map(String::as_str).collect();
    client.join(SMALL, &users[..5]).await;
    client.join(LARGE, &users).await;
}

/// The request of this number, to a friend, a small or a large group, by somebody who may send there.
fn message(number: usize) -> SendMessageRequest {
    let to = match number % 3 {
        0 => c2c(user(number + 1)),
        1 => group(SMALL),
        _ => group(LARGE),
    };
    let sender = if number % 3 == 1 { number % 5 } else { number };
    SendMessageRequest {
        sender_user_id: user(sender),
        conversation_id: Some(to),
        body: Some(text(format!("message {number}"))),
        client_message_id: format!("name {number}"),
    }
}

fn send(client: &Client, request: SendMessageRequest) -> Call<Result<Message, Status>> {
    let mut messages = client.messages.clone();
    Box::pin(async move {
        let response = messages.send_message(request).await?.into_inner();
        Ok(response.message.expect("it is returned"))
    })
}

async fn waiting_messages_are_stored_together_and_answered_as_if_alone(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    furnish(client).await;
    // Some were stored before.
    let mut expected = BTreeMap::new();
    for number in (0..SENDERS).step_by(7) {
        let stored = send(client, message(number)).await;
        expected.insert(number, stored.expect("it is stored"));
    }
    observed.recorder.take();
    let calls = (0..SENDERS).map(|number| send(client, message(number)));
    let answers = made_at_once(&observed, &database, calls.collect()).await;
    let statements = observed.recorder.take().len();
    assert!(statements < SENDERS, "{statements} for {SENDERS} messages");

    let mut positions: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (number, answer) in answers.into_iter().enumerate() {
        let answer = answer.expect("it is stored");
        if let Some(before) = expected.get(&number) {
            assert_eq!(
                answer, *before,
                "a retry among them is answered as at first"
            );
        }
        let retry = send(client, message(number)).await;
        assert_eq!(retry.expect("it is stored"), answer, "{number}");
        let request = message(number);
        if number % 3 != 0 {
            let id: Option<ConversationId> = request.conversation_id;
            positions
                .entry(format!("{id:?}"))
                .or_default()
                .push(answer.seq);
        }
    }
    // Each group has its messages, in consecutive positions.
    for positions in positions.values_mut() {
        positions.sort_unstable();
        let all = 1..=positions.len() as u64;
        assert_eq!(*positions, all.collect::<Vec<_>>());
    }
    // A sender has read the group up to what they sent last; the others have all of it unread.
    let of_small = (1..SENDERS).step_by(3).count() as u64;
    for number in 0..5 {
        let entry = client.entry(&user(number), group(SMALL)).await;
        assert_eq!(entry.last_seq, of_small);
        assert!(entry.unread_count < of_small);
    }
    Rows::of(&database).await.assert_whole().await;
}

async fn a_message_that_may_not_be_stored_fails_alone(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    furnish(client).await;
    send(client, message(9)).await.expect("it is stored");
    let request = |number| {
        let mut request = message(number);
        match number {
            4 => "an outsider".clone_into(&mut request.sender_user_id),
            5 => "another outsider".clone_into(&mut request.sender_user_id),
            9 => request.body = Some(text("something else")),
            _ => {}
        }
        request
    };
    let calls = (0..SENDERS).map(|number| send(client, request(number)));
    let answers = made_at_once(&observed, &database, calls.collect()).await;
    for (number, answer) in answers.into_iter().enumerate() {
        let refused = match number {
            4 | 5 => Some((Code::FailedPrecondition, "NOT_A_GROUP_MEMBER")),
            9 => Some((Code::InvalidArgument, "CLIENT_MESSAGE_ID_REUSED")),
            _ => None,
        };
        match (answer, refused) {
            (Ok(_), None) => {}
            (Err(status), Some((code, of_error))) => {
                assert_eq!((status.code(), reason(&status).as_str()), (code, of_error));
            }
            (answer, _) => panic!("{number}: {answer:?}"),
        }
    }
    let rows = Rows::of(&database).await;
    let stored = rows.number("SELECT count(*) FROM messages").await;
    assert_eq!(usize::try_from(stored), Ok(SENDERS - 2));
    rows.assert_whole().await;
}

async fn a_message_that_the_database_refuses_fails_alone(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    furnish(client).await;
    let rows = Rows::of(&database).await;
    refuse_message_20(&database, &rows).await;
    let calls = (0..SENDERS).map(|number| send(client, message(number)));
    let answers = made_at_once(&observed, &database, calls.collect()).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.is_ok(), number != 20, "{number}");
    }
    rows.assert_whole().await;
}

/// Has the database refuse the message of this number.
async fn refuse_message_20(database: &TestDatabase, rows: &Rows) {
    rows.run(if is_sqlite(database) {
        "CREATE TRIGGER bad BEFORE INSERT ON messages WHEN NEW.client_message_id = 'name 20' \
         BEGIN SELECT RAISE(ABORT, 'refused'); END"
    } else {
        "CREATE FUNCTION bad() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'refused'; END $$; \
         CREATE TRIGGER bad BEFORE INSERT ON messages FOR EACH ROW \
         WHEN (NEW.client_message_id = 'name 20') EXECUTE FUNCTION bad()"
    })
    .await;
}

/// Messages to several users are stored after those to one, in a transaction.
async fn a_message_that_the_database_refuses_takes_back_none_of_those_stored_before_it(
    database: TestDatabase,
) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    let rows = Rows::of(&database).await;
    refuse_message_20(&database, &rows).await;
    let calls = (0..SENDERS).map(|number| -> Call<Result<(), Status>> {
        let request = SendMessageRequest {
            sender_user_id: user(number),
            conversation_id: Some(c2c(format!("friend of {number}"))),
            client_message_id: String::new(),
            ..message(number)
        };
        let to_several = SendSystemMessageRequest {
            user_ids: vec![user(number), format!("friend of {number}")],
            body: Some(text("hi")),
            client_message_id: format!("name {number}"),
        };
        let mut messages = client.messages.clone();
        Box::pin(async move {
            if number % 5 == 0 && number > 0 {
                messages.send_system_message(to_several).await.map(|_| ())
            } else {
                messages.send_message(request).await.map(|_| ())
            }
        })
    });
    let answers = made_at_once(&observed, &database, calls.collect()).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.is_ok(), number != 20, "{number}");
    }
    // Seven were to be stored for two users, and one of them was refused.
    let stored = rows.number("SELECT count(*) FROM messages").await;
    assert_eq!(usize::try_from(stored), Ok(SENDERS + 7 - 2));
    rows.assert_whole().await;
}
