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

/// An entry of a user's list under the key of its conversation, which takes a hash to compute.
pub(super) struct Listed {
    pub(super) key: ConversationKey,
    pub(super) entry: ListEntry,
}

/// The entry for a user's row, if the conversation is in the user's list.
pub(super) fn listed(
    user: &UserId,
    member: Member,
    heads: &HashMap<ConversationKey, Head>,
) -> Result<Option<Listed>, StoreError> {
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
    let entry = ListEntry {
        conversation_id,
        view: member.view,
        head: head.last_seq,
        activity: member.left_time.unwrap_or(head.last_time),
        pinned_at: member.pinned_at,
        muted: member.muted,
        marks: member.marks,
        custom_data: member.custom_data,
    };
    Ok(Some(Listed {
        key: member.key,
        entry,
    }))
}

/// Adds to each entry its newest visible message.
pub(super) async fn with_last_messages(
    store: &Store,
    entries: Vec<Listed>,
) -> Result<Vec<Conversation>, AppError> {
    let positions = entries
        .iter()
        .filter_map(|Listed { key, entry }| Some((*key, *entry.view.visible(entry.head)?.end())))
        .collect();
    let mut messages = store.messages_at(positions).await?;
    let conversations = entries
        .into_iter()
        .map(|Listed { key, entry }| Conversation {
            last_message: messages
                .remove(&key)
                .map(|message| message.seen_as(entry.conversation_id.clone())),
            entry,
        })
        .collect();
    Ok(conversations)
}
