//! The four samples of Tencent Cloud Chat's page "Delete Conversations", with the effect that the
//! page documents on the list and on the history.
//!
//! `clearHistoryMessage` is `true` unless it is given.

use conversation_service::{domain, proto::ConversationId};

use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    ids::{by_text, c2c, group, system},
    stage::Stage,
};

on_every_database!(
    delete_one_conversation,
    delete_one_conversation_and_keep_its_history,
    delete_several_conversations,
    delete_several_conversations_and_keep_their_history,
);

/// An ID in a request as the samples write it.
fn said(text: &str) -> ConversationId {
    by_text(&id(text))
}

/// The typed ID of the same conversation.
fn id(text: &str) -> ConversationId {
    match text.parse().expect("the text form of an ID") {
        domain::ConversationId::C2c(user) => c2c(user.as_str()),
        domain::ConversationId::Group(name) => group(name.as_str()),
        domain::ConversationId::System => system(),
    }
}

/// Alice with three conversations of two messages each. The samples leave the third alone.
async fn alice(database: &TestDatabase) -> Stage {
    let stage = Stage::open(database).await;
    let client = &stage.client;
    client.join("Example", &["alice", "Example"]).await;
    for words in ["one", "two"] {
        client.send("Example", c2c("alice"), words).await;
        client.send("Example", group("Example"), words).await;
        client.send("bystander", c2c("alice"), words).await;
    }
    assert_eq!(client.listed("alice").await.len(), 3);
    stage
}

/// Which positions Alice can read.
async fn readable(client: &Client, conversation: &str) -> Vec<u64> {
    let history = client.history("alice", id(conversation)).await;
    history.iter().map(|message| message.seq).collect()
}

/// A new message brings the conversation back, with this much to read and one message unread.
async fn reappears(client: &Client, conversation: &str, expected: &[u64]) {
    let to = match conversation {
        "C2CExample" => c2c("alice"),
        _ => id(conversation),
    };
    client.send("Example", to, "three").await;
    let found = client.get("alice", [id(conversation)]).await;
    assert_eq!(
        found.conversations.first().map(|entry| entry.unread_count),
        Some(1)
    );
    assert_eq!(
        readable(client, conversation).await,
        expected,
        "{conversation}"
    );
}

/// `deleteConversation('C2CExample')`
async fn delete_one_conversation(database: TestDatabase) {
    let Stage { client, .. } = alice(&database).await;
    client.delete("alice", [said("C2CExample")]).await;
    assert_eq!(
        client.listed("alice").await,
        [c2c("bystander"), id("GROUPExample")]
    );
    assert_eq!(readable(&client, "C2CExample").await, Vec::<u64>::new());
    assert_eq!(readable(&client, "GROUPExample").await, [2, 1]);
    reappears(&client, "C2CExample", &[3]).await;
}

/// `deleteConversation({ conversationIDList: ['C2CExample'], clearHistoryMessage: false })`
async fn delete_one_conversation_and_keep_its_history(database: TestDatabase) {
    let Stage { client, .. } = alice(&database).await;
    client
        .delete("alice", [said("C2CExample")])
        .clear(false)
        .await;
    assert_eq!(
        client.listed("alice").await,
        [c2c("bystander"), id("GROUPExample")]
    );
    assert_eq!(readable(&client, "C2CExample").await, [2, 1]);
    reappears(&client, "C2CExample", &[3, 2, 1]).await;
}

/// `deleteConversation({ conversationIDList: ['C2CExample', 'GROUPExample'] })`
async fn delete_several_conversations(database: TestDatabase) {
    let Stage { client, .. } = alice(&database).await;
    client
        .delete("alice", ["C2CExample", "GROUPExample"].map(said))
        .await;
    assert_eq!(client.listed("alice").await, [c2c("bystander")]);
    for conversation in ["C2CExample", "GROUPExample"] {
        assert_eq!(readable(&client, conversation).await, Vec::<u64>::new());
        reappears(&client, conversation, &[3]).await;
    }
}

/// `deleteConversation({ conversationIDList: ['C2CExample', 'GROUPExample'],
/// clearHistoryMessage: false })`
async fn delete_several_conversations_and_keep_their_history(database: TestDatabase) {
    let Stage { client, .. } = alice(&database).await;
    client
        .delete("alice", ["C2CExample", "GROUPExample"].map(said))
        .clear(false)
        .await;
    assert_eq!(client.listed("alice").await, [c2c("bystander")]);
    for conversation in ["C2CExample", "GROUPExample"] {
        assert_eq!(readable(&client, conversation).await, [2, 1]);
        reappears(&client, conversation, &[3, 2, 1]).await;
    }
}
