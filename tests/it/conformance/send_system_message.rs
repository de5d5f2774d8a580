//! System messages: one conversation for each user, fed for many at once.

use conversation_service::proto::{DeletionOutcome, SendSystemMessageRequest};
use tonic::Code;

use crate::support::{
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{system, text},
    stage::Stage,
};

on_every_database!(
    each_user_gets_the_message_in_a_conversation_of_their_own,
    a_retry_stores_it_once_for_each_user,
    deleting_it_hides_it_until_the_next_one,
    concurrent_messages_to_the_same_users_have_no_gap,
    users_are_checked_before_anything_is_stored,
);

async fn each_user_gets_the_message_in_a_conversation_of_their_own(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send_system(&["bob"], "for bob alone").await;
    let sent = client
        .send_system(&["alice", "bob", "carol"], "for all")
        .await;
    let seqs: Vec<_> = sent.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, [1, 2, 1]);
    for (user, message) in ["alice", "bob", "carol"].into_iter().zip(sent) {
        assert_eq!(message.sender_user_id, "");
        assert_eq!(message.conversation_id, Some(system()));
        let entry = &client.list_all(user).await[0];
        assert_eq!(entry.unread_count, message.seq, "{user}");
        assert_eq!(entry.last_message, Some(message), "{user}");
    }
}

async fn a_retry_stores_it_once_for_each_user(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let request = |users: &[&str], words: &str| SendSystemMessageRequest {
        user_ids: users.iter().map(ToString::to_string).collect(),
        body: Some(text(words)),
        client_message_id: "notice 1".to_owned(),
    };
    let mut messages = client.messages.clone();
    let first = messages
        .send_system_message(request(
            &["alice", "bob", "erin", "frank", "grace"],
            "notice",
        ))
        .await;
    let first = first.expect("accepted").into_inner().messages;
    // The one that did not have it gets it, and the others keep theirs.
    let wider = messages
        .send_system_message(request(&["carol", "bob", "alice"], "notice"))
        .await;
    let wider = wider.expect("accepted").into_inner().messages;
    assert_eq!([&wider[2], &wider[1]], [&first[0], &first[1]]);
    for user in ["alice", "bob", "carol"] {
        assert_eq!(client.history(user, system()).await.len(), 1, "{user}");
    }
    let other = messages
        .send_system_message(request(&["dave", "bob"], "another"))
        .await;
    let status = refused(other, Code::InvalidArgument, "CLIENT_MESSAGE_ID_REUSED");
    assert_eq!(violated(&status), ["client_message_id"]);
    assert_eq!(client.history("dave", system()).await, [], "all or nothing");
}

async fn deleting_it_hides_it_until_the_next_one(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let outcomes = client.delete("alice", [system()]).outcomes().await;
    assert_eq!(outcomes, [DeletionOutcome::NotFound]);
    client.send_system(&["alice"], "one").await;
    let outcomes = client.delete("alice", [system()]).outcomes().await;
    assert_eq!(outcomes, [DeletionOutcome::Deleted]);
    assert_eq!(client.listed("alice").await, []);
    let sent = client.send_system(&["alice"], "two").await;
    assert_eq!(client.history("alice", system()).await, sent);
}

async fn concurrent_messages_to_the_same_users_have_no_gap(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let users: Vec<_> = (0..20).map(|n| format!("user {n}")).collect();
    let sends = (0..20).map(|n| {
        let (client, mut users) = (client.clone(), users.clone());
        // Everybody names them in another order.
        users.rotate_left(n);
        async move {
            let users: Vec<_> = users.iter().map(String::as_str).collect();
            client.send_system(&users, &format!("notice {n}")).await
        }
    });
    concurrently(sends).await;
    for user in &users {
        let history = client.history(user, system()).await;
        let seqs: Vec<_> = history.iter().map(|message| message.seq).collect();
        assert_eq!(seqs, (1..=20).rev().collect::<Vec<_>>());
    }
}

async fn users_are_checked_before_anything_is_stored(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let request = SendSystemMessageRequest {
        user_ids: ["alice", "", "bob", "alice"].map(ToOwned::to_owned).into(),
        body: Some(text("notice")),
        client_message_id: String::new(),
    };
    let result = client.messages.clone().send_system_message(request).await;
    let status = refused(result, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violated(&status), ["user_ids[1]", "user_ids[3]"]);
    assert_eq!(client.history("alice", system()).await, []);
}
