//! The body of an answer on its way to the peer: what of it has not been read is held in a budget, so that
//! answers which are never read cost a bounded amount of memory for a bounded time.
//!
//! Each chunk knows when the connection has written it and lets go of it. A large answer is handed over a
//! little at a time, and ends only when all of it is written: until then its stream can be cut off. A small
//! one goes to the connection in one piece, since waiting for that would cost every call another write to
//! the network.

use std::{
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use http_body::{Body as HttpBody, Frame};
use prost::bytes::Bytes;
use tonic::{Status, body::Body};

use crate::peers::{Budget, Held, StreamCut};

/// The most bytes of a chunk: those of an HTTP/2 frame.
const CHUNK: usize = 16 * 1024;
/// The most bytes that the connection is given ahead of what it has written.
const AHEAD: usize = 4 * CHUNK;
/// The memory that an answer takes beyond its bytes: its stream and its headers.
const OVERHEAD: usize = 4 * 1024;

/// A body that is being sent.
pub(super) struct Sending {
    body: Body,
    budget: Budget<StreamCut>,
    cut: Option<StreamCut>,
    /// The rest of the message that is being sent.
    rest: Bytes,
    message: Option<Arc<Held<StreamCut>>>,
    ahead: Arc<Ahead>,
    /// Whether any message was larger than a chunk.
    is_large: bool,
    end: End,
}

/// How an answer ends.
enum End {
    /// There may be more of it.
    Open,
    /// With trailers, or an error.
    With(Result<Frame<Bytes>, Status>),
    /// There is nothing more.
    Over,
}

/// How many bytes the connection has been given and has not written.
#[derive(Default)]
struct Ahead(Mutex<(usize, Option<Waker>)>);

/// Some bytes of a message, until the connection has written them.
struct Chunk {
    bytes: Bytes,
    message: Arc<Held<StreamCut>>,
    ahead: Arc<Ahead>,
}

impl Sending {
    /// Sends `body`, which is held in `budget`.
    pub(super) fn new(body: Body, budget: Budget<StreamCut>) -> Self {
        Self {
            body,
            budget,
            cut: None,
            rest: Bytes::new(),
            message: None,
            ahead: Arc::default(),
            is_large: false,
            end: End::Open,
        }
    }

    /// The next chunk of the message that is being sent.
    fn chunk(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            self.message = None;
            return None;
        }
        let message = self.message.clone()?;
        let bytes = self.rest.split_to(self.rest.len().min(CHUNK));
        self.ahead.add(bytes.len());
        Some(Bytes::from_owner(Chunk {
            bytes,
            message,
            ahead: Arc::clone(&self.ahead),
        }))
    }
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        loop {
            if !matches!(this.end, End::Open) {
                if this.is_large {
                    ready!(this.ahead.poll_at_most(0, context));
                }
                return Poll::Ready(match mem::replace(&mut this.end, End::Over) {
                    End::With(end) => Some(end),
                    End::Open | End::Over => None,
                });
            }
            if !this.rest.is_empty() {
                ready!(this.ahead.poll_at_most(AHEAD - CHUNK, context));
            }
            if let Some(chunk) = this.chunk() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        let cut = this.cut.get_or_insert_with(StreamCut::current).clone();
                        let held = this.budget.hold(OVERHEAD + data.len(), cut);
                        this.is_large |= data.len() > CHUNK;
                        this.message = Some(Arc::new(held));
                        this.rest = data;
                    }
                    Err(frame) => this.end = End::With(Ok(frame)),
                },
                Some(Err(error)) => this.end = End::With(Err(error)),
                None => this.end = End::Over,
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.end {
            End::Open => self.rest.is_empty() && self.body.is_end_stream(),
            End::With(_) => false,
            End::Over => true,
        }
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        if Arc::strong_count(&self.message) > 1 {
            self.message.moved();
        }
        self.ahead.written(self.bytes.len());
    }
}

impl Ahead {
    fn add(&self, bytes: usize) {
        self.state().0 += bytes;
    }

    fn written(&self, bytes: usize) {
        let mut state = self.state();
        state.0 -= bytes;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ready when the connection has written all but so many bytes.
    fn poll_at_most(&self, bytes: usize, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.0 <= bytes {
            return Poll::Ready(());
        }
        state.1 = Some(context.waker().clone());
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, (usize, Option<Waker>)> {
        // Nothing panics while it is locked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http_body_util::{BodyExt as _, Full};
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    fn sending(length: usize, cut_off: &Counter, limit: usize) -> Sending {
        let trailers = async { Some(Ok(HeaderMap::new())) };
        let message = Full::new(Bytes::from(vec![7; length])).with_trailers(trailers);
        let message = Body::new(message.map_err(|never| match never {}));
        Sending::new(message, Budget::new(limit, None, cut_off.clone()))
    }

    fn poll(sending: &mut Sending) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(sending).poll_frame(&mut context)
    }

    fn data(frame: Poll<Option<Result<Frame<Bytes>, Status>>>) -> Option<Bytes> {
        match frame {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().ok(),
            _ => None,
        }
    }

    #[tokio::test]
    async fn an_answer_arrives_as_it_was_whatever_its_size() {
        for length in [0, 1, CHUNK, CHUNK + 1, 10 * CHUNK + 3] {
            let mut sending = sending(length, &Counter::default(), usize::MAX);
            let (mut whole, mut has_ended) = (Vec::new(), false);
            while let Some(frame) = sending.frame().await {
                // Bytes that are read are let go of: no more is handed over until then.
                match frame.unwrap().into_data() {
                    Ok(data) => whole.extend_from_slice(&data),
                    Err(frame) => has_ended = frame.is_trailers(),
                }
            }
            assert!(has_ended, "{length}");
            assert_eq!(whole, vec![7; length], "{length}");
        }
    }

    #[test]
    fn a_small_answer_does_not_wait_to_be_written() {
        let mut sending = sending(CHUNK, &Counter::default(), usize::MAX);
        let chunk = data(poll(&mut sending)).expect("it is there");
        assert!(poll(&mut sending).is_ready(), "its trailers");
        drop(chunk);
    }

    #[test]
    fn a_large_answer_is_handed_over_as_it_is_written_and_ends_after_that() {
        let mut sending = sending(6 * CHUNK, &Counter::default(), usize::MAX);
        let mut chunks: Vec<_> = std::iter::from_fn(|| data(poll(&mut sending))).collect();
        assert_eq!(chunks.len(), AHEAD / CHUNK);
        chunks.pop();
        chunks.push(data(poll(&mut sending)).expect("there is room for one more"));
        assert!(poll(&mut sending).is_pending());
        chunks.pop();
        chunks.push(data(poll(&mut sending)).expect("and for another"));
        assert!(poll(&mut sending).is_pending(), "it is not written");
        drop(chunks);
        assert!(poll(&mut sending).is_ready(), "its trailers");
    }

    #[test]
    fn what_is_not_read_is_held_until_it_is() {
        let cut_off = Counter::default();
        let mut first = sending(CHUNK, &cut_off, 2 * (CHUNK + OVERHEAD) - 1);
        let chunk = data(poll(&mut first)).expect("it is there");
        // Its stream may have ended, and what it has sent is with the connection.
        let budget = first.budget.clone();
        drop(first);
        let second = budget.hold(CHUNK + OVERHEAD, StreamCut::current());
        assert_eq!(cut_off.get(), 1);
        drop((chunk, second));
        let _third = budget.hold(CHUNK + OVERHEAD, StreamCut::current());
        assert_eq!(cut_off.get(), 1);
    }
}
