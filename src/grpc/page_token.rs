//! Page tokens: where a listing stands, for the eyes of this service only.
//!
//! A token carries a digest of itself and of the request that it belongs to. So one that was altered,
//! cut, or passed with another request's arguments is refused. It is no secret and proves nothing:
//! whoever may list may list from anywhere.

use std::{cmp::Reverse, collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use ring::digest::{Context, SHA256};
use serde::{Serialize, de::DeserializeOwned};

use crate::domain::{ListBeginning, ListCursor, ListPosition, Revision, Seq, Timestamp};

const DIGEST_BYTES: usize = 12;

/// A token that is not from this service or belongs to another request.
#[derive(Debug)]
pub(super) struct BadPageToken;

/// A place in a listing that a token can carry.
pub(super) trait Place: Sized {
    /// What stands in the token.
    type Stored: Serialize + DeserializeOwned;
    fn store(&self) -> Self::Stored;
    fn restore(stored: Self::Stored) -> Option<Self>;
}

/// The token for `place`. `request` is the request without its page size and page token.
pub(super) fn encode<P: Place>(request: &impl Message, place: &P) -> String {
    // Numbers and texts in tuples always have a JSON form.
    seal(
        request,
        &serde_json::to_vec(&place.store()).unwrap_or_default(),
    )
}

/// The token of a place that is written already.
pub(super) fn seal(request: &impl Message, place: &[u8]) -> String {
    let mut token = digest(request, place);
    token.extend(place);
    URL_SAFE_NO_PAD.encode(token)
}

/// The place that `token` stands for; `None` for the empty token of a first page.
pub(super) fn decode<P: Place>(
    request: &impl Message,
    token: &str,
) -> Result<Option<P>, BadPageToken> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| BadPageToken)?;
    let (claimed, place) = bytes.split_at_checked(DIGEST_BYTES).ok_or(BadPageToken)?;
    if claimed != digest(request, place) {
        return Err(BadPageToken);
    }
    let stored = serde_json::from_slice(place).map_err(|_| BadPageToken)?;
    P::restore(stored).map(Some).ok_or(BadPageToken)
}

fn digest(request: &impl Message, place: &[u8]) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    let request = request.encode_to_vec();
    context.update(&request.len().to_be_bytes());
    context.update(&request);
    context.update(place);
    context.finish().as_ref()[..DIGEST_BYTES].to_vec()
}

impl Place for ListCursor {
    type Stored = (
        (
            i64,
            BTreeMap<String, (i64, i64)>,
            i64,
            BTreeMap<String, i64>,
        ),
        (Option<i64>, i64, String),
    );

    fn store(&self) -> Self::Stored {
        let ListBeginning {
            revision,
            pinned,
            as_of,
            recent,
        } = &self.beginning;
        let ListPosition {
            pinned_at,
            activity,
            name,
        } = &self.after;
        let pinned = pinned.iter();
        let recent = recent.iter();
        (
            (
                revision.to_stored(),
                pinned
                    .map(|(name, (revision, time))| {
                        (name.clone(), (revision.to_stored(), time.as_micros()))
                    })
                    .collect(),
                as_of.as_micros(),
                recent
                    .map(|(name, time)| (name.clone(), time.as_micros()))
                    .collect(),
            ),
            (
                pinned_at.0.map(Revision::to_stored),
                activity.0.as_micros(),
                name.clone(),
            ),
        )
    }

    fn restore(stored: Self::Stored) -> Option<Self> {
        let ((revision, pinned, as_of, recent), (pinned_at, activity, name)) = stored;
        let pinned = pinned.into_iter().map(|(name, (revision, time))| {
            let place = (
                Revision::from_stored(revision)?,
                Timestamp::from_micros(time),
            );
            Some((name, place))
        });
        let recent = recent
            .into_iter()
            .map(|(name, time)| (name, Timestamp::from_micros(time)));
        let pinned_at = match pinned_at {
            Some(number) => Some(Revision::from_stored(number)?),
            None => None,
        };
        Some(Self {
            beginning: ListBeginning {
                revision: Revision::from_stored(revision)?,
                pinned: pinned.collect::<Option<_>>()?,
                as_of: Timestamp::from_micros(as_of),
                recent: recent.collect(),
            },
            after: ListPosition {
                pinned_at: Reverse(pinned_at),
                activity: Reverse(Timestamp::from_micros(activity)),
                name,
            },
        })
    }
}

impl Place for Seq {
    type Stored = i64;

    fn store(&self) -> i64 {
        self.to_stored()
    }

    fn restore(stored: i64) -> Option<Self> {
        Self::from_stored(stored)
    }
}

impl fmt::Display for BadPageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not the next_page_token of a page of this same request")
    }
}

#[cfg(test)]
mod tests {
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
        let token = encode(&request("alice"), &Seq::saturating(7));
        let place = decode::<Seq>(&request("alice"), &token).expect("its own token");
        assert_eq!(place, Some(Seq::saturating(7)));
    }

    #[test]
    fn a_token_of_another_request_or_with_any_bit_changed_is_refused() {
        let token = encode(&request("alice"), &Seq::saturating(7));
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
