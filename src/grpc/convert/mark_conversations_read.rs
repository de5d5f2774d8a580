//! `MarkConversationsRead`.

use super::{change_result, conversation_id, filter, origin, seen_through};
use crate::{
    app::{MarkConversationsRead, Which},
    domain::{CallerName, Changed, ListFilter, ReadingChanged, Seq},
    grpc::violations::{Found, InvalidRequest, Violations},
    proto::{
        self, MarkConversationsReadRequest, MarkConversationsReadResponse, ReadResult,
        ViolationReason,
    },
};

pub(crate) fn parse(
    mut request: MarkConversationsReadRequest,
    caller: Option<CallerName>,
) -> Result<MarkConversationsRead, InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let MarkConversationsReadRequest {
        user_id: _,
        conversation_ids,
        all,
        seen_through,
        request_id: _,
        client_id: _,
        filter,
    } = request;
    let which = which(&conversation_ids, all, filter.as_ref(), &mut violations);
    let among = (!all).then_some(&conversation_ids[..]);
    let seen_through = seen_through::parse(&seen_through, among, &mut violations);
    let parsed = asker.asking(which, |which, meaning| {
        match which {
            Which::AllUnread(_) => meaning.flag(true),
            Which::These(ids) => {
                meaning.flag(false);
                meaning.conversations(ids);
            }
        }
        meaning.seen_through(&seen_through);
        if let Which::AllUnread(filter) = which {
            filter::mean(filter, meaning);
        }
    });
    violations.finish(parsed.map(|(origin, which)| MarkConversationsRead {
        origin,
        which,
        seen_through,
    }))
}

/// The fields `conversation_ids`, `all` and `filter`: exactly one of the first two says something, and the
/// last goes with `all`.
fn which(
    ids: &[proto::ConversationId],
    all: bool,
    filter: Option<&proto::ListFilter>,
    violations: &mut Violations,
) -> Option<Which> {
    if filter.is_some() && !all {
        let fault = Found(
            ViolationReason::NotAllowed,
            "must be absent unless all is set",
        );
        violations.add("filter", &fault);
    }
    match (all, ids) {
        (true, []) => Some(Which::AllUnread(ListFilter {
            // The unread ones are meant anyway.
            unread_only: false,
            ..filter::parse("filter", filter, violations)
        })),
        (true, _) => {
            let description = "must be empty when all is set";
            let fault = Found(ViolationReason::Conflict, description);
            violations.add("conversation_ids", &fault);
            None
        }
        (false, []) => {
            let description = "must not be empty unless all is set";
            let fault = Found(ViolationReason::Required, description);
            violations.add("conversation_ids", &fault);
            None
        }
        (false, ids) => conversation_id::parse_batch(ids, violations).map(Which::These),
    }
}

pub(crate) fn render(read: ReadingChanged) -> MarkConversationsReadResponse {
    let ReadingChanged {
        changed: Changed {
            conversations,
            revision,
        },
        more,
    } = read;
    let results = conversations
        .iter()
        .map(|(id, outcome, read_through): &(_, _, Seq)| ReadResult {
            conversation_id: Some(conversation_id::render(id)),
            outcome: change_result::outcome(*outcome).into(),
            read_through: read_through.get(),
        });
    MarkConversationsReadResponse {
        results: results.collect(),
        revision: revision.get(),
        more,
    }
}
