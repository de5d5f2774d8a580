//! Points in time.

use prost_types::Timestamp as ProtoTimestamp;

use crate::{domain::Timestamp, grpc::violations::Found, proto::ViolationReason};

const MICROS_PER_SECOND: i64 = 1_000_000;
const NANOS_PER_SECOND: i32 = 1_000_000_000;
/// The first second of the year 1 and the last one of the year 9999, which are the bounds of the type.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// The first point in time that the service can tell and that is not before this one.
pub(super) fn parse(time: &ProtoTimestamp) -> Result<Timestamp, Found<&'static str>> {
    let ProtoTimestamp { seconds, nanos } = *time;
    if !SECONDS.contains(&seconds) || !(0..NANOS_PER_SECOND).contains(&nanos) {
        let description =
            "must be a valid time: of the years 1 to 9999, with 0 to 999999999 nanoseconds";
        return Err(Found(ViolationReason::OutOfRange, description));
    }
    let micros = seconds * MICROS_PER_SECOND + (i64::from(nanos) + 999) / 1_000;
    Ok(Timestamp::from_micros(micros))
}

pub(super) fn render(time: Timestamp) -> ProtoTimestamp {
    let micros = time.as_micros();
    let nanos = micros.rem_euclid(MICROS_PER_SECOND) * 1_000;
    ProtoTimestamp {
        seconds: micros.div_euclid(MICROS_PER_SECOND),
        // Less than a thousand million.
        nanos: i32::try_from(nanos).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64, nanos: i32) -> ProtoTimestamp {
        ProtoTimestamp { seconds, nanos }
    }

    #[test]
    fn a_time_comes_back_and_one_between_two_microseconds_is_the_later() {
        for (seconds, nanos, micros) in [
            (0, 0, 0),
            (1, 1_000, 1_000_001),
            (1, 1, 1_000_001),
            (-1, 999_999_000, -1),
            (-1, 999_999_001, 0),
            (253_402_300_799, 0, 253_402_300_799_000_000),
        ] {
            let parsed = parse(&time(seconds, nanos)).expect("a valid time");
            assert_eq!(parsed.as_micros(), micros);
            assert!(nanos % 1_000 != 0 || render(parsed) == time(seconds, nanos));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (seconds, nanos) in [
            (0, -1),
            (0, 1_000_000_000),
            (253_402_300_800, 0),
            (-62_135_596_801, 0),
            (i64::MAX, i32::MAX),
        ] {
            assert!(parse(&time(seconds, nanos)).is_err(), "{seconds} {nanos}");
        }
    }
}
