//! Messages and what they carry.

use std::fmt;

use super::{ConversationId, PayloadType, Seq, Timestamp, UserId};

/// A stored message, as one of its readers sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The conversation, from the reader's side.
    pub conversation_id: ConversationId,
    /// Its position in the conversation.
    pub seq: Seq,
    /// The user who sent it; `None` for a system message.
    pub sender: Option<UserId>,
    /// The time at which it was stored; never decreases within a conversation.
    pub send_time: Timestamp,
    /// The content.
    pub body: MessageBody,
}

/// The content of a message: at most 12 KiB.
///
/// Its `Debug` form gives the size and never the content, so that no message's text reaches a log.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageBody {
    payload_type: Option<PayloadType>,
    content: Vec<u8>,
}

/// Why a content is no [`MessageBody`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It has more than 12 KiB.
    TooLong,
    /// It is meant as text and is not UTF-8.
    NotUtf8,
}

impl MessageBody {
    /// The most bytes of a body; for a payload its type and its data together.
    pub const MAX_BYTES: usize = 12 * 1024;

    /// A body of plain text when there is no payload type, and of typed bytes when there is one.
    ///
    /// # Errors
    ///
    /// A [`BodyError`] when it is too long, or text that is not UTF-8.
    pub fn new(payload_type: Option<PayloadType>, content: Vec<u8>) -> Result<Self, BodyError> {
        let body = Self {
            payload_type,
            content,
        };
        if body.size() > Self::MAX_BYTES {
            return Err(BodyError::TooLong);
        }
        if body.payload_type.is_none() && std::str::from_utf8(&body.content).is_err() {
            return Err(BodyError::NotUtf8);
        }
        Ok(body)
    }

    /// The type of the bytes; `None` for plain text.
    #[must_use]
    pub const fn payload_type(&self) -> Option<&PayloadType> {
        self.payload_type.as_ref()
    }

    /// The bytes; UTF-8 for plain text.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// How many bytes it has, the name of its type included: at most [`Self::MAX_BYTES`].
    #[must_use]
    pub fn size(&self) -> usize {
        let name = self.payload_type.as_ref();
        name.map_or(0, |name| name.as_str().len()) + self.content.len()
    }

    /// The type of the bytes, and the bytes.
    #[must_use]
    pub fn into_parts(self) -> (Option<PayloadType>, Vec<u8>) {
        (self.payload_type, self.content)
    }
}

impl fmt::Debug for MessageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageBody({} bytes)", self.content.len())
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "must be at most {} bytes long", MessageBody::MAX_BYTES),
            Self::NotUtf8 => f.write_str("must be UTF-8"),
        }
    }
}

impl std::error::Error for BodyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_at_most_twelve_kibibytes_with_its_type() {
        assert!(MessageBody::new(None, vec![b'x'; 12_288]).is_ok());
        assert_eq!(
            MessageBody::new(None, vec![b'x'; 12_289]),
            Err(BodyError::TooLong)
        );
        let image = PayloadType::new("image").ok();
        assert!(MessageBody::new(image.clone(), vec![0; 12_283]).is_ok());
        assert_eq!(
            MessageBody::new(image, vec![0; 12_284]),
            Err(BodyError::TooLong)
        );
    }

    #[test]
    fn the_debug_form_of_a_body_does_not_tell_its_content() {
        let body = MessageBody::new(None, b"meet me at nine".to_vec()).expect("a short text");
        assert_eq!(format!("{body:?}"), "MessageBody(15 bytes)");
    }
}
