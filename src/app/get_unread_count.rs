//! Counting the unread messages of a user's list.

use super::{App, AppError};
use crate::domain::{ListFilter, UnreadTotals, UserId};

/// Counts unread messages, without system conversations. Two statements at most: what the
/// user's rows tell is added up by the database, and only the rows of large groups are looked at here.
///
/// # Errors
///
/// That the database failed.
pub async fn get_unread_count(
    app: &App,
    user: &UserId,
    filter: &ListFilter,
) -> Result<UnreadTotals, AppError> {
    let unread = app.store.lists().unread(user, filter).await?;
    let mut totals = unread.counted;
    for entry in unread.uncounted {
        match entry.unread() {
            0 => {}
            messages if entry.member.muted => totals.muted_messages += messages,
            messages => {
                totals.messages += messages;
                totals.conversations += 1;
            }
        }
    }
    Ok(totals)
}
