//! A user's list, a page at a time.

use std::collections::HashMap;

use super::{
    App, AppError,
    entries::{Conversation, listed, with_last_messages},
};
use crate::{
    domain::{ListCursor, ListEntry, ListFilter, ListPosition, PageSize, Revision, UserId},
    store::{ConversationKey, Store},
};

/// Asks for a page of a user's list.
#[derive(Debug)]
pub struct ListConversations {
    /// Whose list.
    pub user: UserId,
    /// How much of it.
    pub page_size: PageSize,
    /// Where the page before ended; `None` for the first page.
    pub cursor: Option<ListCursor>,
    /// What to list.
    pub filter: ListFilter,
}

/// A page of a user's list.
#[derive(Debug)]
pub struct ConversationPage {
    /// In list order.
    pub conversations: Vec<Conversation>,
    /// Where the next page goes on; `None` after the last.
    pub next: Option<ListCursor>,
    /// The user's revision that the listing reflects: that of its first page.
    pub revision: Revision,
}

/// Lists conversations: pinned first, then by latest activity. Four statements at most, whatever the
/// number of conversations; no message is read but those that the page shows.
///
/// # Errors
///
/// That the database failed.
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
    let (revision, members) = app.store.members_of(&user).await?;
    let heads = app
        .store
        .heads(members.iter().map(|member| member.key).collect())
        .await?;
    let mut entries = Vec::with_capacity(members.len());
    for member in members {
        entries.extend(listed(&user, member, &heads)?);
    }

    let as_of = match &cursor {
        Some(cursor) => cursor.as_of,
        None => entries
            .iter()
            .map(|entry| entry.activity)
            .max()
            .unwrap_or_default(),
    };
    let revision = cursor.as_ref().map_or(revision, |cursor| cursor.revision);
    entries.retain(|entry| filter.chooses(entry));
    let mut placed = match &cursor {
        None => entries
            .into_iter()
            .map(|entry| (entry.position(), entry))
            .collect(),
        Some(cursor) => placed_after(&app.store, &user, cursor, entries).await?,
    };
    placed.sort_by(|(left, _), (right, _)| left.cmp(right));
    let is_last = placed.len() <= page_size.get();
    placed.truncate(page_size.get());

    let next = match placed.last() {
        Some((after, _)) if !is_last => Some(ListCursor {
            revision,
            as_of,
            after: after.clone(),
        }),
        _ => None,
    };
    let entries = placed.into_iter().map(|(_, entry)| entry).collect();
    Ok(ConversationPage {
        conversations: with_last_messages(&app.store, &user, entries).await?,
        next,
        revision,
    })
}

/// The entries that come after the cursor, each at its place when the listing began. What was not
/// listed then is left out.
async fn placed_after(
    store: &Store,
    user: &UserId,
    cursor: &ListCursor,
    entries: Vec<ListEntry>,
) -> Result<Vec<(ListPosition, ListEntry)>, AppError> {
    let key = |entry: &ListEntry| ConversationKey::from(&entry.conversation_id.canonical(user));
    let moved = entries
        .iter()
        .filter(|entry| entry.activity > cursor.as_of)
        .map(key)
        .collect();
    let before: HashMap<_, _> = store.newest_as_of(moved, cursor.as_of).await?;
    let place = |entry: &ListEntry| {
        let activity = if entry.activity > cursor.as_of {
            let then = before.get(&key(entry))?;
            entry.view.is_listed(then.seq).then_some(then.send_time)?
        } else {
            entry.activity
        };
        Some(entry.position_at(cursor, activity))
    };
    Ok(entries
        .into_iter()
        .filter_map(|entry| Some((place(&entry)?, entry)))
        .filter(|(position, _)| *position > cursor.after)
        .collect())
}
