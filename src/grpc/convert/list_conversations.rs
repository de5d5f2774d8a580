//! `ListConversations`.

use super::conversation;
use crate::{
    app::{ConversationPage, ListConversations},
    domain::{ConversationKind, ListFilter, Mark, PageSize, UserId},
    grpc::{
        page_token,
        violations::{InvalidRequest, Violations},
    },
    proto::{self, ConversationType, ListConversationsRequest, ListConversationsResponse},
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
    let filter = parse_filter(filter.as_ref(), &mut violations);
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

fn parse_filter(filter: Option<&proto::ListFilter>, violations: &mut Violations) -> ListFilter {
    let Some(filter) = filter else {
        return ListFilter::default();
    };
    let proto::ListFilter {
        types,
        unread_only,
        mark,
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
                violations.add(path, "must be one of the named conversation types");
                None
            }
        }
    });
    let kinds = kinds.collect();
    let mark_bit = match mark {
        0 => None,
        bit => violations.check("filter.mark", Mark::from_bit(*bit).ok_or("must be one bit")),
    };
    ListFilter {
        kinds,
        unread_only: *unread_only,
        mark: mark_bit,
    }
}

pub(crate) fn render(
    page: ConversationPage,
    request: &ListConversationsRequest,
) -> ListConversationsResponse {
    let ConversationPage {
        conversations,
        next,
        revision,
    } = page;
    ListConversationsResponse {
        conversations: conversations
            .into_iter()
            .map(conversation::render)
            .collect(),
        next_page_token: next
            .map(|place| page_token::encode(request, &place))
            .unwrap_or_default(),
        revision: revision.get(),
    }
}
