//! The primitives that the coalescer takes from the runtime. A test puts others in their place, to try the
//! orders in which things can happen.

use std::future::Future;

pub(super) use std::sync::{Mutex, MutexGuard};
pub(super) use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[expect(
    clippy::disallowed_methods,
    reason = "its callers wait for it, and it ends with the last of them"
)]
pub(super) fn spawn(run: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(run);
}
