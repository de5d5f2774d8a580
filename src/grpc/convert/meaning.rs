//! The meaning of a request, and the digests by which a retry is recognised.

use std::collections::HashMap;

use prost::Message;
use ring::digest::{Context, SHA256};

use crate::domain::{ConversationId, RequestDigest, Seq, Timestamp};

/// The meaning of a request, value by value, on the way to its digest. A value of variable length says how
/// long it is, so that no two meanings are written alike.
pub(super) struct Meaning(Context);

impl Meaning {
    pub(super) fn of(method: &str) -> Self {
        let mut meaning = Self(Context::new(&SHA256));
        // The first digests began with the method's name.
        meaning.0.update(b"meaning\0");
        meaning.bytes(method.as_bytes());
        meaning
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }

    pub(super) fn flag(&mut self, flag: bool) {
        self.number(flag.into());
    }

    /// Absent is a value of its own.
    pub(super) fn optional_flag(&mut self, flag: Option<bool>) {
        self.number(flag.map_or(2, u64::from));
    }

    /// Absent is a value of its own.
    pub(super) fn optional_time(&mut self, time: Option<Timestamp>) {
        self.flag(time.is_some());
        self.number(time.map_or(0, |time| time.as_micros().cast_unsigned()));
    }

    /// Conversations in the order in which the answer names them.
    pub(super) fn conversations(&mut self, ids: &[ConversationId]) {
        self.number(ids.len() as u64);
        for id in ids {
            self.bytes(id.to_string().as_bytes());
        }
    }

    /// How far conversations were seen, in any order.
    pub(super) fn seen_through(&mut self, seen: &HashMap<ConversationId, Seq>) {
        let mut seen: Vec<_> = seen.iter().map(|(id, seq)| (id.to_string(), seq)).collect();
        seen.sort_unstable();
        self.number(seen.len() as u64);
        for (id, seq) in seen {
            self.bytes(id.as_bytes());
            self.number(seq.get());
        }
    }

    pub(super) fn finish(self) -> RequestDigest {
        truncated(self.0)
    }
}

/// The digest of the request's own bytes, by which former versions recognised it.
pub(super) fn former_digest(method: &str, content: &impl Message) -> RequestDigest {
    let mut hash = Context::new(&SHA256);
    hash.update(method.as_bytes());
    hash.update(&[0]);
    hash.update(&content.encode_to_vec());
    truncated(hash)
}

fn truncated(hash: Context) -> RequestDigest {
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finish().as_ref()[..16]);
    RequestDigest(digest)
}
