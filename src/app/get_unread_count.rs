//! How much is unread in a user's list.

use super::{
    App, AppError,
    entries::{Listed, listed},
};
use crate::domain::{ListFilter, UserId};

/// Counts unread messages, without muted and system conversations. Two statements at most: what the
/// user's rows tell is added up by the database, and only the rows of large groups are looked at here.
///
/// # Errors
///
/// That the database failed.
pub async fn get_unread_count(
    app: &App,
    user: &UserId,
    filter: &ListFilter,
) -> Result<u64, AppError> {
    let unread = app.store.unread(user, filter).await?;
    let (uncounted, _) = listed(&app.store, unread.uncounted).await?;
    let left = uncounted.iter().filter(|entry| entry.passes(filter));
    Ok(unread.counted + left.map(Listed::unread).sum::<u64>())
}
