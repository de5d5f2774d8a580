//! The stream of a watch: what waits for its client, and the status that ends it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;
use tonic::Status;
use tracing::Instrument as _;

use super::{convert, limits::WatchPermits, status};
use crate::{
    app::{Watch, WatchEnd, WatchEvent},
    lifecycle::Shutdown,
    metrics::WatchMetrics,
    proto::WatchConversationsResponse,
};

/// How many events wait for a client at most.
const WAITING: usize = 16;

/// Events until the watch ends, then the status that says why.
pub(super) struct WatchStream {
    events: mpsc::Receiver<WatchEvent>,
    end: Option<oneshot::Receiver<Status>>,
    metrics: WatchMetrics,
    /// Taken as long as the client has the stream open.
    _permits: WatchPermits,
}

/// Runs a watch as a task, until it ends by itself or the server drains.
pub(super) fn start(
    watch: Watch,
    permits: WatchPermits,
    shutdown: &Shutdown,
    metrics: &WatchMetrics,
) -> WatchStream {
    let (sender, events) = mpsc::channel(WAITING);
    let (say_end, end) = oneshot::channel();
    let draining = shutdown.draining();
    let (counted, open) = (metrics.clone(), metrics.open());
    let task = async move {
        let status = tokio::select! {
            () = draining => {
                counted.draining();
                status::shutting_down()
            }
            end = watch.run(sender) => match end {
                // Nobody is there to be notified.
                WatchEnd::ClientGone => return counted.client_gone(),
                WatchEnd::Compacted => {
                    counted.compacted();
                    status::revision_compacted()
                }
                WatchEnd::TooSlow => {
                    counted.too_slow();
                    status::watcher_too_slow()
                }
                WatchEnd::Store(error) => {
                    counted.database_failed();
                    status::of_store(&error)
                }
            },
        };
        drop(open);
        // The client may be gone by now.
        let _ = say_end.send(status);
    };
    // It goes on under the call's span, so that its statements belong to the call's trace.
    shutdown.spawn(task.in_current_span());
    WatchStream {
        events,
        end: Some(end),
        metrics: metrics.clone(),
        _permits: permits,
    }
}

impl Stream for WatchStream {
    type Item = Result<WatchConversationsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(event) = ready!(self.events.poll_recv(context)) {
            match event {
                WatchEvent::Change(_) => self.metrics.sent_change(),
                WatchEvent::Bookmark(..) => self.metrics.sent_bookmark(),
            }
            return Poll::Ready(Some(Ok(convert::watch_conversations::render(event))));
        }
        let Some(end) = self.end.as_mut() else {
            return Poll::Ready(None);
        };
        let status = ready!(Pin::new(end).poll(context)).ok();
        self.end = None;
        Poll::Ready(status.map(Err))
    }
}
