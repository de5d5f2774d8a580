//! A user's list, a page at a time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::{
    App, AppError,
    entries::{Conversation, Listed, listed, with_last_messages},
};
use crate::{
    domain::{ListCursor, ListFilter, ListPosition, PageSize, Revision, Timestamp, UserId},
    store::{ConversationKey, Store},
};

/// How much later than another message one may arrive that carries an earlier time: the longest that
/// a message is under way, and the most that the clocks of replicas differ.
const UNSETTLED: Duration = Duration::from_mins(1);
/// How many conversations a page token remembers at most.
const MOST_RECENT: usize = 256;

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

    let (as_of, recent) = match &cursor {
        Some(cursor) => (cursor.as_of, cursor.recent.clone()),
        None => recently_active(&entries),
    };
    let revision = cursor.as_ref().map_or(revision, |cursor| cursor.revision);
    entries.retain(|listed| filter.chooses(&listed.entry));
    let mut placed = match &cursor {
        None => entries
            .into_iter()
            .map(|listed| (listed.entry.position(), listed))
            .collect(),
        Some(cursor) => placed_after(&app.store, cursor, entries).await?,
    };
    placed.sort_by(|(left, _), (right, _)| left.cmp(right));
    let is_last = placed.len() <= page_size.get();
    placed.truncate(page_size.get());

    let next = match placed.last() {
        Some((after, _)) if !is_last => Some(ListCursor {
            revision,
            as_of,
            recent,
            after: after.clone(),
        }),
        _ => None,
    };
    let entries = placed.into_iter().map(|(_, listed)| listed).collect();
    Ok(ConversationPage {
        conversations: with_last_messages(&app.store, entries).await?,
        next,
        revision,
    })
}

/// The latest moment that is far enough in the past, and what has been active since.
fn recently_active(entries: &[Listed]) -> (Timestamp, BTreeMap<String, Timestamp>) {
    let mut newest_first: Vec<_> = entries.iter().collect();
    newest_first.sort_unstable_by_key(|listed| Reverse(listed.entry.activity));
    let newest = newest_first.first().map(|listed| listed.entry.activity);
    let settled = newest.unwrap_or_default().saturating_sub(UNSETTLED);
    let as_of = newest_first
        .get(MOST_RECENT)
        .map_or(settled, |listed| listed.entry.activity.max(settled));
    let recent = newest_first
        .into_iter()
        .take_while(|listed| listed.entry.activity > as_of)
        .map(|listed| (short_name(listed.key), listed.entry.activity))
        .collect();
    (as_of, recent)
}

/// Half the key of a conversation, in hexadecimal: enough to tell a user's conversations apart.
fn short_name(key: ConversationKey) -> String {
    let mut name = key.to_string();
    name.truncate(16);
    name
}

/// The entries that come after the cursor, each at its place when the listing began. What was not
/// listed then is left out.
async fn placed_after(
    store: &Store,
    cursor: &ListCursor,
    entries: Vec<Listed>,
) -> Result<Vec<(ListPosition, Listed)>, AppError> {
    // What has moved, but for what the cursor remembers the place of.
    let moved = entries
        .iter()
        .filter(|Listed { key, entry }| {
            entry.activity > cursor.as_of && !cursor.recent.contains_key(&short_name(*key))
        })
        .map(|listed| listed.key)
        .collect();
    let before: HashMap<_, _> = store.newest_as_of(moved, cursor.as_of).await?;
    let place = |Listed { key, entry }: &Listed| {
        let activity = if entry.activity <= cursor.as_of {
            entry.activity
        } else if let Some(then) = cursor.recent.get(&short_name(*key)) {
            *then
        } else {
            let then = before.get(key)?;
            entry.view.is_listed(then.seq).then_some(then.send_time)?
        };
        Some(entry.position_at(cursor, activity))
    };
    Ok(entries
        .into_iter()
        .filter_map(|listed| Some((place(&listed)?, listed)))
        .filter(|(position, _)| *position > cursor.after)
        .collect())
}
