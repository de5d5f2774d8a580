//! Memberships change while a message waits for the group's head.

use conversation_service::proto::{Message, SendMessageRequest};
use tokio::task::JoinSet;
use tonic::Status;

use crate::support::{
    client::Client,
    databases::{Backend, TestDatabase},
    errors::reason,
    ids::{group, text},
    rows::Rows,
    stage::Stage,
};

/// Sends to the group while its head is locked, as by a call that changes who is in it, and makes the change before
/// the lock is given back.
async fn sent_while(
    database: &TestDatabase,
    client: &Client,
    change: &str,
) -> Result<Message, Status> {
    let (holder, onlooker) = (Rows::of(database).await, Rows::of(database).await);
    let lock = "BEGIN; UPDATE conversations SET membership_changes = membership_changes + 1";
    holder.run(lock).await;
    let request = SendMessageRequest {
        sender_user_id: "alice".to_owned(),
        conversation_id: Some(group("crew")),
        body: Some(text("waits")),
        client_message_id: String::new(),
    };
    let mut messages = client.messages.clone();
    let mut sending = JoinSet::new();
    sending.spawn(async move { messages.send_message(request).await });
    onlooker.until_waiting(|waiting| waiting == 1).await;
    holder.run(change).await;
    holder.run("COMMIT").await;
    let sent = sending.join_next().await.expect("it is sending");
    let response = sent.expect("it comes to its end")?.into_inner();
    Ok(response.message.expect("it is returned"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waited_on_postgres_reaches_whoever_joined_meanwhile() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("alice", group("crew"), "hi").await;
    let join = "INSERT INTO group_members (conversation_key, user_id, is_member) \
                    SELECT conversation_key, 'carol', 1 FROM conversations; \
                INSERT INTO members (user_id, conversation_key, kind, joined_after, hidden_through, \
                        cleared_through, last_seq, last_time) \
                    SELECT 'carol', conversation_key, 2, last_seq, last_seq, last_seq, last_seq, last_time \
                    FROM conversations";
    let sent = sent_while(&database, &client, join).await;
    assert_eq!(sent.expect("alice is a member").seq, 2);
    for (user, unread) in [("bob", 2), ("carol", 1)] {
        let entry = client.entry(user, group("crew")).await;
        assert_eq!((entry.last_seq, entry.unread_count), (2, unread), "{user}");
    }
    Rows::of(&database).await.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waited_on_postgres_is_refused_if_its_sender_left_meanwhile() {
    let others: Vec<_> = (0..12).map(|number| format!("member {number}")).collect();
    let others: Vec<_> = others.iter().map(String::as_str).collect();
    for count in [1, 12] {
        let Some(database) = TestDatabase::create(Backend::Postgres).await else {
            return;
        };
        let Stage { client, .. } = Stage::open(&database).await;
        client.join("crew", &["alice"]).await;
        client.join("crew", &others[..count]).await;
        client.send("alice", group("crew"), "hi").await;
        let leave = "UPDATE group_members SET is_member = 0 WHERE user_id = 'alice'; \
                     UPDATE members SET left_at = 1, last_seq = 1, last_time = 1 WHERE user_id = 'alice'";
        let sent = sent_while(&database, &client, leave).await;
        let refused = sent.expect_err("alice is no member any more");
        assert_eq!(reason(&refused), "NOT_A_GROUP_MEMBER");
        let entry = client.entry(others[0], group("crew")).await;
        assert_eq!((entry.last_seq, entry.unread_count), (1, 1), "of {count}");
        Rows::of(&database).await.assert_whole().await;
    }
}
