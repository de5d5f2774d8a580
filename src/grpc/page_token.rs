//! Page tokens: the position at which a listing continues, in a form that only this service reads.
//!
//! A token is sealed ([`super::sealed`]) with its request, so it is refused with other arguments. It contains only
//! a digest of the request, so it is short. It is not secret and gives no rights: a caller that may list may list
//! from any position.

use std::{cmp::Reverse, fmt};

use prost::Message;

use super::sealed::{self, read, read_number, write};
use crate::domain::{
    HiddenCursor, HiddenPosition, ListBeginning, ListCursor, ListPosition, Revision, Seq, Timestamp,
};

/// Stands for no pin. Revisions are not negative.
const NOT_PINNED: i64 = -1;

/// A token that is not from this service or belongs to another request.
#[derive(Debug)]
pub(super) struct BadPageToken;

/// A place in a listing that a token can carry.
pub(super) trait Place: Sized {
    /// The bytes that stand in the token.
    fn write(&self, token: &mut Vec<u8>);
    /// Reads what [`Place::write`] has written; `None` if it is nothing of the kind.
    fn read(token: &mut &[u8]) -> Option<Self>;
}

/// The token for the place where the next page begins; empty if there is none. `request` is the request
/// without its page size and page token.
pub(super) fn encode<P: Place>(request: &impl Message, next: Option<&P>) -> String {
    let Some(place) = next else {
        return String::new();
    };
    let mut written = Vec::new();
    place.write(&mut written);
    seal(request, &written)
}

/// The token of a place that is written already.
pub(super) fn seal(request: &impl Message, place: &[u8]) -> String {
    sealed::seal(&request.encode_to_vec(), place)
}

/// The place that `token` stands for; `None` for the empty token of a first page.
pub(super) fn decode<P: Place>(
    request: &impl Message,
    token: &str,
) -> Result<Option<P>, BadPageToken> {
    if token.is_empty() {
        return Ok(None);
    }
    let place = sealed::open(&request.encode_to_vec(), token).ok_or(BadPageToken)?;
    let mut rest = &place[..];
    let read = P::read(&mut rest).filter(|_| rest.is_empty());
    read.map(Some).ok_or(BadPageToken)
}

impl Place for ListCursor {
    fn write(&self, token: &mut Vec<u8>) {
        let Self {
            beginning: ListBeginning { revision, as_of },
            after:
                ListPosition {
                    pinned_at: Reverse(pinned_at),
                    activity: Reverse(activity),
                    key,
                },
        } = self;
        write(token, revision.to_stored());
        write(token, as_of.as_micros());
        write(token, pinned_at.map_or(NOT_PINNED, Revision::to_stored));
        write(token, activity.as_micros());
        token.extend(key);
    }

    fn read(token: &mut &[u8]) -> Option<Self> {
        let beginning = ListBeginning {
            revision: Revision::from_stored(read_number(token)?)?,
            as_of: Timestamp::from_micros(read_number(token)?),
        };
        let pinned_at = match read_number(token)? {
            NOT_PINNED => None,
            number => Some(Revision::from_stored(number)?),
        };
        let after = ListPosition {
            pinned_at: Reverse(pinned_at),
            activity: Reverse(Timestamp::from_micros(read_number(token)?)),
            key: read(token)?,
        };
        Some(Self { beginning, after })
    }
}

/// It is shorter than a [`ListCursor`], so neither is taken for the other.
impl Place for HiddenCursor {
    fn write(&self, token: &mut Vec<u8>) {
        let Self {
            revision,
            after: HiddenPosition { activity, key },
        } = self;
        write(token, revision.to_stored());
        write(token, activity.as_micros());
        token.extend(key);
    }

    fn read(token: &mut &[u8]) -> Option<Self> {
        Some(Self {
            revision: Revision::from_stored(read_number(token)?)?,
            after: HiddenPosition {
                activity: Timestamp::from_micros(read_number(token)?),
                key: read(token)?,
            },
        })
    }
}

