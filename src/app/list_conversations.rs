//! A user's list, a page at a time.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{
    App, AppError,
    entries::{Conversation, Listed, conversations, listed},
};
use crate::{
    domain::{
        self, ListBeginning, ListCursor, ListFilter, ListPosition, PageSize, Revision, UserId,
    },
    store::{ConversationKey, Part, Store},
};

/// How much later than another message one may arrive that carries an earlier time: the longest that
/// a message is under way, and the little by which replicas know the database's time differently.
const UNSETTLED: Duration = Duration::from_mins(1);
/// How many conversations a page token remembers at most, besides the pinned ones.
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

/// Lists conversations: pinned first, then by latest activity. A page is shorter than asked for where
/// its messages would make the answer too large. Five statements at most, whatever the
/// number of conversations; no message is read but those that the page shows.
///
/// What is read is the page, what is pinned, the user's large groups, and what has moved since the
/// listing began; for a first page also what was active most recently, which its token remembers.
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
    let part = part(page_size, cursor.as_ref());
    let (revisions, members) = app.store.list(&user, &filter, &part).await?;
    if let Some(ListCursor { beginning, .. }) = &cursor
        && !revisions.contain(beginning.revision)
    {
        return Err(AppError::RevisionUnknown);
    }
    let (mut entries, heads) = listed(&app.store, members).await?;
    if filter.unread_only {
        entries.retain(|entry| entry.unread() > 0);
    }

    let (mut placed, beginning) = match cursor {
        None => {
            let beginning = begin(revisions.present, &entries);
            let placed = entries.into_iter().map(|entry| (position(&entry), entry));
            (placed.collect(), beginning)
        }
        Some(mut cursor) => {
            forget_taken_down(&mut cursor, &entries);
            (
                placed_after(&app.store, &cursor, entries).await?,
                cursor.beginning,
            )
        }
    };
    placed.sort_by(|(left, _), (right, _)| left.cmp(right));
    let is_last = placed.len() <= page_size.get();
    placed.truncate(page_size.get());

    let (mut positions, page): (Vec<_>, _) = placed.into_iter().unzip();
    let mut conversations = conversations(&app.store, &user, page, heads).await?;
    let fitting = domain::fitting(conversations.iter().map(Conversation::body_bytes));
    let is_last = is_last && fitting == conversations.len();
    conversations.truncate(fitting);
    positions.truncate(fitting);

    let revision = beginning.revision;
    let next = match positions.pop() {
        Some(after) if !is_last => Some(ListCursor { beginning, after }),
        _ => None,
    };
    Ok(ConversationPage {
        conversations,
        next,
        revision,
    })
}

/// What has to be read for a page. One more than it shows tells whether there is another.
fn part(page_size: PageSize, cursor: Option<&ListCursor>) -> Part {
    let Some(ListCursor { beginning, after }) = cursor else {
        return Part {
            active_after: None,
            after: None,
            limit: page_size.get().max(MOST_RECENT) + 1,
        };
    };
    // What was active later than `as_of` is read in any case.
    let is_settled = after.pinned_at.0.is_none() && after.activity.0 <= beginning.as_of;
    Part {
        active_after: Some(beginning.as_of),
        after: Some(if is_settled {
            (after.activity.0, ConversationKey::parse(&after.name))
        } else {
            (beginning.as_of, None)
        }),
        // What was pinned at the first page, and no longer is, is among them and has been shown.
        limit: page_size.get() + 1 + beginning.pinned.len(),
    }
}

/// Where an entry stands in the list as it is now.
fn position(Listed { member, latest }: &Listed) -> ListPosition {
    ListPosition {
        pinned_at: Reverse(member.pinned_at),
        activity: Reverse(latest.time),
        name: member.key.to_string(),
    }
}

/// What the pages after the first one have to know of it.
fn begin(revision: Revision, entries: &[Listed]) -> ListBeginning {
    let mut newest_first: Vec<_> = entries.iter().collect();
    newest_first.sort_unstable_by_key(|entry| Reverse(entry.latest.time));
    let newest = newest_first.first().map(|entry| entry.latest.time);
    let settled = newest.unwrap_or_default().saturating_sub(UNSETTLED);
    let as_of = newest_first
        .get(MOST_RECENT)
        .map_or(settled, |entry| entry.latest.time.max(settled));
    let recent = newest_first
        .into_iter()
        .take_while(|entry| entry.latest.time > as_of)
        .map(|entry| (short_name(entry.member.key), entry.latest.time))
        .collect();
    let pinned = entries
        .iter()
        .filter_map(|entry| {
            let place = (entry.member.pinned_at?, entry.latest.time);
            Some((short_name(entry.member.key), place))
        })
        .collect();
    ListBeginning {
        revision,
        pinned,
        as_of,
        recent,
    }
}

/// Half the key of a conversation, in hexadecimal: enough to tell a user's conversations apart.
fn short_name(key: ConversationKey) -> String {
    let mut name = key.to_string();
    name.truncate(16);
    name
}

/// Forgets the places of pins that were taken down before they were listed. Nothing tells where in
/// the list they are now, so they may not be among the entries; at their places without the pin, the
/// pages to come will find them. The places of those that were listed stay, so that they are not
/// listed again.
fn forget_taken_down(ListCursor { beginning, after }: &mut ListCursor, entries: &[Listed]) {
    let still_pinned: HashSet<_> = entries
        .iter()
        .filter(|entry| entry.member.pinned_at.is_some())
        .map(|entry| short_name(entry.member.key))
        .collect();
    beginning.pinned.retain(|name, (pinned_at, activity)| {
        let place = ListPosition {
            pinned_at: Reverse(Some(*pinned_at)),
            activity: Reverse(*activity),
            name: name.clone(),
        };
        place <= *after || still_pinned.contains(name)
    });
}

/// The entries that come after the cursor, each at its place when the listing began. What was not
/// listed then is left out.
async fn placed_after(
    store: &Store,
    ListCursor { beginning, after }: &ListCursor,
    entries: Vec<Listed>,
) -> Result<Vec<(ListPosition, Listed)>, AppError> {
    // What has moved, but for what the beginning remembers the place of.
    let moved = entries
        .iter()
        .filter(|Listed { member, latest }| {
            let name = short_name(member.key);
            latest.time > beginning.as_of
                && !beginning.recent.contains_key(&name)
                && !beginning.pinned.contains_key(&name)
        })
        .map(|entry| entry.member.key)
        .collect();
    let before: HashMap<_, _> = store.newest_as_of(moved, beginning.as_of).await?;
    let place = |Listed { member, latest }: &Listed| {
        let short_name = short_name(member.key);
        let pin = beginning.pinned.get(&short_name);
        let activity = if let Some((_, then)) = pin {
            *then
        } else if latest.time <= beginning.as_of {
            latest.time
        } else if let Some(then) = beginning.recent.get(&short_name) {
            *then
        } else {
            let then = before.get(&member.key)?;
            member.view.is_listed(then.seq).then_some(then.send_time)?
        };
        Some(ListPosition {
            pinned_at: Reverse(pin.map(|(pinned_at, _)| *pinned_at)),
            activity: Reverse(activity),
            name: member.key.to_string(),
        })
    };
    Ok(entries
        .into_iter()
        .filter_map(|entry| Some((place(&entry)?, entry)))
        .filter(|(position, _)| position > after)
        .collect())
}
