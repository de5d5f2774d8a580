//! The coalescer on primitives with a mistake: a run that ends does not release its permit.

mod primitives {
    pub(super) use super::super::shuttled::{Mutex, MutexGuard, spawn};

    pub(super) type Semaphore = super::super::shuttled::Semaphore<false>;
    pub(super) type OwnedSemaphorePermit = super::super::shuttled::OwnedSemaphorePermit<false>;
}

#[expect(clippy::duplicate_mod, reason = "compiled once for each primitives")]
#[path = "../runs.rs"]
mod runs;
#[expect(clippy::duplicate_mod, reason = "compiled once for each primitives")]
#[path = "scenario.rs"]
pub(super) mod scenario;
