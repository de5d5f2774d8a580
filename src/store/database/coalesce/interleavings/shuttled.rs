//! The runtime's part of the coalescer, made of primitives that the scheduler knows.

use std::{future::Future, sync::Arc};

use shuttle::future::batch_semaphore::{BatchSemaphore, Fairness};

pub(super) use shuttle::sync::{Mutex, MutexGuard};

/// As tokio's, unless it does not give back.
pub(super) struct Semaphore<const GIVES_BACK: bool>(BatchSemaphore);

pub(super) struct SemaphorePermit<'a>(&'a BatchSemaphore);

pub(super) struct OwnedSemaphorePermit<const GIVES_BACK: bool>(Arc<Semaphore<GIVES_BACK>>);

/// There is none, or never will be again.
#[derive(Debug)]
pub(super) struct NoPermit;

impl<const GIVES_BACK: bool> Semaphore<GIVES_BACK> {
    pub(super) fn new(permits: usize) -> Self {
        Self(BatchSemaphore::new(permits, Fairness::StrictlyFair))
    }

    pub(super) fn try_acquire(&self) -> Result<SemaphorePermit<'_>, NoPermit> {
        match self.0.try_acquire(1) {
            Ok(()) => Ok(SemaphorePermit(&self.0)),
            Err(_) => Err(NoPermit),
        }
    }

    pub(super) async fn acquire_owned(
        self: Arc<Self>,
    ) -> Result<OwnedSemaphorePermit<GIVES_BACK>, NoPermit> {
        match self.0.acquire(1).await {
            Ok(()) => Ok(OwnedSemaphorePermit(self)),
            Err(_) => Err(NoPermit),
        }
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        self.0.release(1);
    }
}

impl<const GIVES_BACK: bool> Drop for OwnedSemaphorePermit<GIVES_BACK> {
    fn drop(&mut self) {
        if GIVES_BACK {
            self.0.0.release(1);
        }
    }
}

pub(super) fn spawn(run: impl Future<Output = ()> + Send + 'static) {
    drop(shuttle::future::spawn(run));
}
