//! `ListConversations`.

use super::{conversation, filter, time};
use crate::{
    app::{ConversationPage, ListConversations},
    domain::{ListBeginning, PageSize, UserId},
    grpc::{
        page_token,
        violations::{InvalidRequest, Violations},
    },
    proto::{ListConversationsRequest, ListConversationsResponse},
};

/// The parsed request, and what its page tokens are bound to.
pub(crate) fn parse(
    mut request: ListConversationsRequest,
) -> Result<(ListConversations, ListConversationsRequest), InvalidRequest> {
    let page_token = std::mem::take(&mut request.page_token);
    let page_size = std::mem::take(&mut request.page_size);
    let ListConversationsRequest {
        user_id,
        page_size: _,
        page_token: _,
        filter,
    } = &request;

    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(user_id));
    let page_size = violations.check("page_size", PageSize::new(page_size));
    let cursor = violations.check("page_token", page_token::decode(&request, &page_token));
    let filter = filter::parse("filter", filter.as_ref(), &mut violations);
    let parsed = user
        .zip(page_size)
        .zip(cursor)
        .map(|((user, page_size), cursor)| ListConversations {
            user,
            page_size,
            cursor,
            filter,
        });
    violations.finish(parsed).map(|parsed| (parsed, request))
}

pub(crate) fn render(
    page: ConversationPage,
    request: &ListConversationsRequest,
) -> ListConversationsResponse {
    let ConversationPage {
        conversations,
        next,
        beginning: ListBeginning { revision, as_of },
    } = page;
    ListConversationsResponse {
        conversations: conversations
            .into_iter()
            .map(conversation::render)
            .collect(),
        next_page_token: page_token::encode(request, next.as_ref()),
        revision: revision.get(),
        as_of: Some(time::render(as_of)),
    }
}
