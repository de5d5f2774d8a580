//! The body of a request that is a stream of small messages. A message that is larger is refused by its
//! header, before any of it is kept: a stream lasts, and what has arrived of a message waits for the rest of it
//! for as long.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::{Status, body::Body};

use super::status;

/// The bytes in front of a message: whether it is compressed, and its length.
const HEADER: usize = 5;

/// A body none of whose messages has more than a number of bytes.
pub(super) struct SmallMessages {
    body: Body,
    most: usize,
    messages: Messages,
}

/// Where in its messages a body is.
#[derive(Default)]
struct Messages {
    header: [u8; HEADER],
    /// How many bytes of the header have come.
    in_header: usize,
    /// How many bytes of the message are to come.
    rest: usize,
}

impl SmallMessages {
    pub(super) fn new(body: Body, most: usize) -> Self {
        Self {
            body,
            most,
            messages: Messages::default(),
        }
    }
}

impl Messages {
    /// Passes over what has come. Says whether all messages so far are small enough.
    fn pass(&mut self, mut data: &[u8], most: usize) -> bool {
        while let Some(byte) = data.first() {
            if self.rest > 0 {
                let passed = self.rest.min(data.len());
                self.rest -= passed;
                data = &data[passed..];
                continue;
            }
            self.header[self.in_header] = *byte;
            self.in_header += 1;
            data = &data[1..];
            if self.in_header == HEADER {
                self.in_header = 0;
                let [_, length @ ..] = self.header;
                self.rest = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                if self.rest > most {
                    return false;
                }
            }
        }
        true
    }
}

impl HttpBody for SmallMessages {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && !this.messages.pass(data, this.most)
        {
            return Poll::Ready(Some(Err(status::too_large())));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(lengths: &[u8]) -> Vec<u8> {
        let messages = lengths.iter().map(|length| {
            let header = vec![0, 0, 0, 0, *length];
            [header, vec![9; usize::from(*length)]].concat()
        });
        messages.collect::<Vec<_>>().concat()
    }

    #[test]
    fn small_messages_pass_however_they_are_cut() {
        let body = framed(&[0, 7, 8, 0, 1]);
        for chunk in 1..=body.len() {
            let mut messages = Messages::default();
            assert!(body.chunks(chunk).all(|data| messages.pass(data, 8)));
            assert_eq!((messages.in_header, messages.rest), (0, 0));
        }
    }

    #[test]
    fn a_larger_message_is_refused_by_its_header() {
        for chunk in 1..=20 {
            let body = framed(&[8, 9]);
            let mut messages = Messages::default();
            let mut passed = body.chunks(chunk);
            let refused = passed.position(|data| !messages.pass(data, 8));
            assert_eq!(refused, Some(17 / chunk), "cut at {chunk}");
        }
    }
}
