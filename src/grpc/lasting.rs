//! The body of an answer that is a stream. It holds the stream's permits until the stream ends, and limits how
//! long that may take.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::time::{Sleep, sleep};
use tonic::{Status, body::Body};

use super::{limits::Permit, status};

/// A body that has a permit until it ends.
pub(super) struct Lasting {
    body: Body,
    end: Option<Pin<Box<Sleep>>>,
    permit: Option<Permit>,
}

impl Lasting {
    /// Of any length, or at most of this one.
    pub(super) fn new(body: Body, permit: Permit, longest: Option<Duration>) -> Self {
        Self {
            body,
            end: longest.map(|longest| Box::pin(sleep(longest))),
            permit: Some(permit),
        }
    }
}

impl HttpBody for Lasting {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.permit.is_none() {
            return Poll::Ready(None);
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let is_late = |end: &mut Pin<Box<Sleep>>| end.as_mut().poll(context).is_ready();
        if frame.is_pending() && self.end.as_mut().is_some_and(is_late) {
            self.permit = None;
            self.body = Body::empty();
            let mut trailers = HeaderMap::new();
            // It has nothing that could not be written.
            let _ = status::deadline_exceeded().add_header(&mut trailers);
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        if let Poll::Ready(None | Some(Err(_))) = &frame {
            self.permit = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.permit.is_none() || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
