//! Looking up some of a user's conversations.

use std::collections::HashMap;

use super::{
    App, AppError,
    entries::{Conversation, listed, with_last_messages},
};
use crate::{
    domain::{Batch, ConversationId, UserId},
    store::ConversationKey,
};

/// What was looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What is in the user's list, in the order of the request.
    pub conversations: Vec<Conversation>,
    /// What is not, in the order of the request.
    pub missing: Vec<ConversationId>,
}

/// Looks up conversations of `user`. What is deleted at present is missing.
///
/// # Errors
///
/// That the database failed.
pub async fn get_conversations(
    app: &App,
    user: &UserId,
    ids: Batch<ConversationId>,
) -> Result<Found, AppError> {
    let keys: Vec<_> = ids
        .iter()
        .map(|id| ConversationKey::from(&id.canonical(user)))
        .collect();
    let members = app.store.members(user, keys).await?;
    let heads = app
        .store
        .heads(members.iter().map(|member| member.key).collect())
        .await?;

    let mut by_id = HashMap::new();
    for member in members {
        if let Some(listed) = listed(user, member, &heads)? {
            by_id.insert(listed.entry.conversation_id.clone(), listed);
        }
    }
    let (mut entries, mut missing) = (Vec::new(), Vec::new());
    for id in ids {
        match by_id.remove(&id) {
            Some(entry) => entries.push(entry),
            None => missing.push(id),
        }
    }
    Ok(Found {
        conversations: with_last_messages(&app.store, entries).await?,
        missing,
    })
}
