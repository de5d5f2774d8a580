//! The time by which the background jobs go.
//!
//! Erased messages cannot be brought back, so no estimate is good enough for it. A round asks the database
//! for its time, and erases nothing where that time cannot be believed:
//!
//! - If this machine's wall clock and the database's are far apart, one of them is wrong. The round is
//!   refused: see [`MOST_SKEW`].
//! - If the database's clock has jumped ahead, the round goes by the time that has certainly passed:
//!   nothing is erased before its time, and all is in the end.

use thiserror::Error;

use crate::{
    domain::{Clock, MOST_SKEW, Timestamp},
    store::{Store, StoreError},
};

/// Why a round was not begun.
#[derive(Debug, Error)]
pub enum NotDue {
    /// This machine's clock and the database's are too far apart.
    #[error(
        "this machine's clock is {skew} seconds ahead of the database's; more than {} either way, and \
         one of them must be wrong: nothing is erased",
        MOST_SKEW.as_secs()
    )]
    Skewed {
        /// By how many seconds this machine's clock is ahead.
        skew: i64,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks the database for the time by which a round may go now.
///
/// # Errors
///
/// [`NotDue::Skewed`] if the time cannot be believed, or that the database failed.
pub async fn due(store: &Store, clock: &Clock) -> Result<Timestamp, NotDue> {
    let time = store.database().time(clock).await?;
    if !clock.agrees() {
        let skew = clock.skew() / 1_000_000;
        return Err(NotDue::Skewed { skew });
    }
    Ok(time.min(clock.now()).saturating_sub(clock.held_back()))
}
