//! The HTTP/2 streams of a connection as tasks that can be cut off.
//!
//! hyper runs each stream as a task: the call, then the sending of its answer. While an answer is not
//! read, that task waits for the peer and looks at nothing else, so it is ended from outside. Dropping it
//! resets the stream.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hyper::rt::Executor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::budget::Cut;

tokio::task_local! {
    /// The stream that the running task is.
    static CURRENT: StreamCut;
}

/// The handle that a stream is cut off by. Clones are one.
///
/// The task of a stream may have ended although its answer is not sent: hyper has handed all of it to the
/// connection. An answer that is so small stands still only if the whole connection does, and that is
/// closed then.
#[derive(Clone, Debug)]
pub(crate) struct StreamCut(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stream: CancellationToken,
    has_ended: AtomicBool,
    connection: CancellationToken,
}

impl StreamCut {
    fn new(connection: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            stream: CancellationToken::new(),
            has_ended: AtomicBool::new(false),
            connection,
        }))
    }

    /// Of the stream that this is called in. Outside of any, it cuts nothing.
    pub(crate) fn current() -> Self {
        let current = CURRENT.try_with(Clone::clone);
        current.unwrap_or_else(|_| Self::new(CancellationToken::new()))
    }

    /// Runs `stream` to its end, or until it is cut off.
    async fn run(self, stream: impl Future<Output = ()>) {
        tokio::select! {
            () = self.0.stream.cancelled() => {}
            () = stream => {
                self.0.has_ended.store(true, Ordering::SeqCst);
                // It may have been cut off in this very moment.
                if self.0.stream.is_cancelled() {
                    self.0.connection.cancel();
                }
            }
        }
    }
}

impl Cut for StreamCut {
    fn cut(&self) {
        self.0.stream.cancel();
        if self.0.has_ended.load(Ordering::SeqCst) {
            self.0.connection.cancel();
        }
    }
}

/// Runs the streams of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    tasks: TaskTracker,
    connection: CancellationToken,
}

impl Streams {
    /// None yet. `connection` is cancelled when nothing but closing the connection helps.
    pub(crate) fn new(connection: CancellationToken) -> Self {
        Self {
            tasks: TaskTracker::new(),
            connection,
        }
    }

    /// Whether any call is going on.
    pub(crate) fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let cut = StreamCut::new(self.connection.clone());
        self.tasks
            .spawn(CURRENT.scope(cut.clone(), cut.run(stream)));
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn a_stream_that_goes_on_is_cut_off_alone() {
        let connection = CancellationToken::new();
        let cut = StreamCut::new(connection.clone());
        cut.cut();
        cut.run(pending()).await;
        assert!(!connection.is_cancelled());
    }

    #[tokio::test]
    async fn a_stream_that_has_ended_is_cut_off_with_its_connection() {
        let connection = CancellationToken::new();
        let cut = StreamCut::new(connection.clone());
        cut.clone().run(ready(())).await;
        assert!(!connection.is_cancelled());
        cut.cut();
        assert!(connection.is_cancelled());
    }

    #[tokio::test]
    async fn a_call_finds_the_stream_that_it_comes_over() {
        let streams = Streams::new(CancellationToken::new());
        assert!(streams.is_idle());
        streams.execute(async {
            StreamCut::current().cut();
            pending::<()>().await;
        });
        streams.tasks.close();
        streams.tasks.wait().await;
        assert!(streams.is_idle());
    }
}
