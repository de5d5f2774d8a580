//! `ListHiddenConversations`.

use super::{conversation, deletion, filter, time};
use crate::{
    app::{HiddenConversation, HiddenPage, ListHiddenConversations},
    domain::{HiddenFilter, PageSize, UserId},
    grpc::{
        page_token,
        violations::{InvalidRequest, Violations},
    },
    proto::{self, ListHiddenConversationsRequest, ListHiddenConversationsResponse},
};

/// The parsed request, and what its page tokens are bound to.
pub(crate) fn parse(
    mut request: ListHiddenConversationsRequest,
) -> Result<(ListHiddenConversations, ListHiddenConversationsRequest), InvalidRequest> {
    let page_token = std::mem::take(&mut request.page_token);
    let page_size = std::mem::take(&mut request.page_size);
    let ListHiddenConversationsRequest {
        user_id,
        page_size: _,
        page_token: _,
        types,
    } = &request;

    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(user_id));
    let page_size = violations.check("page_size", PageSize::new(page_size));
    let cursor = violations.check("page_token", page_token::decode(&request, &page_token));
    let kinds = filter::kinds("types", types, &mut violations);
    let parsed = user
        .zip(page_size)
        .zip(cursor)
        .map(|((user, page_size), cursor)| ListHiddenConversations {
            user,
            page_size,
            cursor,
            filter: HiddenFilter { kinds },
        });
    violations.finish(parsed).map(|parsed| (parsed, request))
}

pub(crate) fn render(
    page: HiddenPage,
    request: &ListHiddenConversationsRequest,
) -> ListHiddenConversationsResponse {
    let HiddenPage {
        hidden,
        next,
        revision,
    } = page;
    ListHiddenConversationsResponse {
        hidden: hidden.into_iter().map(render_one).collect(),
        next_page_token: page_token::encode(request, next.as_ref()),
        revision: revision.get(),
    }
}

fn render_one(hidden: HiddenConversation) -> proto::HiddenConversation {
    let HiddenConversation {
        conversation,
        deletion,
        reappearance,
        is_cleared,
    } = hidden;
    proto::HiddenConversation {
        conversation: Some(conversation::render(conversation)),
        deletion_id: deletion.map_or_else(String::new, |(by, _)| by.to_string()),
        restorable_until: deletion.map(|(_, until)| time::render(until)),
        reappearance: deletion::render_reappearance(reappearance).into(),
        history_cleared: is_cleared,
    }
}
