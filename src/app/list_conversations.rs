//! A user's list, a page at a time.

use super::{
    App, AppError,
    entries::{Conversation, page},
};
use crate::{
    domain::{ListBeginning, ListCursor, ListFilter, ListPosition, PageSize, Revision, UserId},
    store::{Entry, Part, settled},
};

/// Asks for a page of a user's list.
#[derive(Debug)]
pub struct ListConversations {
    /// The user whose list it is.
    pub user: UserId,
    /// How much of it.
    pub page_size: PageSize,
    /// Where the page before ended; `None` for the first page.
    pub cursor: Option<ListCursor>,
    /// The filter of the list.
    pub filter: ListFilter,
}

/// A page of a user's list.
#[derive(Debug)]
pub struct ConversationPage {
    /// In list order.
    pub conversations: Vec<Conversation>,
    /// Where the next page goes on; `None` after the last.
    pub next: Option<ListCursor>,
    /// The listing's first page.
    pub beginning: ListBeginning,
}

/// Lists conversations: pinned first, then by latest activity. A page is shorter than asked for where
/// its messages would make the answer too large. Three statements at most, whatever the number of
/// conversations. What is read is the page and one row more, which tells whether there is another page;
/// and the user's large groups with their heads, because only the heads tell where they stand. No message
/// is read but those that the page shows.
///
/// # Errors
///
/// [`AppError::RevisionUnknown`] for a cursor of a listing that began before the database was restored
/// from a backup, or that the database failed.
pub async fn list_conversations(
    app: &App,
    request: ListConversations,
) -> Result<ConversationPage, AppError> {
    let ListConversations {
        user,
        page_size,
        cursor,
        filter,
    } = request;
    let (beginning, after) = match cursor {
        None => (None, None),
        Some(ListCursor { beginning, after }) => (Some(beginning), Some(after)),
    };
    let pins_through = beginning.map(|beginning| beginning.revision);
    let part = Part {
        after: after.as_ref(),
        pins_through,
        limit: page_size.get() + 1,
    };
    // Taken before the list is read, so that it holds of what is read.
    let settled = settled(&app.clock);
    let (revisions, entries) = app.store.lists().page(&user, &filter, &part).await?;
    let beginning = beginning.unwrap_or(ListBeginning {
        revision: revisions.present,
        as_of: settled,
    });
    if !revisions.contain(beginning.revision) {
        return Err(AppError::RevisionUnknown);
    }

    let mut placed: Vec<_> = entries
        .into_iter()
        .map(|entry| (position(&entry, pins_through), entry))
        .filter(|(position, _)| after.as_ref().is_none_or(|after| position > after))
        .collect();
    placed.sort_by(|(left, _), (right, _)| left.cmp(right));
    let (conversations, next) = page(&app.store, &user, placed, page_size).await?;
    Ok(ConversationPage {
        conversations,
        next: next.map(|after| ListCursor { beginning, after }),
        beginning,
    })
}

/// Where an entry stands in a listing in which pins count through this revision.
fn position(entry: &Entry, pins_through: Option<Revision>) -> ListPosition {
    let Entry { member, latest, .. } = entry;
    ListPosition::new(
        member.pinned_at,
        pins_through,
        latest.time,
        member.key.bytes(),
    )
}
