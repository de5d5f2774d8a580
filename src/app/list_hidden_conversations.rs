//! A user's hidden conversations, a page at a time.

use std::cmp::Reverse;

use super::{
    App, AppError,
    entries::{Conversation, page},
};
use crate::{
    domain::{
        HiddenCursor, HiddenFilter, HiddenPosition, PageSize, Reappearance, Revision, Timestamp,
        UserId,
    },
    store::{Entry, Hidden},
};

/// Asks for a page of what is hidden.
#[derive(Debug)]
pub struct ListHiddenConversations {
    /// The user whose conversations they are.
    pub user: UserId,
    /// How many of them.
    pub page_size: PageSize,
    /// Where the page before ended; `None` for the first page.
    pub cursor: Option<HiddenCursor>,
    /// Which of them.
    pub filter: HiddenFilter,
}

/// A page of what is hidden.
#[derive(Debug)]
pub struct HiddenPage {
    /// The latest active first.
    pub hidden: Vec<HiddenConversation>,
    /// Where the next page goes on; `None` after the last.
    pub next: Option<HiddenCursor>,
    /// The user's revision at the first page.
    pub revision: Revision,
}

/// A hidden conversation.
#[derive(Debug)]
pub struct HiddenConversation {
    /// It as it would show.
    pub conversation: Conversation,
    /// Its last deletion that took something, and until when it can be undone; `None` if it cannot.
    pub deletion: Option<(Revision, Timestamp)>,
    /// Whether a newer message lists it.
    pub reappearance: Reappearance,
    /// Whether the history up to where it is hidden was cleared.
    pub is_cleared: bool,
}

/// Lists what is hidden: by latest activity, newest first. Four statements at most, whatever the number of
/// conversations.
///
/// # Errors
///
/// [`AppError::RevisionUnknown`] for a cursor of a listing that began before the database was restored
/// from a backup, or that the database failed.
pub async fn list_hidden_conversations(
    app: &App,
    request: ListHiddenConversations,
) -> Result<HiddenPage, AppError> {
    let ListHiddenConversations {
        user,
        page_size,
        cursor,
        filter,
    } = request;
    let after = cursor.map(|cursor| cursor.after);
    let limit = page_size.get() + 1;
    let (revisions, mut hidden) = app
        .store
        .lists()
        .hidden(&user, &filter, after, limit)
        .await?;
    let revision = cursor.map_or(revisions.present, |cursor| cursor.revision);
    if !revisions.contain(revision) {
        return Err(AppError::RevisionUnknown);
    }

    hidden.retain(|one| after.is_none_or(|after| place(&one.entry) > order(after)));
    hidden.sort_by_key(|one| place(&one.entry));
    let deletions: Vec<_> = hidden.iter().map(|one| one.deletion).collect();
    let shown = deletions.iter().take(page_size.get());
    let taken = shown.copied().flatten().collect();
    let restorable = app
        .store
        .lists()
        .restorable(&user, taken, app.clock.now())
        .await?;
    let placed = hidden.into_iter();
    let placed = placed.map(|Hidden { entry, .. }| (position(&entry), entry));
    let (conversations, next) = page(&app.store, &user, placed.collect(), page_size).await?;

    let hidden = conversations.into_iter().zip(deletions);
    let hidden = hidden.map(|(conversation, deletion)| HiddenConversation {
        deletion: deletion.and_then(|by| Some((by, *restorable.get(&by)?))),
        reappearance: conversation.entry.view.reappearance,
        is_cleared: conversation.entry.view.is_cleared(),
        conversation,
    });
    Ok(HiddenPage {
        hidden: hidden.collect(),
        next: next.map(|after| HiddenCursor { revision, after }),
        revision,
    })
}

fn position(Entry { member, latest, .. }: &Entry) -> HiddenPosition {
    HiddenPosition {
        activity: latest.time,
        key: member.key.bytes(),
    }
}

/// Sorts by latest activity.
fn order(position: HiddenPosition) -> (Reverse<Timestamp>, [u8; 16]) {
    (Reverse(position.activity), position.key)
}

fn place(one: &Entry) -> (Reverse<Timestamp>, [u8; 16]) {
    order(position(one))
}
