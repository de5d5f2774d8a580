//! How far the user had seen conversations.

use std::collections::{HashMap, HashSet};

use super::conversation_id;
use crate::{
    domain::{ConversationId, Seq},
    grpc::violations::{Found, Violations},
    proto::{self, SeenThrough, ViolationReason},
};

/// The field `seen_through`: at most once for each conversation, and only for those of `among`, if
/// they are given.
pub(super) fn parse(
    seen_through: &[SeenThrough],
    among: Option<&[proto::ConversationId]>,
    violations: &mut Violations,
) -> HashMap<ConversationId, Seq> {
    let mut parsed = HashMap::new();
    if seen_through.is_empty() {
        return parsed;
    }
    // By what they are, not by the form in which the request names them. Those that are wrong are named
    // elsewhere.
    let among: Option<HashSet<_>> = among.map(|ids| {
        let mut elsewhere = Violations::default();
        let parsed = |id| conversation_id::parse("", Some(id), &mut elsewhere);
        ids.iter().filter_map(parsed).collect()
    });
    for (
        index,
        SeenThrough {
            conversation_id,
            seq,
        },
    ) in seen_through.iter().enumerate()
    {
        if violations.is_full() {
            break;
        }
        let path = format_args!("seen_through[{index}].conversation_id");
        let Some(id) = conversation_id::parse(path, conversation_id.as_ref(), violations) else {
            continue;
        };
        if among.as_ref().is_some_and(|among| !among.contains(&id)) {
            let description = "must be one of conversation_ids";
            violations.add(path, &Found(ViolationReason::NotAllowed, description));
        } else if parsed.insert(id, Seq::saturating(*seq)).is_some() {
            let description = "must not name a conversation twice";
            violations.add(path, &Found(ViolationReason::Duplicate, description));
        }
    }
    parsed
}
