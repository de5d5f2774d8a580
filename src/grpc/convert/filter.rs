//! The filter of a user's conversations.

use super::time;
use crate::{
    domain::{ConversationKind, FolderName, ListFilter, Mark},
    grpc::violations::{Found, Violations},
    proto::{self, ConversationType, ViolationReason},
};

/// The field `filter`. Where something of it is wrong, that is noted and left out.
pub(super) fn parse(filter: Option<&proto::ListFilter>, violations: &mut Violations) -> ListFilter {
    let Some(filter) = filter else {
        return ListFilter::default();
    };
    let proto::ListFilter {
        types,
        unread_only,
        mark,
        folder,
        active_since,
    } = filter;
    let kinds = types.iter().enumerate().filter_map(|(index, number)| {
        if violations.is_full() {
            return None;
        }
        match ConversationType::try_from(*number) {
            Ok(ConversationType::C2c) => Some(ConversationKind::C2c),
            Ok(ConversationType::Group) => Some(ConversationKind::Group),
            Ok(ConversationType::System) => Some(ConversationKind::System),
            Ok(ConversationType::Unspecified) | Err(_) => {
                let path = format!("filter.types[{index}]");
                let description = "must be one of the named conversation types";
                violations.add(path, &Found(ViolationReason::UnknownValue, description));
                None
            }
        }
    });
    let kinds = kinds.collect();
    let mark = match mark {
        0 => None,
        bit => violations.check("filter.mark", Mark::new(*bit)),
    };
    ListFilter {
        kinds,
        unread_only: *unread_only,
        mark,
        folder: violations.optional("filter.folder", folder, FolderName::new),
        active_since: active_since
            .and_then(|since| violations.check("filter.active_since", time::parse(&since))),
    }
}
