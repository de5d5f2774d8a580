//! How the service stops: gently first, then without waiting any longer.
//!
//! [`Shutdown`] has two stages. In the first, *draining*, nothing new is accepted and what is in
//! flight goes on to its end. In the second, *forced*, nothing is waited for any more. A signal or
//! the server's own failure starts the first; the second follows when the drain timeout has passed,
//! or at once on a second signal. Stages only advance, and being forced implies draining.
//!
//! Why a second stage is needed: tonic stops accepting when it is notified, and then waits for every
//! open connection without a limit. A client that holds a stream open, or just does not hang up,
//! would keep the process alive for ever. [`Shutdown::drain`] therefore drops the server's future
//! when the stage is forced. Tonic's connections are tasks of their own and outlive that future:
//! they end with the runtime, that is, when the process exits. Long streams need not wait for that;
//! they end by themselves when [`Shutdown::draining`] resolves.
//!
//! Every background task is started with [`Shutdown::spawn`], so that it is known, and is waited for
//! as long as the drain lasts.
//!
//! Deliberately absent: statics. A `Shutdown` is passed to every part that has to stop, tests advance it by
//! hand, and one process can hold several. Windows' ways to stop a process are absent, too.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::metrics::Stopwatch;

/// A handle on how far stopping has got. Its clones all speak of the same stop.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// A child of `forced`, and so cancelled with it.
    draining: CancellationToken,
    forced: CancellationToken,
    tasks: TaskTracker,
    /// Runs from when draining has begun.
    begun: Arc<OnceLock<Stopwatch>>,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Drained<T> {
    /// The future came to its end, with this output, and so did every tracked task.
    Completed(T),
    /// Time was up. The output is there if only tracked tasks were still running.
    CutShort(Option<T>),
}

impl Shutdown {
    /// A handle on a stop that has not begun.
    pub fn new() -> Self {
        let forced = CancellationToken::new();
        Self {
            draining: forced.child_token(),
            forced,
            tasks: TaskTracker::new(),
            begun: Arc::default(),
        }
    }

    /// Begins to drain. Without effect if that has begun.
    pub fn begin(&self) {
        self.begun.get_or_init(Stopwatch::start);
        self.draining.cancel();
    }

    /// Stops waiting for anything.
    pub fn force(&self) {
        self.forced.cancel();
    }

    /// Whether draining has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Whether nothing is waited for any more.
    pub fn is_forced(&self) -> bool {
        self.forced.is_cancelled()
    }

    /// The rest of a drain that may last for `timeout`: all of it before draining has begun, and nothing
    /// when nothing is waited for any more.
    pub fn left_of(&self, timeout: Duration) -> Duration {
        if self.is_forced() {
            return Duration::ZERO;
        }
        let begun = self.begun.get();
        timeout.saturating_sub(begun.map_or(Duration::ZERO, |begun| begun.elapsed()))
    }

    /// Resolves when draining has begun. May be dropped and asked for again at any time.
    ///
    /// The future owns what it needs, so it can be handed to a server as its signal.
    pub fn draining(&self) -> impl Future<Output = ()> + Send + use<> {
        self.draining.clone().cancelled_owned()
    }

    /// Resolves when nothing is waited for any more. May be dropped and asked for again at any time.
    pub fn forced(&self) -> impl Future<Output = ()> + Send + use<> {
        self.forced.clone().cancelled_owned()
    }

    /// Starts a background task that [`Shutdown::drain`] waits for.
    ///
    /// The task has to end soon after [`Shutdown::draining`] resolves; nothing aborts it.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Runs `work`, a server that stops accepting when [`Shutdown::draining`] resolves, and then
    /// waits for the tracked tasks; gives up `timeout` after draining has begun, or when forced.
    ///
    /// The stop begins, at the latest, when `work` ends, so that the background tasks of a server
    /// that failed end as well. Giving up forces the stop for all holders of this handle.
    pub async fn drain<F: Future>(&self, timeout: Duration, work: F) -> Drained<F::Output> {
        let mut output = None;
        let orderly = async {
            output = Some(work.await);
            self.begin();
            self.tasks.close();
            self.tasks.wait().await;
        };
        tokio::select! {
            // Work that is done in the same instant as the time is up counts as done.
            biased;
            () = orderly => {}
            () = self.out_of_time(timeout) => {
                self.force();
                tracing::warn!(
                    drain.serving = output.is_none(),
                    drain.tasks = self.tasks.len(),
                    "gave up waiting for what was still going on"
                );
                return Drained::CutShort(output);
            }
        }
        match output {
            Some(output) => Drained::Completed(output),
            None => Drained::CutShort(None),
        }
    }

