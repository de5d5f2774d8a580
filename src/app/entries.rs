//! From stored rows to the entries of a user's list.

use std::collections::HashMap;

use super::AppError;
use crate::{
    domain::{ListEntry, Message, UserId},
    store::{ConversationKey, Head, Member, Store, StoreError},
};

/// An entry of a user's list with its newest visible message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Everything but the message.
    pub entry: ListEntry,
    /// The newest message that the user can see.
    pub last_message: Option<Message>,
}

/// The entry for a user's row, if the conversation is in the user's list.
pub(super) fn listed(
    user: &UserId,
    member: Member,
    heads: &HashMap<ConversationKey, Head>,
) -> Result<Option<ListEntry>, StoreError> {
    let Some(head) = heads.get(&member.key) else {
        return Err(StoreError::Inconsistent {
            table: "members",
            column: "conversation_key",
            key: member.key.to_string(),
        });
    };
    if !member.view.is_listed(head.last_seq) {
        return Ok(None);
    }
    let conversation_id =
        head.canonical_id
            .seen_by(user)
            .ok_or_else(|| StoreError::Inconsistent {
                table: "conversations",
                column: "canonical_id",
                key: member.key.to_string(),
            })?;
    Ok(Some(ListEntry {
        conversation_id,
        view: member.view,
        head: head.last_seq,
        activity: member.left_time.unwrap_or(head.last_time),
        pinned_at: member.pinned_at,
        muted: member.muted,
        marks: member.marks,
        custom_data: member.custom_data,
    }))
}

/// Adds to each entry its newest visible message.
pub(super) async fn with_last_messages(
    store: &Store,
    user: &UserId,
    entries: Vec<ListEntry>,
) -> Result<Vec<Conversation>, AppError> {
    let key = |entry: &ListEntry| ConversationKey::from(&entry.conversation_id.canonical(user));
    let positions = entries
        .iter()
        .filter_map(|entry| Some((key(entry), *entry.view.visible(entry.head)?.end())))
        .collect();
    let mut messages = store.messages_at(positions).await?;
    let conversations = entries
        .into_iter()
        .map(|entry| Conversation {
            last_message: messages
                .remove(&key(&entry))
                .map(|message| message.seen_as(entry.conversation_id.clone())),
            entry,
        })
        .collect();
    Ok(conversations)
}
