//! Looking up some of a user's conversations.

use std::collections::HashMap;

use super::{
    App, AppError,
    entries::{Conversation, conversations},
};
use crate::domain::{Batch, ConversationId, ConversationKey, UserId};

/// The result of looking conversations up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The conversations that are in the user's list, in the order of the request.
    pub conversations: Vec<Conversation>,
    /// The conversations that are not, in the order of the request.
    pub missing: Vec<ConversationId>,
}

/// Looks up conversations of `user`. A deleted conversation is missing.
///
/// # Errors
///
/// That the database failed.
pub async fn get_conversations(
    app: &App,
    user: &UserId,
    ids: Batch<ConversationId>,
) -> Result<Found, AppError> {
    let keys: Vec<_> = ids.iter().map(|id| ConversationKey::of(id, user)).collect();
    let entries = app.store.lists().listed(user, keys.clone()).await?;
    let mut by_key: HashMap<_, _> = entries
        .into_iter()
        .map(|entry| (entry.member.key, entry))
        .collect();
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for (id, key) in ids.into_iter().zip(keys) {
        match by_key.remove(&key) {
            Some(entry) => found.push(entry),
            None => missing.push(id),
        }
    }
    Ok(Found {
        conversations: conversations(&app.store, user, found).await?,
        missing,
    })
}
