//! `ListMessages`.

use super::{conversation_id, message};
use crate::{
    app::{ListMessages, MessagePage},
    domain::{PageSize, UserId},
    grpc::{
        page_token,
        violations::{InvalidRequest, Violations},
    },
    proto::{ListMessagesRequest, ListMessagesResponse},
};

/// The parsed request, and what its page tokens are bound to.
pub(crate) fn parse(
    mut request: ListMessagesRequest,
) -> Result<(ListMessages, ListMessagesRequest), InvalidRequest> {
    let page_token = std::mem::take(&mut request.page_token);
    let page_size = std::mem::take(&mut request.page_size);
    let ListMessagesRequest {
        user_id,
        conversation_id,
        page_size: _,
        page_token: _,
    } = &request;

    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(user_id));
    let id = conversation_id::parse("conversation_id", conversation_id.as_ref(), &mut violations);
    // A token is the same whichever way the conversation is named.
    if let Some(id) = &id {
        request.conversation_id = Some(conversation_id::render(id));
    }
    let page_size = violations.check("page_size", PageSize::new(page_size));
    let before = violations.check("page_token", page_token::decode(&request, &page_token));
    let parsed = user.zip(id).zip(page_size.zip(before));
    let parsed = parsed.map(
        |((user, conversation_id), (page_size, before))| ListMessages {
            user,
            conversation_id,
            page_size,
            before,
        },
    );
    violations.finish(parsed).map(|parsed| (parsed, request))
}

pub(crate) fn render(page: MessagePage, request: &ListMessagesRequest) -> ListMessagesResponse {
    let MessagePage { messages, next } = page;
    ListMessagesResponse {
        messages: messages.into_iter().map(message::render).collect(),
        next_page_token: page_token::encode(request, next.as_ref()),
    }
}
