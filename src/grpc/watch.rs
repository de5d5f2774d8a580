//! The stream of a watch: the entries that wait for its client, and the status that ends it. Both kinds of watch
//! use it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;
use tonic::{Code, Status};
use tracing::Instrument as _;

use super::{convert, limits::WatchPermits, status};
use crate::{
    app::{Watch, WatchEnd, WatchEvent},
    lifecycle::Shutdown,
    metrics::WatchMetrics,
    proto::WatchConversationsResponse,
};

/// How many entries wait for a client at most.
const WAITING: usize = 16;

/// An entry of a watch.
pub(super) trait Entry {
    /// The message that the client is sent.
    type Message;

    /// Counts it as sent.
    fn count(&self, metrics: &WatchMetrics);

    fn render(self) -> Self::Message;
}

impl Entry for WatchEvent {
    type Message = WatchConversationsResponse;

    fn count(&self, metrics: &WatchMetrics) {
        match self {
            Self::Change(_) => metrics.sent_change(),
            Self::Bookmark(..) => metrics.sent_bookmark(),
        }
    }

    fn render(self) -> WatchConversationsResponse {
        convert::watch_conversations::render(self)
    }
}

/// Entries until the watch ends, then the status that says why.
pub(super) struct WatchStream<E> {
    entries: mpsc::Receiver<E>,
    end: Option<oneshot::Receiver<Status>>,
    metrics: WatchMetrics,
    /// Taken as long as the client has the stream open.
    _permits: WatchPermits,
}

/// Runs a watch of one user as a task, until it ends by itself or the server drains.
pub(super) fn start(
    watch: Watch,
    permits: WatchPermits,
    shutdown: &Shutdown,
    metrics: &WatchMetrics,
) -> WatchStream<WatchEvent> {
    let counted = metrics.clone();
    spawn(
        permits,
        shutdown,
        metrics,
        async move |sender| match watch.run(sender).await {
            WatchEnd::ClientGone => {
                counted.client_gone();
                None
            }
            WatchEnd::Compacted => {
                counted.compacted();
                Some(status::revision_compacted())
            }
            WatchEnd::TooSlow => {
                counted.too_slow();
                Some(status::watcher_too_slow())
            }
            WatchEnd::Store(error) => {
                counted.database_failed();
                Some(status::of_store(&error))
            }
        },
    )
}

/// Runs what makes the entries of a watch as a task, until it ends by itself or the server drains. It
/// returns the status that ends the stream; `None` if nobody is there to be notified.
pub(super) fn spawn<E, F>(
    permits: WatchPermits,
    shutdown: &Shutdown,
    metrics: &WatchMetrics,
    run: impl FnOnce(mpsc::Sender<E>) -> F,
) -> WatchStream<E>
where
    E: Send + 'static,
    F: Future<Output = Option<Status>> + Send + 'static,
{
    let (sender, entries) = mpsc::channel(WAITING);
    let (say_end, end) = oneshot::channel();
    let draining = shutdown.draining();
    let (counted, open) = (metrics.clone(), metrics.open());
    let running = run(sender);
    let task = async move {
        let status = tokio::select! {
            () = draining => {
                counted.draining();
                Some(status::shutting_down())
            }
            status = running => status,
        };
        drop(open);
        if let Some(status) = status {
            // The client may be gone by now.
            let _ = say_end.send(status);
        }
    };
    // It goes on under the call's span, so that its statements belong to the call's trace.
    shutdown.spawn(task.in_current_span());
    WatchStream {
        entries,
        end: Some(end),
        metrics: metrics.clone(),
        _permits: permits,
    }
}

impl<E: Entry> Stream for WatchStream<E> {
    type Item = Result<E::Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(entry) = ready!(self.entries.poll_recv(context)) {
            entry.count(&self.metrics);
            return Poll::Ready(Some(Ok(entry.render())));
        }
        let Some(end) = self.end.as_mut() else {
            return Poll::Ready(None);
        };
        // A task that says nothing has failed, or has found that nobody is there.
        let status = ready!(Pin::new(end).poll(context)).unwrap_or_else(|_| status::failed());
        self.end = None;
        Poll::Ready(match status.code() {
            Code::Ok => None,
            _ => Some(Err(status)),
        })
    }
}
