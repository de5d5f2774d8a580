//! The filter of a user's conversations.

use super::{meaning::Meaning, time};
use crate::{
    domain::{ConversationKind, FolderName, ListFilter, Mark, Marks, Membership},
    grpc::violations::{Found, Violations},
    proto::{self, ConversationType, ViolationReason},
};

/// The filter in the field `path`. Where something of it is wrong, that is noted and left out.
pub(super) fn parse(
    path: &str,
    filter: Option<&proto::ListFilter>,
    violations: &mut Violations,
) -> ListFilter {
    let Some(filter) = filter else {
        return ListFilter::default();
    };
    let proto::ListFilter {
        types,
        unread_only,
        mark,
        folder,
        without_marks,
        membership,
        active_since,
    } = filter;
    let kinds = kinds(&format!("{path}.types"), types, violations);
    let mark = match mark {
        0 => None,
        bit => violations.check(format_args!("{path}.mark"), Mark::new(*bit)),
    };
    let without_marks = violations.check(
        format_args!("{path}.without_marks"),
        Marks::new(*without_marks),
    );
    let membership = match proto::Membership::try_from(*membership) {
        Ok(proto::Membership::Unspecified) => None,
        Ok(proto::Membership::Member) => Some(Membership::Member),
        Ok(proto::Membership::Left) => Some(Membership::Left),
        Err(_) => {
            let description = "must be one of the named memberships";
            let fault = Found(ViolationReason::UnknownValue, description);
            violations.add(format!("{path}.membership"), &fault);
            None
        }
    };
    ListFilter {
        kinds,
        unread_only: *unread_only,
        mark,
        folder: violations.optional(&format!("{path}.folder"), folder, FolderName::new),
        without_marks: without_marks.unwrap_or_default(),
        membership,
        active_since: active_since.and_then(|since| {
            violations.check(format_args!("{path}.active_since"), time::parse(&since))
        }),
    }
}

/// The meaning of a filter, value by value, on the way to a request's digest. Each value is behind its field's
/// number, and a field that leaves everything adds nothing: a request with a filter of such fields means
/// the same as one without.
pub(super) fn mean(filter: &ListFilter, meaning: &mut Meaning) {
    let ListFilter {
        kinds,
        unread_only,
        mark,
        folder,
        without_marks,
        membership,
        active_since,
    } = filter;
    // In any order, and more than once.
    let of_each_kind = [
        ConversationKind::C2c,
        ConversationKind::Group,
        ConversationKind::System,
    ]
    .map(|kind| kinds.contains(&kind));
    if of_each_kind.contains(&true) && of_each_kind.contains(&false) {
        meaning.number(1);
        for is_left in of_each_kind {
            meaning.flag(is_left);
        }
    }
    if *unread_only {
        meaning.number(2);
    }
    if let Some(mark) = mark {
        meaning.number(3);
        meaning.number(mark.alone().bits());
    }
    if let Some(folder) = folder {
        meaning.number(4);
        meaning.bytes(folder.as_str().as_bytes());
    }
    if *without_marks != Marks::default() {
        meaning.number(5);
        meaning.number(without_marks.bits());
    }
    if let Some(membership) = membership {
        meaning.number(6);
        meaning.flag(*membership == Membership::Member);
    }
    if let Some(since) = active_since {
        meaning.number(7);
        meaning.number(since.as_micros().cast_unsigned());
    }
}

/// A field of conversation types. What is wrong of it is noted and left out.
pub(super) fn kinds(
    path: &str,
    types: &[i32],
    violations: &mut Violations,
) -> Vec<ConversationKind> {
    let kinds = types.iter().enumerate().filter_map(|(index, number)| {
        if violations.is_full() {
            return None;
        }
        match ConversationType::try_from(*number) {
            Ok(ConversationType::C2c) => Some(ConversationKind::C2c),
            Ok(ConversationType::Group) => Some(ConversationKind::Group),
            Ok(ConversationType::System) => Some(ConversationKind::System),
            Ok(ConversationType::Unspecified) | Err(_) => {
                let description = "must be one of the named conversation types";
                let path = format!("{path}[{index}]");
                violations.add(path, &Found(ViolationReason::UnknownValue, description));
                None
            }
        }
    });
    kinds.collect()
}
