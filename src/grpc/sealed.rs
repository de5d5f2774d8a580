//! Texts that callers keep for this service: page tokens and plans.
//!
//! A text begins with a digest of its scope and its content. So it is refused if it was altered or truncated, or
//! comes back in another scope. It is not secret and gives no rights.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{Context, SHA256};

const DIGEST_BYTES: usize = 12;

/// The text for what is `written`.
pub(super) fn seal(scope: &[u8], written: &[u8]) -> String {
    let mut bytes = digest(scope, written);
    bytes.extend(written);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Opens a text, and returns what was written; `None` if it is none of this scope.
pub(super) fn open(scope: &[u8], text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (claimed, written) = bytes.split_at_checked(DIGEST_BYTES)?;
    (claimed == digest(scope, written)).then(|| written.to_vec())
}

fn digest(scope: &[u8], written: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    context.update(&scope.len().to_be_bytes());
    context.update(scope);
    context.update(written);
    context.finish().as_ref()[..DIGEST_BYTES].to_vec()
}

pub(super) fn write(written: &mut Vec<u8>, number: i64) {
    written.extend(number.to_be_bytes());
}

/// Reads so many bytes from the beginning.
pub(super) fn read<const BYTES: usize>(written: &mut &[u8]) -> Option<[u8; BYTES]> {
    let (bytes, rest) = written.split_first_chunk()?;
    *written = rest;
    Some(*bytes)
}

pub(super) fn read_number(written: &mut &[u8]) -> Option<i64> {
    read(written).map(i64::from_be_bytes)
}
