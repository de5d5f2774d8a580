//! Plans of deletions: the conversations that a deletion would delete, in a form that only this service reads.
//!
//! A plan is sealed ([`super::sealed`]), so an altered or truncated one is refused. It can only name conversations
//! that its caller could delete anyway. It has 24 bytes for each conversation, so at most some 32 KB of text.

use std::{collections::HashSet, fmt};

use super::sealed::{self, read, read_number, write};
use crate::domain::{MAX_MATCHING, Plan, PlanScope, Planned, Revision, Seq, Timestamp};

/// Of all plans: whose it is and for what is written in it.
const SCOPE: &[u8] = b"plan";

/// A text that is not a plan from this service.
#[derive(Debug)]
pub(super) struct BadPlan;

/// The text of a plan.
pub(super) fn encode(plan: &Plan) -> String {
    let Plan {
        scope: PlanScope(scope),
        made_at,
        revision,
        matched,
        conversations,
    } = plan;
    let mut written = Vec::from(scope);
    write(&mut written, made_at.as_micros());
    write(&mut written, revision.to_stored());
    written.extend(matched.to_be_bytes());
    for Planned { key, last } in conversations {
        written.extend(key);
        write(&mut written, last.to_stored());
    }
    sealed::seal(SCOPE, &written)
}

/// The plan of a text.
pub(super) fn decode(text: &str) -> Result<Plan, BadPlan> {
    let written = sealed::open(SCOPE, text).ok_or(BadPlan)?;
    parse(&written).ok_or(BadPlan)
}

fn parse(mut written: &[u8]) -> Option<Plan> {
    let written = &mut written;
    let scope = PlanScope(read(written)?);
    let made_at = Timestamp::from_micros(read_number(written)?);
    let revision = Revision::from_stored(read_number(written)?)?;
    let matched = u64::from_be_bytes(read(written)?);
    let mut conversations = Vec::new();
    let mut keys = HashSet::new();
    while !written.is_empty() {
        let key = read(written)?;
        let last = Seq::from_stored(read_number(written)?)?;
        if !keys.insert(key) || conversations.len() == MAX_MATCHING {
            return None;
        }
        conversations.push(Planned { key, last });
    }
    Some(Plan {
        scope,
        made_at,
        revision,
        matched,
        conversations,
    })
}

impl fmt::Display for BadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is not the plan of a response to dry_run")
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    fn plan(conversations: u16) -> Plan {
        let planned = (0..conversations).map(|number| {
            let mut key = [7; 16];
            key[..2].copy_from_slice(&number.to_be_bytes());
            Planned {
                key,
                last: Seq::saturating(number.into()),
            }
        });
        Plan {
            scope: PlanScope([3; 16]),
            made_at: Timestamp::from_micros(-5),
            revision: Revision::saturating(9),
            matched: 10_000,
            conversations: planned.collect(),
        }
    }

    #[test]
    fn a_plan_comes_back_and_the_largest_is_of_32_kilobytes() {
        for conversations in [0, 1, 1000] {
            let plan = plan(conversations);
            let text = encode(&plan);
            assert_eq!(decode(&text).expect("its own plan"), plan);
        }
        assert_eq!(encode(&plan(1000)).len(), 32_070);
    }

    #[test]
    fn a_plan_with_any_bit_changed_or_cut_anywhere_is_refused() {
        let bytes = URL_SAFE_NO_PAD.decode(encode(&plan(2))).expect("base64");
        for bit in 0..bytes.len() * 8 {
            let mut altered = bytes.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(
                decode(&URL_SAFE_NO_PAD.encode(altered)).is_err(),
                "bit {bit}"
            );
        }
        for length in 0..bytes.len() {
            let cut = URL_SAFE_NO_PAD.encode(&bytes[..length]);
            assert!(decode(&cut).is_err(), "{length} bytes");
        }
        for text in ["x", "ü", "====", "AAAA"] {
            assert!(decode(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_plan_that_is_too_long_or_names_a_conversation_twice_is_refused() {
        assert!(decode(&encode(&plan(1001))).is_err());
        let mut twice = plan(2);
        twice.conversations[1] = twice.conversations[0];
        assert!(decode(&encode(&twice)).is_err());
    }
}
