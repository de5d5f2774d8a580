//! The entry point for fuzzing: feeds any bytes to the code that reads a caller's input, and checks what
//! must always hold. It is there when `cargo fuzz` builds the crate, and for the test of the seeds.
//!
//! The checks say the rules a second time, in other words than the code's, so that a mistake in one of them
//! shows. A panic is a finding, whether it comes from the code or from a check.
//!
//! Deliberately absent: the database and the transport. `tests/it/fuzz` has both.

mod admission;
#[cfg(not(test))]
mod fields;
#[cfg(test)]
pub(in crate::grpc) mod fields;
mod methods;
#[cfg(test)]
pub(in crate::grpc) mod seeds;
mod texts;
#[cfg(test)]
pub(in crate::grpc) mod variants;

use std::{collections::BTreeSet, str::from_utf8};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use self::{fields::Fields, methods::METHODS};
use super::violations::InvalidRequest;

/// The most violations that an error names.
const MOST_VIOLATIONS: usize = 20;

/// The most bytes of an error's message. It travels in a header.
const LONGEST_MESSAGE: usize = 500;

/// Target `requests`: the first byte chooses the method, the others are the request, as they would
/// come in the frame of a call.
///
/// # Panics
///
/// If the request is neither parsed nor refused with 1 to 20 violations of fields that exist.
pub fn request(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else {
        return;
    };
    let (method, parse) = METHODS[usize::from(*choice) % METHODS.len()];
    if let Some(Err(refused)) = parse(bytes) {
        check(method, bytes.len(), refused);
    }
}

/// Target `texts`: the first byte chooses what the others stand for, such as an ID, a page token, a
/// deadline or a credential.
///
/// # Panics
///
/// If something is read as anything else than it means, or does not come back from its own form.
pub fn text(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else {
        return;
    };
    let text = from_utf8(bytes);
    match (choice % texts::KINDS, text) {
        (0, Ok(text)) => texts::conversation_id(text),
        (1, _) => texts::conversation_ids_of_a_request(bytes),
        (2, Ok(text)) => texts::canonical_id(text),
        (3, _) => texts::page_token_of_a_list(bytes),
        (4, _) => texts::page_token_of_messages(bytes),
        (5, Ok(text)) => texts::page_token_of_nobody(text),
        (6, _) => texts::timeout(bytes),
        (7, _) => texts::request_id(bytes),
        (8, _) => admission::of(bytes),
        (9, _) => texts::page_token_of_deletions(bytes),
        // Only bytes that are a text can come where a text belongs.
        _ => {}
    }
}

/// Checks what is said about a refused request of `length` bytes.
fn check(method: &str, length: usize, refused: InvalidRequest) {
    let status = Status::from(refused);
    assert_eq!(status.code(), Code::InvalidArgument, "{method}: {status:?}");
    let said = status.message().len();
    assert!((1..LONGEST_MESSAGE).contains(&said), "{method}: {status:?}");

    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    assert_eq!(reason, Some("INVALID_REQUEST"), "{method}: {status:?}");
    let violations = details
        .bad_request()
        .map_or(&[][..], |bad| &bad.field_violations);
    assert!(
        (1..=MOST_VIOLATIONS).contains(&violations.len()),
        "{method}: {violations:?}"
    );
    let fields = Fields::of_method(method);
    let mut named = BTreeSet::new();
    for violation in violations {
        let (field, description) = (&violation.field, &violation.description);
        assert!(
            fields.has(field, length),
            "{method} has no field {field:?}: {description}"
        );
        assert!(!description.is_empty(), "{method}: {field}");
        assert!(
            named.insert((field, description)),
            "{method} says twice of {field}: {description}"
        );
    }
}
