//! A message is stored once, at the next position, and reaches both sides.

use conversation_service::proto::{
    Message, MessageBody, Payload, SendMessageRequest, message_body::Content,
};
use tonic::{Code, Status};

use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group, text},
    server::TestServer,
    stage::Stage,
};

on_every_database!(
    both_sides_see_a_message_each_from_their_own_side,
    a_retry_stores_nothing_and_returns_the_stored_message,
    racing_retries_on_two_replicas_store_one_message,
    a_client_message_id_of_another_body_is_refused,
    a_client_message_id_is_the_senders_own_in_each_conversation,
    a_chat_with_oneself_works_like_any_other,
    any_body_comes_back_as_it_was,
    ids_are_compared_byte_for_byte,
    only_members_may_send,
);

async fn try_send(client: &Client, sender: &str, id: &str, words: &str) -> Result<Message, Status> {
    let request = SendMessageRequest {
        sender_user_id: sender.to_owned(),
        conversation_id: Some(c2c(if sender == "bob" { "alice" } else { "bob" })),
        body: Some(text(words)),
        client_message_id: id.to_owned(),
    };
    let response = client.messages.clone().send_message(request).await?;
    Ok(response
        .into_inner()
        .message
        .expect("the stored message is returned"))
}

async fn both_sides_see_a_message_each_from_their_own_side(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let sent = client.send("alice", c2c("bob"), "hi").await;
    let own = client.history("alice", c2c("bob")).await;
    assert_eq!(own, std::slice::from_ref(&sent));
    let received = Message {
        conversation_id: Some(c2c("alice")),
        ..sent
    };
    assert_eq!(client.history("bob", c2c("alice")).await, [received]);
    assert_eq!(client.list_all("alice").await[0].unread_count, 0);
    assert_eq!(client.list_all("bob").await[0].unread_count, 1);
}

async fn a_retry_stores_nothing_and_returns_the_stored_message(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let first = try_send(&client, "bob", "m1", "hi")
        .await
        .expect("accepted");
    client.send("bob", c2c("alice"), "in between").await;
    client.delete("alice", [c2c("bob")]).await;
    let again = try_send(&client, "bob", "m1", "hi")
        .await
        .expect("accepted");
    assert_eq!(again, first);
    assert_eq!(
        client.listed("alice").await,
        [],
        "a retry brings nothing back"
    );
    assert_eq!(client.history("bob", c2c("alice")).await.len(), 2);
}

async fn racing_retries_on_two_replicas_store_one_message(database: TestDatabase) {
    const ROUNDS: u64 = 60;
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let other = TestServer::start(&database, &clock).await;
    let replica = other.client().await;
    for round in 1..=ROUNDS {
        let id = format!("m{round}");
        let (one, two, three) = tokio::join!(
            try_send(&client, "bob", &id, "hi"),
            try_send(&replica, "bob", &id, "hi"),
            try_send(&client, "bob", &id, "hi"),
        );
        let one = one.expect("accepted");
        assert_eq!(one.seq, round);
        assert_eq!(two.expect("accepted"), one);
        assert_eq!(three.expect("accepted"), one);
    }
}

async fn a_client_message_id_of_another_body_is_refused(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    try_send(&client, "bob", "m1", "hi")
        .await
        .expect("accepted");
    let result = try_send(&client, "bob", "m1", "other words").await;
    let status = refused(result, Code::InvalidArgument, "CLIENT_MESSAGE_ID_REUSED");
    assert_eq!(violated(&status), ["client_message_id"]);
    assert_eq!(client.history("bob", c2c("alice")).await.len(), 1);
}

async fn a_client_message_id_is_the_senders_own_in_each_conversation(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let of_bob = try_send(&client, "bob", "m1", "from bob")
        .await
        .expect("accepted");
    let of_alice = try_send(&client, "alice", "m1", "from alice")
        .await
        .expect("accepted");
    assert_eq!((of_bob.seq, of_alice.seq), (1, 2));
    client.join("crew", &["bob"]).await;
    let request = SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(group("crew")),
        body: Some(text("to the crew")),
        client_message_id: "m1".to_owned(),
    };
    let sent = client
        .messages
        .clone()
        .send_message(request)
        .await
        .expect("accepted");
    assert_eq!(
        sent.into_inner().message.map(|message| message.seq),
        Some(1)
    );
}

