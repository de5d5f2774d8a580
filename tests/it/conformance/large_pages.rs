//! Pages of large messages are shorter, so that they fit a client's default limit of 4 MiB.

use conversation_service::proto::{
    Conversation, ListConversationsRequest, ListMessagesRequest, Message,
};

use crate::support::{
    client::{Client, LARGEST_PAGE},
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    ids::c2c,
    stage::Stage,
};

on_every_database!(
    a_page_of_large_messages_is_shorter_and_goes_on_in_the_next,
    a_page_of_conversations_with_large_messages_is_shorter_and_goes_on_in_the_next,
);

/// The largest message that there is.
const LARGEST: usize = 12 * 1024;
/// Together more than an answer may have.
const MANY: usize = 400;
/// How many of them have 3 MiB.
const FITTING: usize = 256;

/// Sends as many large messages, each by the friend and in the order that the numbers say.
async fn send(client: &Client, friend: impl Fn(usize) -> String) {
    let words = "x".repeat(LARGEST);
    let sending: Vec<_> = (0..MANY)
        .map(|number| {
            let (client, words, friend) = (client.clone(), words.clone(), friend(number));
            async move { client.send(&friend, c2c("alice"), &words).await }
        })
        .collect();
    concurrently(sending).await;
}

async fn messages(client: &Client, token: String) -> (Vec<Message>, String) {
    let request = ListMessagesRequest {
        user_id: "alice".to_owned(),
        conversation_id: Some(c2c("bob")),
        page_size: LARGEST_PAGE,
        page_token: token,
    };
    let page = client.messages.clone().list_messages(request).await;
    let page = page.expect("the client takes the answer").into_inner();
    (page.messages, page.next_page_token)
}

async fn a_page_of_large_messages_is_shorter_and_goes_on_in_the_next(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    send(&client, |_| "bob".to_owned()).await;
    let (mut all, token) = messages(&client, String::new()).await;
    assert_eq!(all.len(), FITTING);
    let (rest, token) = messages(&client, token).await;
    assert_eq!(token, "");
    all.extend(rest);
    let seqs: Vec<_> = all.iter().map(|message| message.seq).collect();
    assert_eq!(seqs, (1..=MANY as u64).rev().collect::<Vec<_>>());
}

async fn conversations(client: &Client, token: String) -> (Vec<Conversation>, String) {
    let request = ListConversationsRequest {
        user_id: "alice".to_owned(),
        page_size: LARGEST_PAGE,
        page_token: token,
        filter: None,
    };
    let page = client
        .conversations
        .clone()
        .list_conversations(request)
        .await;
    let page = page.expect("the client takes the answer").into_inner();
    (page.conversations, page.next_page_token)
}

async fn a_page_of_conversations_with_large_messages_is_shorter_and_goes_on_in_the_next(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    send(&client, |number| format!("friend {number}")).await;
    let (mut all, token) = conversations(&client, String::new()).await;
    assert_eq!(all.len(), FITTING);
    let (rest, token) = conversations(&client, token).await;
    assert_eq!(token, "");
    all.extend(rest);
    let mut listed: Vec<_> = all
        .into_iter()
        .filter_map(|conversation| conversation.conversation_id)
        .collect();
    let mut expected: Vec<_> = (0..MANY)
        .map(|number| c2c(format!("friend {number}")))
        .collect();
    let key = |id: &conversation_service::proto::ConversationId| format!("{id:?}");
    listed.sort_by_key(key);
    expected.sort_by_key(key);
    assert_eq!(listed, expected);
}
