//! Makes the entries of a user's list from stored rows.

use super::AppError;
use crate::{
    domain::{self, ListEntry, Message, PageSize, UserId},
    store::{Entry, Shown, Store},
};

/// An entry of a user's list with its newest visible message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// Everything but the message.
    pub entry: ListEntry,
    /// The newest message that the user can see.
    pub last_message: Option<Message>,
}

/// These entries, each with its newest visible message.
pub(super) async fn conversations(
    store: &Store,
    user: &UserId,
    entries: Vec<Entry>,
) -> Result<Vec<Conversation>, AppError> {
    let shown = store.messages().shown(user, entries).await?;
    let conversations = shown.into_iter().map(|shown| {
        let Shown {
            conversation_id,
            last_message,
            entry: Entry { member, latest, .. },
        } = shown;
        let entry = ListEntry {
            conversation_id,
            view: member.view,
            head: latest.seq,
            activity: latest.time,
            pinned_at: member.pinned_at,
            muted: member.muted,
            marks: member.marks,
            custom_data: member.custom_data,
            folders: member.folders,
        };
        Conversation {
            entry,
            last_message,
        }
    });
    Ok(conversations.collect())
}

/// A page of entries, each with its position, in their order: as many entries as there are to be, if their
/// messages fit into one answer; and the position after which the next page begins, unless it is the last.
pub(super) async fn page<P>(
    store: &Store,
    user: &UserId,
    mut placed: Vec<(P, Entry)>,
    size: PageSize,
) -> Result<(Vec<Conversation>, Option<P>), AppError> {
    let reaches_the_end = placed.len() <= size.get();
    placed.truncate(size.get());
    let (mut positions, entries): (Vec<_>, _) = placed.into_iter().unzip();
    let mut conversations = conversations(store, user, entries).await?;
    let fitting = domain::fitting(conversations.iter().map(Conversation::body_bytes));
    let is_last = reaches_the_end && fitting == conversations.len();
    conversations.truncate(fitting);
    positions.truncate(fitting);
    let next = if is_last { None } else { positions.pop() };
    Ok((conversations, next))
}

impl Conversation {
    /// The bytes of its message's body.
    fn body_bytes(&self) -> usize {
        let message = self.last_message.as_ref();
        message.map_or(0, |message| message.body.size())
    }
}