impl Place for Seq {
    fn write(&self, token: &mut Vec<u8>) {
        token.extend(self.to_stored().to_string().into_bytes());
    }

    fn read(token: &mut &[u8]) -> Option<Self> {
        let digits = std::mem::take(token);
        Self::from_stored(str::from_utf8(digits).ok()?.parse().ok()?)
    }
}

impl Place for Revision {
    fn write(&self, token: &mut Vec<u8>) {
        write(token, self.to_stored());
    }

    fn read(token: &mut &[u8]) -> Option<Self> {
        Self::from_stored(read_number(token)?)
    }
}

impl fmt::Display for BadPageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not the next_page_token of a page of this same request")
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;
    use crate::proto::ListMessagesRequest;

    fn request(user: &str) -> ListMessagesRequest {
        ListMessagesRequest {
            user_id: user.to_owned(),
            ..ListMessagesRequest::default()
        }
    }

    #[test]
    fn a_token_leads_back_to_its_place() {
        let token = encode(&request("alice"), Some(&Seq::saturating(7)));
        let place = decode::<Seq>(&request("alice"), &token).expect("its own token");
        assert_eq!(place, Some(Seq::saturating(7)));
    }

    #[test]
    fn a_token_of_another_request_or_with_any_bit_changed_is_refused() {
        let token = encode(&request("alice"), Some(&Seq::saturating(7)));
        assert!(decode::<Seq>(&request("bob"), &token).is_err());
        let bytes = URL_SAFE_NO_PAD.decode(&token).expect("base64");
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let altered = URL_SAFE_NO_PAD.encode(altered);
            assert!(
                decode::<Seq>(&request("alice"), &altered).is_err(),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn a_token_of_a_list_leads_back_to_its_place_and_has_one_length() {
        let cursor = |pinned_at: Option<i64>, number: i64| ListCursor {
            beginning: ListBeginning {
                revision: Revision::saturating(number.unsigned_abs()),
                as_of: Timestamp::from_micros(number),
            },
            after: ListPosition {
                pinned_at: Reverse(pinned_at.and_then(Revision::from_stored)),
                activity: Reverse(Timestamp::from_micros(number)),
                key: [7; 16],
            },
        };
        for (pinned_at, number) in [(None, 0), (Some(0), -1), (Some(i64::MAX), i64::MAX)] {
            let place = cursor(pinned_at, number);
            let token = encode(&request("alice"), Some(&place));
            assert_eq!(token.len(), 80);
            let read = decode::<ListCursor>(&request("alice"), &token);
            assert_eq!(read.expect("its own token"), Some(place));
        }
    }

    #[test]
    fn a_token_of_deletions_leads_back_to_its_revision() {
        for number in [0, 1, i64::MAX] {
            let place = Revision::from_stored(number).expect("not negative");
            let token = encode(&request("alice"), Some(&place));
            assert_eq!(token.len(), 27);
            let read = decode::<Revision>(&request("alice"), &token);
            assert_eq!(read.expect("its own token"), Some(place));
        }
    }

    #[test]
    fn a_token_of_what_is_hidden_leads_back_to_its_place_and_is_none_of_a_list() {
        let place = HiddenCursor {
            revision: Revision::saturating(7),
            after: HiddenPosition {
                activity: Timestamp::from_micros(5),
                key: [7; 16],
            },
        };
        let token = encode(&request("alice"), Some(&place));
        let read = decode::<HiddenCursor>(&request("alice"), &token);
        assert_eq!(read.expect("its own token"), Some(place));
        assert!(decode::<ListCursor>(&request("alice"), &token).is_err());
    }

    #[test]
    fn any_text_is_refused_without_a_panic() {
        for text in [
            "x",
            "AAAA",
            "ü",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "====",
        ] {
            assert!(decode::<Seq>(&request("alice"), text).is_err(), "{text}");
        }
    }
}
