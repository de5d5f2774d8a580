//! Marking conversations read.

use std::{cmp::Reverse, collections::HashMap};

use super::{App, AppError};
use crate::{
    domain::{
        Batch, ConversationId, ConversationKey, ListFilter, MAX_READ, Origin, ReadingChanged,
        Revision, Seq, Timestamp, UserId,
    },
    store::{Entry, Part, Positioned, Reading},
};

/// Asks for conversations to be marked read.
#[derive(Debug)]
pub struct MarkConversationsRead {
    /// The user whose view changes, and the request's origin.
    pub origin: Origin,
    /// The conversations to mark read.
    pub which: Which,
    /// How far the user had seen conversations; the reading reaches no further in them.
    pub seen_through: HashMap<ConversationId, Seq>,
}

/// The conversations that are meant.
#[derive(Debug)]
pub enum Which {
    /// These.
    These(Batch<ConversationId>),
    /// Those that the filter leaves of the list and that have something unread, at most [`MAX_READ`] of
    /// them.
    AllUnread(ListFilter),
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
    let mut reading = match which {
        Which::These(ids) => Reading {
            conversations: app.store.heads().positions(&origin.user, ids).await?,
            more: false,
        },
        Which::AllUnread(filter) => all_unread(app, &origin.user, filter, &seen_through).await?,
    };
    for Positioned {
        conversation_id,
        position,
        ..
    } in &mut reading.conversations
    {
        if let Some(seen) = seen_through.get(conversation_id) {
            *position = (*position).min(*seen);
        }
    }
    let read = app
        .store
        .settings()
        .read(&origin, app.clock.now(), reading)
        .await?;
    app.wakes.changed(&origin.user, read.changed.revision);
    Ok(read)
}

/// The unread conversations that the filter leaves, the latest active first, each through its newest message: as many as one
/// request reads. A conversation that was not seen far enough to be read any further comes only where there
/// is room, so that a caller that repeats the request until there is no more gets to the end.
async fn all_unread(
    app: &App,
    user: &UserId,
    filter: ListFilter,
    seen_through: &HashMap<ConversationId, Seq>,
) -> Result<Reading, AppError> {
    let filter = ListFilter {
        unread_only: true,
        ..filter
    };
    // No pin counts. One more tells whether there are others.
    let part = Part {
        after: None,
        pins_through: Some(Revision::saturating(0)),
        limit: MAX_READ + 1 + seen_through.len(),
    };
    let lists = app.store.lists();
    let (_, mut entries) = lists.page(user, &filter, &part).await?;
    let seen: HashMap<_, _> = seen_through
        .iter()
        .map(|(id, seen)| (ConversationKey::of(id, user), *seen))
        .collect();
    let stays = |Entry { member, latest, .. }: &Entry| {
        let seen = seen.get(&member.key);
        seen.is_some_and(|seen| member.view.unread(*seen.min(&latest.seq)) == 0)
    };
    entries.sort_by_cached_key(|entry| (stays(entry), place(entry)));
    let more = entries.get(MAX_READ).is_some_and(|entry| !stays(entry));
    entries.truncate(MAX_READ);
    entries.sort_by_key(place);

    let entries = lists.named(user, entries).await?.into_iter();
    let conversations = entries.map(|(conversation_id, entry)| Positioned {
        conversation_id,
        key: entry.member.key,
        position: entry.latest.seq,
    });
    Ok(Reading {
        conversations: conversations.collect(),
        more,
    })
}

/// Where it stands among what is unread.
fn place(entry: &Entry) -> (Reverse<Timestamp>, ConversationKey) {
    (Reverse(entry.latest.time), entry.member.key)
}
