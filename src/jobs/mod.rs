//! The background jobs: work that no request asks for.
//!
//! | job | when | needs | leaves |
//! |---|---|---|---|
//! | erasure | every purge interval, or by `purge` | changes whose restore window has passed; groups that somebody joined again | no message that nobody can ever see |
//! | unlisting | as erasure | deletions of conversations | lists that do not pass over what was deleted |
//! | trimming | as erasure | changes, names of erased messages, and requests to join and leave groups, that are older than was promised | a log that reaches back as far as was promised |
//! | vacuuming SQLite | as erasure, but for at most a thousandth of the time; within a day | that something was erased | no erased text in any file |
//!
//! All of them depend only on the time (see [`due()`]), may run on any number of replicas at once, work in bounded
//! batches, and continue where they, or another replica, have stopped.

mod due;
mod erasure;

use std::time::Duration;

use tracing::Instrument as _;

use crate::{
    config::JobsConfig,
    domain::{Clock, Timestamp},
    metrics::PurgeMetrics,
    store::{Erased, Store, StoreError, Vacuum},
    telemetry::traces,
};

pub use due::{NotDue, due};

/// How much longer than the interval a pause between two rounds is at most.
const LONGEST_PAUSE: f64 = 1.25;

/// The schedule of the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The time between two rounds.
    pub interval: Duration,
    /// When SQLite's files are rewritten after something was erased.
    pub vacuum: Vacuum,
}

impl Schedule {
    /// Of these settings.
    #[must_use]
    pub const fn of(config: &JobsConfig) -> Self {
        Self {
            interval: config.purge_interval,
            vacuum: Vacuum::InItsTime,
        }
    }
}

/// One round of all jobs: everything that is due at `now`.
///
/// # Errors
///
/// A [`StoreError`] when the database fails; what was done until then stays done.
pub async fn run_once(
    store: &Store,
    now: Timestamp,
    schedule: Schedule,
) -> Result<Erased, StoreError> {
    let round = round(store, now, schedule);
    round.instrument(traces::background("purge")).await
}

/// One round of all jobs, at the time that is believed: see [`due()`].
///
/// # Errors
///
/// Those of [`due()`] and of [`run_once`].
pub async fn run_due(store: &Store, clock: &Clock, schedule: Schedule) -> Result<Erased, NotDue> {
    let now = due(store, clock).await?;
    Ok(run_once(store, now, schedule).await?)
}

async fn round(store: &Store, now: Timestamp, schedule: Schedule) -> Result<Erased, StoreError> {
    store.erasure().unlist().await?;
    let messages = erasure::run_once(store, now).await?;
    let changes = store.erasure().trim_changes(now).await?;
    store.erasure().trim_erased_messages(now).await?;
    store.erasure().trim_group_requests(now).await?;
    // Last: on a full disk it fails, and nothing else should for that.
    store.database().settle(now, schedule.vacuum).await?;
    Ok(Erased { messages, changes })
}

/// Rounds of all jobs, for ever. A round that fails is logged, and the next one comes in its time.
pub async fn run(store: Store, clock: Clock, schedule: Schedule, metrics: PurgeMetrics) {
    loop {
        metrics.expected(schedule.interval.mul_f64(LONGEST_PAUSE));
        // Replicas that were started together do not stay in step.
        let jitter = LONGEST_PAUSE - 0.5 * rand::random::<f64>();
        tokio::time::sleep(schedule.interval.mul_f64(jitter)).await;
        match run_due(&store, &clock, schedule).await {
            Ok(Erased { messages, changes }) => {
                metrics.completed(messages, changes);
                if messages > 0 || changes > 0 {
                    tracing::info!(messages, changes, "purged");
                }
            }
            Err(error @ NotDue::Skewed { .. }) => {
                metrics.refused();
                tracing::error!(%error, "a round of the background jobs was refused");
            }
            Err(error) => {
                metrics.failed();
                tracing::warn!(%error, "a round of the background jobs failed");
            }
        }
        match store.erasure().backlog(clock.now()).await {
            Ok(backlog) => metrics.left(backlog),
            Err(error) => tracing::debug!(%error, "could not measure what is left to erase"),
        }
    }
}
