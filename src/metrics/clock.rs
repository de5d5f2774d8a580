//! The skew between this machine's clock and the database's.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
    registry::{Registry, Unit},
};

use crate::domain::Clock;

/// The clock is asked at each scrape.
#[derive(Debug)]
struct Clocks(Clock);

pub(super) fn register(registry: &mut Registry, clock: Clock) {
    registry.register_collector(Box::new(Clocks(clock)));
}

impl Collector for Clocks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let metrics = [
            (
                "conversation_clock_skew",
                "How far this machine's clock is ahead of the database's.",
                seconds(self.0.skew()),
            ),
            (
                "conversation_purge_held_back",
                "How far the purge stays behind the database's clock after that has jumped ahead.",
                self.0.held_back().as_secs_f64(),
            ),
        ];
        for (name, help, value) in metrics {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(
                name,
                help,
                Some(&Unit::Seconds),
                gauge.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

fn seconds(micros: i64) -> f64 {
    let duration = std::time::Duration::from_micros(micros.unsigned_abs());
    duration
        .as_secs_f64()
        .copysign(if micros < 0 { -1.0 } else { 1.0 })
}
