//! The way of a log line to standard error. It never blocks a task that logs.
//!
//! The reader of standard error may stop reading: a log collector that hangs, a terminal that is
//! paused. Then a write blocks, and with it everything that logs, which is every call. So lines go into
//! a queue and one thread writes them. When the queue is full, new lines are dropped and counted; when
//! the reader has caught up, one line says how many.
//!
//! A crate for this exists, `tracing-appender`. Its queue is bounded by lines, not bytes, it does not say
//! when lines are lost, and at the end of a process whose reader has stopped it writes to standard
//! output, which may be the same pipe.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use tracing_subscriber::fmt::MakeWriter;

/// The most bytes that wait to be written.
const MOST_QUEUED: usize = 4 * 1024 * 1024;

/// The lines that wait to be written. Its clones are the same queue.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// There is a line to write.
    filled: Condvar,
    /// The last line has been written.
    emptied: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    /// One that is no longer in the queue is being written.
    is_writing: bool,
}

impl Lines {
    /// Begins to write to `out`, on a thread that lives as long as the process.
    ///
    /// # Errors
    ///
    /// If there is no room for a thread.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = Self(Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            dropped: AtomicU64::new(0),
        }));
        let writer = lines.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.write_to(out))?;
        Ok(lines)
    }

    /// How many lines have been dropped.
    pub(super) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until everything is written, but no longer than `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let is_busy = |queue: &mut Queue| queue.is_writing || !queue.lines.is_empty();
        // Poisoned or out of time, there is nothing more to do.
        let _ = self
            .0
            .emptied
            .wait_timeout_while(self.lock(), patience, is_busy);
    }

    fn push(&self, line: &[u8]) {
        let mut queue = self.lock();
        if queue.bytes + line.len() > MOST_QUEUED {
            self.drop_one();
            return;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line.to_vec());
        drop(queue);
        self.0.filled.notify_one();
    }

    fn write_to(self, mut out: impl Write) {
        let mut reported = 0;
        loop {
            let line = self.next();
            let is_written = out.write_all(&line).and_then(|()| out.flush()).is_ok();
            if !is_written {
                self.drop_one();
            }
            if self.has_written() && is_written {
                let dropped = self.dropped();
                if dropped > reported {
                    let lines = dropped - reported;
                    reported = dropped;
                    tracing::warn!(
                        lines,
                        "log lines were dropped: whoever reads the log was too slow"
                    );
                }
            }
        }
    }

    /// The next line, once there is one.
    fn next(&self) -> Vec<u8> {
        let is_empty = |queue: &mut Queue| queue.lines.is_empty();
        let waiting = self.0.filled.wait_while(self.lock(), is_empty);
        let mut queue = waiting.unwrap_or_else(PoisonError::into_inner);
        let line = queue.lines.pop_front().unwrap_or_default();
        queue.bytes -= line.len();
        queue.is_writing = true;
        line
    }

    /// Notes that a line has been written; returns whether it was the last one.
    fn has_written(&self) -> bool {
        let mut queue = self.lock();
        queue.is_writing = false;
        let is_last = queue.lines.is_empty();
        if is_last {
            self.0.emptied.notify_all();
        }
        is_last
    }

    fn drop_one(&self) {
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Nothing that can panic is done under the lock.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes each line as a whole: a line comes in one write.
impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'writer> MakeWriter<'writer> for Lines {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    /// Says of each line that it is about to be written, and writes it when it may.
    struct Gate {
        begun: Sender<Vec<u8>>,
        go: Receiver<io::Result<()>>,
    }

    impl Write for Gate {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(line.to_vec());
            self.go.recv().unwrap_or(Ok(()))?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gate() -> (Lines, Receiver<Vec<u8>>, Sender<io::Result<()>>) {
        let (begun, begins) = channel();
        let (may, go) = channel();
        let lines = Lines::start(Gate { begun, go }).unwrap();
        (lines, begins, may)
    }

    #[test]
    fn lines_are_written_in_their_order_and_a_flush_waits_for_the_last() {
        let (lines, begins, may) = gate();
        for line in [b"one", b"two"] {
            lines.push(line);
            may.send(Ok(())).unwrap();
        }
        lines.flush(LONG);
        assert_eq!(begins.try_iter().collect::<Vec<_>>(), [b"one", b"two"]);
    }

    #[test]
    fn nobody_waits_for_a_reader_who_does_not_read_and_what_is_too_much_is_counted() {
        let (lines, begins, may) = gate();
        let line = vec![b'x'; 1024];
        lines.push(&line);
        begins.recv().unwrap();
        // The first one is being written, so the queue has room for exactly so many.
        for _ in 0..MOST_QUEUED / line.len() {
            lines.push(&line);
        }
        assert_eq!(lines.dropped(), 0);
        for _ in 0..10 {
            lines.push(&line);
        }
        assert_eq!(lines.dropped(), 10);
        lines.flush(Duration::from_millis(1));
        // Everybody may write now.
        drop(may);
        lines.flush(LONG);
        assert_eq!(begins.try_iter().count(), MOST_QUEUED / line.len());
    }

    #[test]
    fn a_line_that_cannot_be_written_is_counted_and_the_next_one_is_tried() {
        let (lines, begins, may) = gate();
        lines.push(b"one");
        may.send(Err(io::ErrorKind::BrokenPipe.into())).unwrap();
        lines.push(b"two");
        may.send(Ok(())).unwrap();
        lines.flush(LONG);
        assert_eq!(lines.dropped(), 1);
        assert_eq!(begins.try_iter().collect::<Vec<_>>(), [b"one", b"two"]);
    }
}
