//! `GetUnreadCount`.

use super::filter;
use crate::{
    domain::{ListFilter, UserId},
    grpc::violations::{InvalidRequest, Violations},
    proto::GetUnreadCountRequest,
};

pub(crate) fn parse(
    request: &GetUnreadCountRequest,
) -> Result<(UserId, ListFilter), InvalidRequest> {
    let GetUnreadCountRequest { user_id, filter } = request;
    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(user_id));
    let filter = filter::parse(filter.as_ref(), &mut violations);
    violations.finish(user.map(|user| (user, filter)))
}
