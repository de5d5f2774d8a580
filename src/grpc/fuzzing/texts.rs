//! IDs, page tokens, deadlines and request IDs.

use std::{fmt::Debug, str::from_utf8};

use http::{HeaderValue, Request};
use prost::Message as _;
use tonic::body::Body;
use uuid::Uuid;

use crate::{
    app::Found,
    domain::{CanonicalId, ConversationId, ListCursor, Revision, Seq, UserId},
    grpc::{
        boundary,
        convert::get_conversations,
        page_token::{self, Place},
    },
    proto::{
        GetConversationsRequest, ListConversationsRequest, ListDeletionsRequest,
        ListMessagesRequest,
    },
};

/// How many kinds of texts there are, those of [`super::admission`] included.
pub(super) const KINDS: u8 = 10;

/// The longest ID of a user or a group, in bytes.
const LONGEST_ID: usize = 128;

/// The text form of a conversation ID parses exactly if the contract says so, and comes back.
pub(super) fn conversation_id(text: &str) {
    let rest = text
        .strip_prefix("GROUP")
        .or_else(|| text.strip_prefix("C2C"));
    let is_valid = text == "@TIM#SYSTEM" || rest.is_some_and(is_id);
    match text.parse::<ConversationId>() {
        Ok(id) => {
            assert!(is_valid, "{text:?} was taken");
            assert_eq!(id.to_string(), text);
        }
        Err(error) => {
            assert!(!is_valid, "{text:?} was refused: {error}");
            assert!(!error.to_string().is_empty(), "{text:?}");
        }
    }
}

/// The contract's rule for an ID.
fn is_id(text: &str) -> bool {
    let white = |character: Option<char>| character.is_some_and(char::is_whitespace);
    (1..=LONGEST_ID).contains(&text.len())
        && !text.chars().any(char::is_control)
        && !white(text.chars().next())
        && !white(text.chars().next_back())
}

/// The IDs of a request come back as they were.
pub(super) fn conversation_ids_of_a_request(bytes: &[u8]) {
    let Ok(request) = GetConversationsRequest::decode(bytes) else {
        return;
    };
    if let Ok((_, ids)) = get_conversations::parse(request.clone()) {
        for id in &ids {
            conversation_id(&id.to_string());
        }
        let answer = get_conversations::render(Found {
            conversations: Vec::new(),
            missing: ids.iter().cloned().collect(),
        });
        assert_eq!(answer.missing, request.conversation_ids);
    }
}

/// A user, a line feed, and either the text form of an ID or a stored form, which has line feeds too.
pub(super) fn canonical_id(text: &str) {
    let Some((user, text)) = text.split_once('\n') else {
        return;
    };
    let Ok(user) = UserId::new(user) else {
        return;
    };
    if let Ok(id) = text.parse::<ConversationId>() {
        assert_eq!(id.canonical(&user).seen_by(&user), Some(id));
    }
    let stored = CanonicalId::from_stored(text.to_owned());
    if let Some(id) = stored.seen_by(&user) {
        assert_eq!(id.canonical(&user), stored);
    }
}

/// A token with any place in it, as a caller could make one: nothing in it is secret.
pub(super) fn page_token_of_a_list(place: &[u8]) {
    let request = ListConversationsRequest {
        user_id: "alice".to_owned(),
        ..ListConversationsRequest::default()
    };
    returns::<ListCursor>(&request, place);
}

/// As [`page_token_of_a_list`].
pub(super) fn page_token_of_messages(place: &[u8]) {
    let request = ListMessagesRequest {
        user_id: "alice".to_owned(),
        ..ListMessagesRequest::default()
    };
    returns::<Seq>(&request, place);
}

/// As [`page_token_of_a_list`].
pub(super) fn page_token_of_deletions(place: &[u8]) {
    let request = ListDeletionsRequest {
        user_id: "alice".to_owned(),
        ..ListDeletionsRequest::default()
    };
    returns::<Revision>(&request, place);
}

fn returns<P: Place + PartialEq + Debug>(request: &impl prost::Message, place: &[u8]) {
    let token = page_token::seal(request, place);
    if let Ok(place) = page_token::decode::<P>(request, &token) {
        let place = place.expect("only an empty token has no place");
        let again = page_token::encode(request, Some(&place));
        let again = page_token::decode::<P>(request, &again);
        assert_eq!(again.expect("a token of its own"), Some(place));
    }
}

/// A token that the service has not sealed is refused.
pub(super) fn page_token_of_nobody(token: &str) {
    let request = ListMessagesRequest::default();
    let place = page_token::decode::<Seq>(&request, token);
    assert_eq!(place.is_ok(), token.is_empty(), "{token:?}");
}

/// A deadline is at most eight digits and a unit, the first of them a plus sign at will, and nothing
/// else is one.
pub(super) fn timeout(bytes: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let is_valid = bytes.split_last().is_some_and(|(unit, number)| {
        let digits = number.strip_prefix(b"+").unwrap_or(number);
        b"HMSmun".contains(unit)
            && number.len() <= 8
            && !digits.is_empty()
            && digits.iter().all(u8::is_ascii_digit)
    });
    let read = boundary::timeout(&header);
    assert_eq!(read.is_some(), is_valid, "{header:?} is {read:?}");
}

/// A call keeps the ID that it has, if it is plain text of moderate length, and gets one otherwise.
pub(super) fn request_id(bytes: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let mut call = Request::new(Body::empty());
    call.headers_mut().insert("x-request-id", header);
    let id = boundary::request_id(&call);
    let is_plain = bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    if is_plain && (1..=LONGEST_ID).contains(&bytes.len()) {
        assert_eq!(id.as_bytes(), bytes);
    } else {
        let id = from_utf8(id.as_bytes()).ok().map(Uuid::try_parse);
        assert!(matches!(id, Some(Ok(_))), "{id:?}");
    }
}
