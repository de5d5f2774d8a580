//! Connections, and what was cut off because a peer held it for too long or held too much.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Metrics of what peers hold.
#[derive(Clone, Debug, Default)]
pub struct PeerMetrics {
    connections: Gauge,
    waited: Counter,
    cut_off: Family<WhatLabels, Counter>,
}

/// A connection that is open, until this is dropped.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WhatLabels {
    what: &'static str,
}

impl PeerMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "conversation_connections",
            "Open connections that calls can come over",
            self.connections.clone(),
        );
        registry.register(
            "conversation_connections_waited",
            "Connections that had to wait for room: `max_connections` is reached, or the share of one \
             address",
            self.waited.clone(),
        );
        registry.register(
            "conversation_cut_off",
            "Cut off because a peer held it for too long, or held too much",
            self.cut_off.clone(),
        );
    }

    /// A connection is open.
    #[must_use]
    pub fn open(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// A connection found no room.
    pub fn waited(&self) {
        self.waited.inc();
    }

    /// The counter of what is cut off.
    pub fn cut_off(&self, what: &'static str) -> Counter {
        self.cut_off.get_or_create_owned(&WhatLabels { what })
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
