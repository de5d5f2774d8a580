//! An overloaded server: every permit is held by a message that cannot be stored yet.

use std::{fmt::Display, time::Duration};

use conversation_service::proto::{GetUnreadCountRequest, Message, SendMessageRequest};
use tokio::{task::JoinSet, time::timeout};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{
    client::Client,
    databases::TestDatabase,
    errors::refused,
    ids::{c2c, text},
    rows::{Rows, is_sqlite},
    stage::PATIENCE,
};

/// Whether a call was refused for there being too many, with everything that its caller needs.
pub(crate) fn is_overloaded<T: std::fmt::Debug>(answer: Result<T, Status>) -> bool {
    let Err(status) = answer else {
        return false;
    };
    let status = refused::<T>(Err(status), Code::ResourceExhausted, "OVERLOADED");
    let delay = status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay);
    assert!(
        delay.is_some_and(|delay| delay > Duration::ZERO),
        "{status:?}"
    );
    true
}

/// Keeps messages from being stored until it says `COMMIT`.
pub(crate) async fn block(database: &TestDatabase) -> Rows {
    let rows = Rows::of(database).await;
    let lock = if is_sqlite(database) {
        "BEGIN IMMEDIATE"
    } else {
        "BEGIN; LOCK TABLE messages IN EXCLUSIVE MODE"
    };
    rows.run(lock).await;
    rows
}

/// The number of messages that Alice has not read.
pub(crate) async fn unread_count(client: &Client) -> Result<u64, Status> {
    let request = GetUnreadCountRequest {
        user_id: "alice".to_owned(),
        filter: None,
    };
    let answer = client.conversations.clone().get_unread_count(request).await;
    answer.map(|answer| answer.into_inner().unread_count)
}

/// A message from Bob to Alice, with a number of its own.
pub(crate) fn message(number: impl Display) -> SendMessageRequest {
    SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(c2c("alice")),
        body: Some(text(format!("message {number}"))),
        client_message_id: format!("m{number}"),
    }
}

/// Sends a message, again if there is no place for it.
async fn send(client: Client, number: u32) -> Message {
    loop {
        match client.messages.clone().send_message(message(number)).await {
            Ok(sent) => return sent.into_inner().message.expect("it is returned"),
            refused => assert!(is_overloaded(refused)),
        }
    }
}

/// Sends to Alice as many messages as there are `places`, of which none can be stored now, and waits
/// until all places are taken.
pub(crate) async fn fill(client: &Client, places: u32) -> JoinSet<Message> {
    let mut sending = JoinSet::new();
    for number in 0..places {
        sending.spawn(send(client.clone(), number));
    }
    until_full(client).await;
    sending
}

async fn until_full(client: &Client) {
    let full = timeout(PATIENCE, async {
        // This one takes a place, too, so it may be in the way of a message. When it is refused for want of
        // one, all places are those of others. It is invalid, so that it never waits for the database.
        loop {
            let mut conversations = client.conversations.clone();
            let answer = conversations.get_unread_count(GetUnreadCountRequest::default());
            match answer.await {
                Err(status) if status.code() == Code::InvalidArgument => {}
                answer => break assert!(is_overloaded(answer)),
            }
        }
    });
    full.await.expect("all places are taken in time");
}
