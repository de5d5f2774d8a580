//! The history of a conversation, newest first.

use conversation_service::proto::ListMessagesRequest;

use crate::support::{
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    ids::c2c,
    stage::Stage,
};

on_every_database!(a_history_is_read_in_pages_of_any_size,);

async fn a_history_is_read_in_pages_of_any_size(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let sends = (0..60).map(|n| {
        let client = client.clone();
        async move { client.send("bob", c2c("alice"), &n.to_string()).await }
    });
    concurrently(sends).await;
    let whole = client.history("alice", c2c("bob")).await;
    let seqs: Vec<_> = whole.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=60).rev().collect::<Vec<_>>());
    for size in [1, 7, 20, 59, 60, 61, 500] {
        let pages = client.history_in_pages("alice", c2c("bob"), size).await;
        assert_eq!(pages.expect("readable"), whole, "{size} at a time");
    }
    let request = ListMessagesRequest {
        user_id: "alice".to_owned(),
        conversation_id: Some(c2c("bob")),
        ..ListMessagesRequest::default()
    };
    let page = client
        .messages
        .clone()
        .list_messages(request)
        .await
        .expect("readable");
    assert_eq!(page.into_inner().messages.len(), 50, "0 means 50");
}
