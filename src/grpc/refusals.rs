//! The log lines of refused calls. Strangers can cause any number of refusals, so they must not fill the log.
//!
//! The first refusal of a kind from a peer has a line of its own. Those that follow within an interval share one
//! line with their count. A failure of the service itself (`INTERNAL`) is not a refusal: each has its line.

use std::{net::IpAddr, sync::Arc};

use tonic::Code;

use super::status;
use crate::telemetry::repeats::{Counted, INTERVAL, Repeats};

/// Recent refusals, counted. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Arc<Repeats<Kind>>);

/// The kind of a refusal: two of one kind say the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Kind {
    pub(super) peer: Option<IpAddr>,
    /// One of the server's, or [`crate::metrics::OTHER_METHOD`].
    pub(super) method: Arc<str>,
    pub(super) code: Code,
    /// One of ours: what the transport says is given one before it gets here.
    pub(super) reason: Option<String>,
}

impl Refusals {
    /// Whether this one is to have a line of its own; it is counted if not.
    pub(super) fn is_first(&self, kind: Kind) -> bool {
        self.0.is_first(kind)
    }

    /// Writes what was counted, again and again. Never ends by itself.
    pub async fn report_regularly(self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            self.report();
        }
    }

    /// Writes what was counted since the last time.
    pub fn report(&self) {
        let Counted { kinds, others } = self.0.take();
        for (kind, count) in kinds {
            let Kind {
                peer,
                method,
                code,
                reason,
            } = kind;
            let peer = peer.map(tracing::field::display);
            let (method, reason, code) = (&*method, reason.as_deref(), status::name(code));
            tracing::info!(peer, method, code, reason, count, "refused again");
        }
        if others > 0 {
            tracing::warn!(
                count = others,
                "refused, and more kinds of refusals and peers than are told apart"
            );
        }
    }
}
