//! The time that the database's clock shows, and whether it can be believed.

use std::sync::atomic::Ordering;

use super::Connections;
use crate::domain::{Asked, Clock, Timestamp, Told};

/// From how many seconds on a difference of the clocks is worth a line in the log.
const NOTABLE_SKEW: i64 = 60;
const MICROS: i64 = 1_000_000;

impl Connections {
    /// Resolves when the server can be relied on, or cannot: the database is there, and its clock and
    /// this machine's agree.
    pub(in crate::store) async fn until_ready(&self, ready: bool) {
        let mut state = self.state.subscribe();
        // The sender lives as long as this does.
        let _ = state
            .wait_for(|state| (!state.away && !state.is_skewed) == ready)
            .await;
    }

    /// Tells the clock what the database's shows, and the log and the health what to think of it.
    pub(in crate::store) fn tell(&self, clock: &Clock, asked: Asked, time: Timestamp) {
        if let Told::Jumped(by) = clock.told(asked, time) {
            let seconds = by / MICROS;
            tracing::warn!(
                seconds,
                "the database's clock has jumped; if ahead, what is erased goes by the time that has \
                 passed, until the clock is set right"
            );
        }
        let (seconds, is_skewed) = (clock.skew() / MICROS, !clock.agrees());
        self.state.send_if_modified(|state| {
            let has_turned = std::mem::replace(&mut state.is_skewed, is_skewed) != is_skewed;
            if has_turned && is_skewed {
                tracing::error!(
                    seconds,
                    "this machine's clock and the database's are too far apart: erasing nothing, not \
                     ready"
                );
            } else if has_turned {
                tracing::info!(seconds, "this machine's clock and the database's agree again");
            }
            has_turned
        });
        let notable = seconds.abs() > NOTABLE_SKEW;
        if self.notable.swap(notable, Ordering::Relaxed) != notable && notable && !is_skewed {
            tracing::warn!(seconds, "this machine's clock is not the database's");
        }
    }
}
