//! `MarkConversations`.

use super::{change_result, conversation_id, origin};
use crate::{
    domain::{Batch, CallerName, ConversationId, MarkChange, Marks, MarksChanged, Origin},
    grpc::violations::InvalidRequest,
    proto::{MarkConversationsRequest, MarkConversationsResponse, MarksResult},
};

pub(crate) fn parse(
    mut request: MarkConversationsRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, (Batch<ConversationId>, MarkChange)), InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let MarkConversationsRequest {
        user_id: _,
        conversation_ids,
        add_marks,
        remove_marks,
        request_id: _,
        client_id: _,
    } = request;
    let conversations = conversation_id::parse_batch(&conversation_ids, &mut violations);
    let add = violations.check("add_marks", Marks::new(add_marks));
    let remove = violations.check("remove_marks", Marks::new(remove_marks));
    let marks = add
        .zip(remove)
        .and_then(|(add, remove)| violations.check("add_marks", MarkChange::new(add, remove)));
    let parsed = conversations.zip(marks);
    let parsed = asker.asking(parsed, |(conversations, marks), meaning| {
        meaning.conversations(conversations);
        meaning.number(marks.add.bits());
        meaning.number(marks.remove.bits());
    });
    violations.finish(parsed)
}

pub(crate) fn render(changed: MarksChanged) -> MarkConversationsResponse {
    let MarksChanged {
        conversations,
        revision,
    } = changed;
    let results = conversations
        .iter()
        .map(|(id, outcome, marks)| MarksResult {
            conversation_id: Some(conversation_id::render(id)),
            outcome: change_result::outcome(*outcome).into(),
            marks: marks.bits(),
        });
    MarkConversationsResponse {
        results: results.collect(),
        revision: revision.get(),
    }
}
