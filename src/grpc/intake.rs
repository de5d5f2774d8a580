//! Takes a request in as a whole before anything is done for it: one that never arrives takes no permit,
//! and what has arrived of it is bounded in bytes and in time.

use std::{
    collections::VecDeque,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, Request};
use http_body::{Body as HttpBody, Frame};
use prost::bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body};

use super::{come_back::ComeBack, status};
use crate::{
    metrics::Stopwatch,
    peers::{Budget, Held},
};

/// The bytes in front of a message: whether it is compressed, and its length.
const FRAME_HEADER: usize = 5;
/// The memory that a request takes beyond its bytes: its stream, its headers, its task.
const OVERHEAD: usize = 16 * 1024;

/// A request's body that has arrived.
#[derive(Default)]
struct Arrived {
    data: VecDeque<Bytes>,
    length: usize,
    trailers: Option<HeaderMap>,
}

/// The request, once all of it has arrived.
///
/// # Errors
///
/// The refusal of a request whose message has more than `most` bytes or that takes too long; or of one that
/// was cut off, because too much has arrived of too many.
pub(super) async fn whole(
    request: Request<Body>,
    most: usize,
    budget: &Budget<CancellationToken>,
    come_back: ComeBack,
) -> Result<Request<Body>, Status> {
    let (parts, mut body) = request.into_parts();
    let mut arrived = Arrived::default();
    let most = most + FRAME_HEADER;
    // Mostly all of it is there, and nothing has to be held.
    let complete = poll_fn(|context| Poll::Ready(arrived.poll(&mut body, most, context))).await;
    if let Poll::Ready(complete) = complete {
        complete?;
    } else {
        let (cut, started) = (CancellationToken::new(), Stopwatch::start());
        let held = budget.hold(OVERHEAD + arrived.length, cut.clone());
        tokio::select! {
            biased;
            () = cut.cancelled() => {
                let is_late = budget.patience().is_some_and(|patience| started.elapsed() >= patience);
                return Err(if is_late {
                    status::request_too_slow()
                } else {
                    come_back.refusal()
                });
            }
            complete = poll_fn(|context| arrived.poll_held(&mut body, most, &held, context)) => {
                complete?;
            }
        }
    }
    Ok(Request::from_parts(parts, Body::new(arrived)))
}

impl Arrived {
    /// Takes in all that has arrived. Ready when that is the whole request.
    fn poll(
        &mut self,
        body: &mut Body,
        most: usize,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Status>> {
        while let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(context)) {
            match frame?.into_data() {
                Ok(data) => {
                    self.length += data.len();
                    if self.length > most {
                        return Poll::Ready(Err(status::too_large()));
                    }
                    if !data.is_empty() {
                        self.data.push_back(data);
                    }
                }
                Err(frame) => self.trailers = frame.into_trailers().ok(),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The same, and holds what has arrived.
    fn poll_held(
        &mut self,
        body: &mut Body,
        most: usize,
        held: &Held<CancellationToken>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Status>> {
        let before = self.length;
        let complete = self.poll(body, most, context);
        if self.length > before {
            held.grow(self.length - before);
        }
        complete
    }
}

impl HttpBody for Arrived {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let data = self.data.pop_front().map(Frame::data);
        let frame = data.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_empty() && self.trailers.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt as _;
    use prometheus_client::metrics::counter::Counter;
    use tokio::sync::mpsc;
    use tonic::Code;

    use super::{super::come_back::CALLS, *};

    /// A body of what is sent over a channel.
    struct Coming(mpsc::UnboundedReceiver<Bytes>);

    impl HttpBody for Coming {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            let data = ready!(self.0.poll_recv(context));
            Poll::Ready(data.map(|data| Ok(Frame::data(data))))
        }
    }

    fn coming() -> (mpsc::UnboundedSender<Bytes>, Request<Body>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Request::new(Body::new(Coming(receiver))))
    }

    fn budget(limit: usize) -> Budget<CancellationToken> {
        Budget::new(limit, None, Counter::default())
    }

    fn bytes(length: usize) -> Bytes {
        Bytes::from(vec![7; length])
    }

    #[tokio::test]
    async fn what_has_arrived_in_parts_is_handed_on_as_it_came() {
        let (sender, request) = coming();
        let budget = budget(1 << 20);
        let whole = whole(request, 1000, &budget, CALLS);
        let sending = async {
            for length in [3, 0, 500, 400] {
                sender.send(bytes(length)).unwrap();
                tokio::task::yield_now().await;
            }
            drop(sender);
        };
        let (whole, ()) = tokio::join!(whole, sending);
        let body = whole.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), bytes(903));
    }

    #[tokio::test]
    async fn more_than_the_most_is_refused_before_it_has_arrived() {
        let (sender, request) = coming();
        sender.send(bytes(1006)).unwrap();
        let refused = whole(request, 1000, &budget(1 << 20), CALLS)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }

    #[tokio::test]
    async fn the_oldest_is_refused_when_too_much_has_arrived_of_too_many() {
        let budget = budget(OVERHEAD + 1500);
        let (first_sender, first) = coming();
        let (second_sender, second) = coming();
        first_sender.send(bytes(1000)).unwrap();
        second_sender.send(bytes(1000)).unwrap();
        let first = whole(first, 1000, &budget, CALLS);
        let second = whole(second, 1000, &budget, CALLS);
        let sending = async {
            tokio::task::yield_now().await;
            drop(second_sender);
        };
        let (first, second, ()) = tokio::join!(first, second, sending);
        assert_eq!(first.unwrap_err().code(), Code::ResourceExhausted);
        assert!(second.is_ok());
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_refused() {
        let patience = Some(Duration::from_millis(1));
        let budget = Budget::new(1 << 20, patience, Counter::default());
        let (sender, request) = coming();
        sender.send(bytes(1)).unwrap();
        let refused = tokio::select! {
            refused = whole(request, 1000, &budget, CALLS) => refused.unwrap_err(),
            () = budget.watch_over("requests") => unreachable!("it never ends"),
        };
        assert_eq!(refused.code(), Code::DeadlineExceeded);
    }
}
