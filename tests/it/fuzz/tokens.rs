//! Page tokens of any place, made as the service makes them. There is nothing secret in a token, so
//! everybody can.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use conversation_service::proto::{ListConversationsRequest, ListMessagesRequest};
use prost::Message;
use ring::digest::{SHA256, digest};

use crate::support::dice::Dice;

/// How much of the digest a token carries.
const DIGEST_BYTES: usize = 12;

const NUMBERS: [i64; 8] = [
    0,
    1,
    7,
    -1,
    1_700_000_000_000_000,
    i64::MIN,
    i64::MAX - 1,
    i64::MAX,
];

const NAMES: [&str; 8] = [
    "",
    "zz",
    "0a1b2c3d4e5f6071",
    "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    "0A1B2C3D4E5F60718293A4B5C6D7E8F9",
    "0a1b2c3d4e5f60718293a4b5c6d7e8f9ff",
    "é\\u0000é1b2c3d4e5f60718293a4b5c6d",
    "' OR 1=1 --",
];

/// A request for a page of the list that goes on from anywhere.
pub(super) fn list(dice: &mut Dice, request: &[u8]) -> Vec<u8> {
    let Ok(mut request) = ListConversationsRequest::decode(request) else {
        return request.to_vec();
    };
    let page_size = std::mem::take(&mut request.page_size);
    request.page_token.clear();
    if dice.once_in(2) {
        request.filter = None;
    }
    let place = list_place(dice);
    request.page_token = seal(&request, &place);
    request.page_size = page_size;
    request.encode_to_vec()
}

/// A request for a page of a history that goes on from anywhere.
pub(super) fn messages(dice: &mut Dice, request: &[u8]) -> Vec<u8> {
    let Ok(mut request) = ListMessagesRequest::decode(request) else {
        return request.to_vec();
    };
    let page_size = std::mem::take(&mut request.page_size);
    request.page_token.clear();
    request.page_token = seal(&request, &number(dice));
    request.page_size = page_size;
    request.encode_to_vec()
}

fn seal(request: &impl Message, place: &str) -> String {
    let request = request.encode_to_vec();
    let mut sealed = request.len().to_be_bytes().to_vec();
    sealed.extend(request);
    sealed.extend(place.as_bytes());
    let mut token = digest(&SHA256, &sealed).as_ref()[..DIGEST_BYTES].to_vec();
    token.extend(place.as_bytes());
    URL_SAFE_NO_PAD.encode(token)
}

fn list_place(dice: &mut Dice) -> String {
    let revision = number(dice);
    let pinned = object(dice, |dice| format!("[{},{}]", number(dice), number(dice)));
    let as_of = number(dice);
    let recent = object(dice, number);
    let pinned_at = if dice.once_in(2) {
        "null".to_owned()
    } else {
        number(dice)
    };
    let activity = number(dice);
    let name = dice.one_of(&NAMES);
    format!(r#"[[{revision},{pinned},{as_of},{recent}],[{pinned_at},{activity},"{name}"]]"#)
}

fn object(dice: &mut Dice, value: impl Fn(&mut Dice) -> String) -> String {
    let entries = (0..dice.below(4)).map(|_| {
        let name = *dice.one_of(&NAMES);
        format!(r#""{name}":{}"#, value(dice))
    });
    let entries: Vec<_> = entries.collect();
    format!("{{{}}}", entries.join(","))
}

fn number(dice: &mut Dice) -> String {
    dice.one_of(&NUMBERS).to_string()
}
