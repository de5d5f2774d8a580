//! The stream of a watch: what waits for its client, and the status that ends it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;
use tonic::Status;

use super::{convert, limits::Place, status};
use crate::{
    app::{Watch, WatchEnd, WatchEvent},
    lifecycle::Shutdown,
    proto::WatchConversationsResponse,
};

/// How many events wait for a client at most.
const WAITING: usize = 16;

/// Events until the watch ends, then the status that says why.
pub(super) struct WatchStream {
    events: mpsc::Receiver<WatchEvent>,
    end: Option<oneshot::Receiver<Status>>,
    /// Taken as long as the client has the stream open.
    _place: Place,
}

/// Runs a watch as a task, until it ends by itself or the server drains.
pub(super) fn start(watch: Watch, place: Place, shutdown: &Shutdown) -> WatchStream {
    let (sender, events) = mpsc::channel(WAITING);
    let (say_end, end) = oneshot::channel();
    let draining = shutdown.draining();
    shutdown.spawn(async move {
        let status = tokio::select! {
            () = draining => status::shutting_down(),
            end = watch.run(sender) => match end {
                // Nobody is there to be told.
                WatchEnd::ClientGone => return,
                WatchEnd::Compacted => status::revision_compacted(),
                WatchEnd::TooSlow => status::watcher_too_slow(),
                WatchEnd::Store(error) => status::of_store(&error),
            },
        };
        // The client may be gone by now.
        let _ = say_end.send(status);
    });
    WatchStream {
        events,
        end: Some(end),
        _place: place,
    }
}

impl Stream for WatchStream {
    type Item = Result<WatchConversationsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(event) = ready!(self.events.poll_recv(context)) {
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
