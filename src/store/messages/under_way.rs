//! How long a message may be under way: from the moment that is its time until readers can see it.
//!
//! A reader of a list sees every message that was committed by then. A message that was under way can be seen only
//! later, but has an earlier time. [`settled`] says how far back such a time can be. So a reader that asks for what
//! has been active since then misses no message.
//!
//! The bound is a sum, because each of its parts can come on top of the others:
//!
//! - A message's time is taken when its transaction has begun, or right before the one statement that stores it
//!   ([`super::append`]). One run of a use case lasts [`LONGEST_RUN`] and is given up then. (On SQLite the deadline
//!   of the call ends it, which is a minute at most. Two of the parts below do not concern SQLite and leave room for
//!   that.)
//! - If the run is given up in the midst of a statement, the statement may still be carried out. Its
//!   connection waits [`ABANDONED_STATEMENT`] for the answer and is closed; PostgreSQL notices within
//!   [`CONNECTION_CHECK`] and rolls back.
//! - If the whole process or the network stands still, the process's own limits do not help. PostgreSQL ends the
//!   statement that is running ([`STATEMENT_TIMEOUT`]), and the transaction when no other follows
//!   ([`IDLE_TRANSACTION`]). One statement without a transaction stores nothing if it arrives later than that.
//! - Sender and reader may be served by different replicas. Each knows the database's time as exactly as
//!   an answer was quick that came in time ([`PATIENCE`]).
//! - The database's own clock is corrected now and then, or another machine takes over. By less than
//!   [`JUMP`] that counts as ordinary.
//!
//! Deliberately not covered, for nothing bounds it: a database whose clock was set back by more than
//! that, and a COMMIT that the database holds up by itself, because a synchronous standby or its disk does
//! not answer for so long.

use std::time::Duration;

use crate::{
    domain::{Clock, JUMP, Timestamp},
    store::database::{
        ABANDONED_STATEMENT, CONNECTION_CHECK, IDLE_TRANSACTION, LONGEST_RUN, PATIENCE,
        STATEMENT_TIMEOUT,
    },
};

const LONGEST: Duration = sum(&[
    LONGEST_RUN,
    ABANDONED_STATEMENT,
    CONNECTION_CHECK,
    STATEMENT_TIMEOUT,
    IDLE_TRANSACTION,
    PATIENCE,
    PATIENCE,
    JUMP,
]);

/// No message that cannot be seen yet has an earlier time. To be asked before a list is read.
pub(crate) fn settled(clock: &Clock) -> Timestamp {
    clock.now().saturating_sub(LONGEST)
}

const fn sum(parts: &[Duration]) -> Duration {
    let (mut sum, mut part) = (Duration::ZERO, 0);
    while part < parts.len() {
        sum = sum.saturating_add(parts[part]);
        part += 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ManualClock;

    #[test]
    fn what_is_under_way_is_at_most_two_minutes_old() {
        let clock = ManualClock::new(Timestamp::from_micros(0));
        let settled = settled(&clock.clock());
        // The protocol says so, and that a call ends after a minute.
        assert!((-120_000_000..-60_000_000).contains(&settled.as_micros()));
    }
}
