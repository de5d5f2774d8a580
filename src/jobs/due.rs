//! The time that the background jobs use.
//!
//! Erased messages cannot be brought back, so an estimate of the time is not good enough. A round asks the database
//! for its time, and does not erase by a time that may be wrong:
//!
//! - If this machine's wall clock and the database's are far apart, one of them is wrong. The round is
//!   refused: see [`MOST_SKEW`].
//! - If the database's clock has jumped ahead, the round uses the time that has certainly passed. So nothing is
//!   erased too early, and everything is erased eventually.

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
