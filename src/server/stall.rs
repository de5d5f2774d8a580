//! Peers that read nothing at all: answers, refusals and pings pile up for them. A connection that could not be
//! written to for a while is closed.

use std::{
    io::{self, ErrorKind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

/// How long writing may stand still.
pub(super) const WRITE_PATIENCE: Duration = Duration::from_secs(20);

/// Watches writing.
pub(super) struct Stall {
    patience: Duration,
    /// While it stands still.
    until: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    pub(super) const fn new(patience: Duration) -> Self {
        Self {
            patience,
            until: None,
        }
    }

    /// The outcome of an attempt to write, or an error if none has written anything for too long.
    pub(super) fn of<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.until = None;
            return written;
        }
        let patience = self.patience;
        let until = self.until.get_or_insert_with(|| Box::pin(sleep(patience)));
        until
            .as_mut()
            .poll(context)
            .map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn writing_that_stands_still_for_too_long_fails() {
        let mut stall = Stall::new(Duration::from_millis(10));
        let stuck = poll_fn(|context| stall.of::<()>(Poll::Pending, context));
        assert_eq!(stuck.await.unwrap_err().kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn writing_that_goes_on_begins_anew() {
        let mut stall = Stall::new(Duration::from_hours(1));
        let polled = poll_fn(|context| Poll::Ready(stall.of::<()>(Poll::Pending, context))).await;
        assert!(polled.is_pending() && stall.until.is_some());
        let written = poll_fn(|context| stall.of(Poll::Ready(Ok(7)), context));
        assert_eq!(written.await.unwrap(), 7);
        assert!(stall.until.is_none());
    }
}
