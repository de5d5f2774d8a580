//! Points in time.

use prost_types::Timestamp as ProtoTimestamp;

use crate::domain::Timestamp;

const MICROS_PER_SECOND: i64 = 1_000_000;

pub(super) fn render(time: Timestamp) -> ProtoTimestamp {
    let micros = time.as_micros();
    let nanos = micros.rem_euclid(MICROS_PER_SECOND) * 1_000;
    ProtoTimestamp {
        seconds: micros.div_euclid(MICROS_PER_SECOND),
        // Less than a thousand million.
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}