    async fn out_of_time(&self, timeout: Duration) {
        self.draining.cancelled().await;
        tokio::select! {
            () = self.forced.cancelled() => {}
            () = tokio::time::sleep(timeout) => {}
        }
    }

    /// Runs `work` while listening for SIGTERM and SIGINT: the first of them begins to drain, the
    /// second forces the stop. Later ones change nothing.
    ///
    /// The signals are caught from before `work` is first polled. From then on none of them kills
    /// the process, so `work` has to end when it is notified.
    ///
    /// # Errors
    ///
    /// When the operating system does not let signals be caught.
    pub async fn on_signals<F: Future>(&self, work: F) -> io::Result<F::Output> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listen = async {
            let name = next(&mut terminate, &mut interrupt).await;
            tracing::info!(
                signal.name = name,
                "draining; a second signal stops at once"
            );
            self.begin();
            let name = next(&mut terminate, &mut interrupt).await;
            tracing::warn!(signal.name = name, "stopping at once");
            self.force();
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            output = work => Ok(output),
            never = listen => match never {},
        }
    }
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::sync::oneshot;

    use super::*;

    /// Longer than any test run: only a signal to stop ends the wait.
    const LONG: Duration = Duration::from_hours(1);

    #[test]
    fn being_forced_implies_draining_but_not_the_reverse() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.is_draining());
        shutdown.begin();
        assert!(shutdown.is_draining() && !shutdown.is_forced());

        let shutdown = Shutdown::new();
        shutdown.clone().force();
        assert!(shutdown.is_draining() && shutdown.is_forced());
    }

    #[test]
    fn what_is_left_of_a_drain_shrinks_from_its_beginning() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.left_of(LONG), LONG);
        shutdown.begin();
        let left = shutdown.left_of(LONG);
        assert!(left < LONG);
        shutdown.clone().begin();
        assert!(shutdown.left_of(LONG) < left);
        assert_eq!(shutdown.left_of(Duration::ZERO), Duration::ZERO);
        shutdown.force();
        assert_eq!(shutdown.left_of(LONG), Duration::ZERO);
    }

    #[tokio::test]
    async fn work_that_ends_when_notified_is_waited_for() {
        let shutdown = Shutdown::new();
        let notified = shutdown.draining();
        let work = async {
            shutdown.begin();
            notified.await;
            7
        };
        assert_eq!(shutdown.drain(LONG, work).await, Drained::Completed(7));
        assert!(!shutdown.is_forced());
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_abandoned_when_time_is_up() {
        let shutdown = Shutdown::new();
        shutdown.begin();
        let drained = shutdown.drain(Duration::ZERO, pending::<()>()).await;
        assert_eq!(drained, Drained::CutShort(None));
        assert!(shutdown.is_forced());
    }

    #[tokio::test]
    async fn work_that_does_not_end_is_abandoned_at_once_when_forced() {
        let shutdown = Shutdown::new();
        shutdown.force();
        let drained = shutdown.drain(LONG, pending::<()>()).await;
        assert_eq!(drained, Drained::CutShort(None));
    }

    #[tokio::test]
    async fn the_timeout_does_not_run_before_draining_has_begun() {
        let shutdown = Shutdown::new();
        let (send, receive) = oneshot::channel();
        let drain = shutdown.drain(Duration::ZERO, receive);
        let later = async {
            tokio::task::yield_now().await;
            assert!(!shutdown.is_forced());
            send.send("served").unwrap();
        };
        let (drained, ()) = tokio::join!(drain, later);
        assert_eq!(drained, Drained::Completed(Ok("served")));
    }

    #[tokio::test]
    async fn work_that_ends_by_itself_stops_the_background_tasks_and_waits_for_them() {
        let shutdown = Shutdown::new();
        let task = shutdown.spawn(shutdown.draining());
        let drained = shutdown.drain(LONG, ready("failed")).await;
        assert_eq!(drained, Drained::Completed("failed"));
        assert!(task.is_finished());
    }

    #[tokio::test]
    async fn a_background_task_that_does_not_end_does_not_hold_the_stop_up() {
        let shutdown = Shutdown::new();
        let task = shutdown.spawn(pending::<()>());
        let drained = shutdown.drain(Duration::ZERO, ready("served")).await;
        assert_eq!(drained, Drained::CutShort(Some("served")));
        task.abort();
    }
}
