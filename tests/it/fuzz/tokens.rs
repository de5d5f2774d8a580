//! Page tokens of any place, made as the service makes them. There is nothing secret in a token, so
//! everybody can.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use conversation_service::proto::{
    ListConversationsRequest, ListDeletionsRequest, ListMessagesRequest,
};
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
    request.page_token = seal(&request, number(dice).to_string().as_bytes());
    request.page_size = page_size;
    request.encode_to_vec()
}

/// A request for a page of the deletions that goes on from anywhere.
pub(super) fn deletions(dice: &mut Dice, request: &[u8]) -> Vec<u8> {
    let Ok(mut request) = ListDeletionsRequest::decode(request) else {
        return request.to_vec();
    };
    let page_size = std::mem::take(&mut request.page_size);
    request.page_token.clear();
    request.restorable_only = dice.once_in(2);
    request.page_token = seal(&request, &number(dice).to_be_bytes());
    request.page_size = page_size;
    request.encode_to_vec()
}

fn seal(request: &impl Message, place: &[u8]) -> String {
    let request = request.encode_to_vec();
    let mut sealed = request.len().to_be_bytes().to_vec();
    sealed.extend(request);
    sealed.extend(place);
    let mut token = digest(&SHA256, &sealed).as_ref()[..DIGEST_BYTES].to_vec();
    token.extend(place);
    URL_SAFE_NO_PAD.encode(token)
}

/// The revision and the time of the first page, the pin's revision, the time and the key of the place; at
/// times a little more or less than that.
fn list_place(dice: &mut Dice) -> Vec<u8> {
    let numbers = (0..6).map(|_| number(dice).to_be_bytes());
    let mut place = numbers.collect::<Vec<_>>().concat();
    match dice.below(8) {
        0 => drop(place.pop()),
        1 => place.push(0),
        _ => {}
    }
    place
}

fn number(dice: &mut Dice) -> i64 {
    *dice.one_of(&NUMBERS)
}
