//! A user's deletions and clearings, a page at a time: the trash.

use super::{App, AppError};
use crate::{
    domain::{ListedDeletion, PageSize, Revision, UserId},
    store::{DeletionsBefore, ListedDeletions},
};

/// Asks for a page of a user's deletions.
#[derive(Debug)]
pub struct ListDeletions {
    /// The user whose deletions they are.
    pub user: UserId,
    /// How many of them.
    pub page_size: PageSize,
    /// Where the page before ended; `None` for the first page.
    pub before: Option<Revision>,
    /// Which of them.
    pub which: WhichDeletions,
}

/// The deletions that are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichDeletions {
    /// All that the log remembers.
    All,
    /// Those that undoing would put something back of.
    Restorable,
}

/// A page of a user's deletions.
#[derive(Debug)]
pub struct DeletionPage {
    /// Newest first.
    pub deletions: Vec<ListedDeletion>,
    /// Where the next page goes on; `None` after the last.
    pub next: Option<Revision>,
}

/// Lists deletions and clearings, newest first, in their present state. Two statements at most. A page is
/// shorter than asked for where the work for it is bounded; the next one then goes on.
///
/// # Errors
///
/// That the database failed.
pub async fn list_deletions(app: &App, request: ListDeletions) -> Result<DeletionPage, AppError> {
    let ListDeletions {
        user,
        page_size,
        before,
        which,
    } = request;
    let now = app.clock.now();
    let asked = DeletionsBefore {
        user: &user,
        before,
        restorable_at: (which == WhichDeletions::Restorable).then_some(now),
        limit: match which {
            WhichDeletions::All => page_size.get(),
            // Some of those whose window is open have nothing to put back.
            WhichDeletions::Restorable => PageSize::MAX_OF_DELETIONS.into(),
        },
    };
    let ListedDeletions {
        mut deletions,
        mut next,
    } = app.store.deletions().page(asked, now).await?;
    if which == WhichDeletions::Restorable {
        deletions.retain(ListedDeletion::is_restorable);
    }
    if deletions.len() > page_size.get() {
        deletions.truncate(page_size.get());
        next = deletions.last().map(|last| last.revision);
    }
    Ok(DeletionPage { deletions, next })
}
