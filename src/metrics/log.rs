//! Counters of lines that the log has lost.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
};

use crate::telemetry;

/// The log is asked at each scrape.
#[derive(Debug)]
pub(super) struct DroppedLines;

impl Collector for DroppedLines {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let dropped = ConstCounter::new(telemetry::dropped_lines());
        dropped.encode(encoder.encode_descriptor(
            "conversation_log_lines_dropped",
            "Log lines that were dropped because standard error was read too slowly.",
            None,
            dropped.metric_type(),
        )?)
    }
}