async fn a_chat_with_oneself_works_like_any_other(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("alice", c2c("alice"), "one").await;
    let two = client.send("alice", c2c("alice"), "two").await;
    let entry = &client.list_all("alice").await[0];
    assert_eq!(entry.conversation_id, Some(c2c("alice")));
    assert_eq!(
        (entry.unread_count, entry.last_message.clone()),
        (0, Some(two))
    );
    let deletion = client.delete("alice", [c2c("alice")]).await;
    assert_eq!(deletion.results[0].hidden_through, 2);
    assert_eq!(client.listed("alice").await, []);
    let three = client.send("alice", c2c("alice"), "three").await;
    assert_eq!(client.history("alice", c2c("alice")).await, [three]);
}

async fn any_body_comes_back_as_it_was(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let payload = |kind: &str, data: &[u8]| {
        Content::Payload(Payload {
            r#type: kind.to_owned(),
            data: data.to_vec(),
        })
    };
    let bodies = [
        Content::Text(String::new()),
        Content::Text("a\0b\u{1}\u{fffe} \u{1f980} '; DROP TABLE messages; -- $1 ? %".to_owned()),
        Content::Text("x".repeat(12_288)),
        payload("image/png", &[0, 255, 128, 7]),
        payload("empty", &[]),
        payload("x", &[7; 12_287]),
    ];
    for content in bodies {
        let body = MessageBody {
            content: Some(content),
        };
        let request = SendMessageRequest {
            sender_user_id: "bob".to_owned(),
            conversation_id: Some(c2c("alice")),
            body: Some(body.clone()),
            client_message_id: String::new(),
        };
        let sent = client
            .messages
            .clone()
            .send_message(request)
            .await
            .expect("accepted");
        assert_eq!(
            sent.into_inner().message.and_then(|m| m.body),
            Some(body.clone())
        );
        let read = client.list_all("alice").await[0].last_message.clone();
        assert_eq!(read.and_then(|message| message.body), Some(body));
    }
}

async fn ids_are_compared_byte_for_byte(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let alike = [
        "bob",
        "Bob",
        "b\u{f6}b",
        "bo\u{308}b",
        "C2Cbob",
        "GROUPbob",
        "@TIM#SYSTEM",
        "b|o[b]#:\"\\",
        "%",
        "_",
        "\u{1f980}",
        "日本",
        "'",
        "007",
        "7",
        "null",
    ];
    for user in alike {
        client.send(user, c2c("alice"), user).await;
        client.join(user, &["alice", user]).await;
        client.send(user, group(user), user).await;
    }
    assert_eq!(client.listed("alice").await.len(), 2 * alike.len());
    for user in alike {
        for id in [c2c(user), group(user)] {
            let history = client.history("alice", id).await;
            assert_eq!(history.len(), 1, "{user:?}");
            assert_eq!(history[0].body, Some(text(user)));
            assert_eq!(history[0].sender_user_id, user);
        }
        client.delete("alice", [c2c(user), group(user)]).await;
    }
    assert_eq!(client.listed("alice").await, []);
}

async fn only_members_may_send(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("alice", group("crew"), "one").await;
    client.leave("crew", &["bob"]).await;
    for (sender, name) in [
        ("bob", "crew"),
        ("carol", "crew"),
        ("alice", "no such group"),
    ] {
        let request = SendMessageRequest {
            sender_user_id: sender.to_owned(),
            conversation_id: Some(group(name)),
            body: Some(text("hi")),
            client_message_id: String::new(),
        };
        let result = client.messages.clone().send_message(request).await;
        refused(result, Code::FailedPrecondition, "NOT_A_GROUP_MEMBER");
    }
    let next = client.send("alice", group("crew"), "two").await;
    assert_eq!(next.seq, 2, "a refused message takes no position");
}
