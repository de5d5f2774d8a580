//! The coalescer on primitives that are right.

mod primitives {
    pub(super) use super::super::shuttled::{Mutex, MutexGuard, spawn};

    pub(super) type Semaphore = super::super::shuttled::Semaphore<true>;
    pub(super) type OwnedSemaphorePermit = super::super::shuttled::OwnedSemaphorePermit<true>;
}

#[expect(clippy::duplicate_mod, reason = "compiled once for each primitives")]
#[path = "../runs.rs"]
mod runs;
#[expect(clippy::duplicate_mod, reason = "compiled once for each primitives")]
#[path = "scenario.rs"]
pub(super) mod scenario;
