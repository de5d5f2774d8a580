//! Marking conversations read.

use std::{cmp::Reverse, collections::HashMap};

use super::{
    App, AppError,
    entries::{Listed, listed, with_heads},
    positions::positioned,
};
use crate::{
    domain::{Batch, ConversationId, ListFilter, Origin, ReadingChanged, Seq},
    store::{Part, Positioned},
};

/// Asks for conversations to be marked read.
#[derive(Debug)]
pub struct MarkConversationsRead {
    /// Whose view changes, and who asks.
    pub origin: Origin,
    /// Which conversations.
    pub which: Which,
    /// How far the user had seen conversations; the reading reaches no further in them.
    pub seen_through: HashMap<ConversationId, Seq>,
}

/// Which conversations are meant.
#[derive(Debug)]
pub enum Which {
    /// These.
    These(Batch<ConversationId>),
    /// All that are listed and have something unread.
    AllUnread,
}

/// Marks conversations read through their newest messages, or as far as they were seen. A message that
/// commits after the heads were read stays unread.
///
/// # Errors
///
/// [`AppError::RequestIdReused`], or that the database failed.
pub async fn mark_conversations_read(
    app: &App,
    request: MarkConversationsRead,
) -> Result<ReadingChanged, AppError> {
    let MarkConversationsRead {
        origin,
        which,
        seen_through,
    } = request;
    let mut conversations = match which {
        Which::These(ids) => positioned(app, &origin.user, ids).await?,
        Which::AllUnread => all_unread(app, &origin).await?,
    };
    for Positioned {
        conversation_id,
        position,
        ..
    } in &mut conversations
    {
        if let Some(seen) = seen_through.get(conversation_id) {
            *position = (*position).min(*seen);
        }
    }
    let read = app
        .store
        .read(&origin, app.clock.now(), conversations)
        .await?;
    app.wakes.changed(&origin.user, read.revision);
    Ok(read)
}

/// Everything that has something unread, the latest active first, each through its newest message.
async fn all_unread(app: &App, origin: &Origin) -> Result<Vec<Positioned>, AppError> {
    let filter = ListFilter {
        unread_only: true,
        ..ListFilter::default()
    };
    let everything = Part {
        active_after: None,
        after: None,
        limit: usize::MAX,
    };
    let (_, members) = app.store.list(&origin.user, &filter, &everything).await?;
    let (mut entries, heads) = listed(&app.store, members).await?;
    entries.retain(|entry| entry.unread() > 0);
    entries.sort_by_key(|entry| (Reverse(entry.latest.time), entry.member.key));
    let heads = with_heads(&app.store, &entries, heads).await?;
    let conversations = entries.into_iter().map(|Listed { member, latest }| {
        Ok(Positioned {
            conversation_id: member.id_in(&origin.user, &heads)?,
            key: member.key,
            position: latest.seq,
        })
    });
    conversations.collect()
}
