//! Whether what was seeded is what the service would have written: it is read back through the API.

use conversation_service::proto::{
    GetUnreadCountRequest, ListConversationsRequest, ListMessagesRequest,
    conversation_service_client::ConversationServiceClient,
    message_service_client::MessageServiceClient,
};

use crate::{
    people::People,
    support::{Outcome, Service, c2c},
};

/// How many users are looked at.
const USERS: usize = 5;
/// The largest page of a list.
const PAGE: usize = 500;

/// Looks at some of these people; returns how many.
pub async fn people(service: &Service, people: &People) -> Outcome<usize> {
    let channel = service.connect().await?;
    let mut conversations = ConversationServiceClient::new(channel.clone());
    let mut messages = MessageServiceClient::new(channel);
    let users = USERS.min(people.users);
    for number in 0..users {
        let number = number * people.users / users;
        let user_id = people.user(number);
        let length = people.conversations_of(number);
        let expected = length.min(PAGE);
        let list = conversations
            .list_conversations(ListConversationsRequest {
                user_id: user_id.clone(),
                page_size: i32::try_from(PAGE)?,
                ..ListConversationsRequest::default()
            })
            .await?
            .into_inner();
        ensure(list.conversations.len() == expected, "the length of a list")?;
        let mut unread = 0;
        for entry in &list.conversations {
            let newest = entry.last_message.as_ref().ok_or("no last message")?;
            let own = newest.sender_user_id == user_id;
            ensure(newest.seq == people.messages as u64, "the last message")?;
            ensure(entry.last_seq == newest.seq, "the last position")?;
            // The sides take turns, so at most one message is unread.
            ensure(entry.unread_count == u64::from(!own), "an unread count")?;
            unread += entry.unread_count;
        }
        let total = conversations
            .get_unread_count(GetUnreadCountRequest {
                user_id: user_id.clone(),
                filter: None,
            })
            .await?
            .into_inner();
        if length <= PAGE {
            ensure(total.unread_count == unread, "the total of unread messages")?;
        }
        let history = messages
            .list_messages(ListMessagesRequest {
                conversation_id: Some(c2c(&people.friend(number, 0))),
                user_id,
                page_size: i32::try_from(PAGE)?,
                ..ListMessagesRequest::default()
            })
            .await?
            .into_inner();
        let expected = people.messages.min(PAGE);
        ensure(
            history.messages.len() == expected,
            "the length of a history",
        )?;
    }
    Ok(users)
}

fn ensure(holds: bool, what: &str) -> Outcome<()> {
    if holds {
        Ok(())
    } else {
        Err(format!("what was seeded reads back wrong: {what}").into())
    }
}
