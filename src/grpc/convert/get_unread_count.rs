//! `GetUnreadCount`.

use super::filter;
use crate::{
    domain::{ListFilter, UnreadTotals, UserId},
    grpc::violations::{InvalidRequest, Violations},
    proto::{GetUnreadCountRequest, GetUnreadCountResponse},
};

pub(crate) fn parse(
    request: GetUnreadCountRequest,
) -> Result<(UserId, ListFilter), InvalidRequest> {
    let GetUnreadCountRequest { user_id, filter } = request;
    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(&user_id));
    let filter = filter::parse("filter", filter.as_ref(), &mut violations);
    violations.finish(user.map(|user| (user, filter)))
}

pub(crate) const fn render(totals: UnreadTotals) -> GetUnreadCountResponse {
    let UnreadTotals {
        messages,
        conversations,
        muted_messages,
    } = totals;
    GetUnreadCountResponse {
        unread_count: messages,
        unread_conversations: conversations,
        muted_unread_count: muted_messages,
    }
}
