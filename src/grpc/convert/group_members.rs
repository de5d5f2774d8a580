//! `AddGroupMembers` and `RemoveGroupMembers`, which say the same of their group.

use super::{batch, origin};
use crate::{
    domain::{CallerName, GroupId, Membership, MembershipRequest, MembershipsChanged},
    grpc::violations::{InvalidRequest, Violations},
    proto::{AddGroupMembersRequest, RemoveGroupMembersRequest},
};

pub(crate) fn parse_joining(
    request: AddGroupMembersRequest,
    caller: Option<CallerName>,
) -> Result<MembershipRequest, InvalidRequest> {
    let AddGroupMembersRequest {
        group_id,
        user_ids,
        request_id,
    } = request;
    parse(
        Membership::Member,
        &group_id,
        &user_ids,
        &request_id,
        caller,
    )
}

pub(crate) fn parse_leaving(
    request: RemoveGroupMembersRequest,
    caller: Option<CallerName>,
) -> Result<MembershipRequest, InvalidRequest> {
    let RemoveGroupMembersRequest {
        group_id,
        user_ids,
        request_id,
    } = request;
    parse(Membership::Left, &group_id, &user_ids, &request_id, caller)
}

fn parse(
    membership: Membership,
    group_id: &str,
    user_ids: &[String],
    request_id: &str,
    caller: Option<CallerName>,
) -> Result<MembershipRequest, InvalidRequest> {
    let method = match membership {
        Membership::Member => "AddGroupMembers",
        Membership::Left => "RemoveGroupMembers",
    };
    let mut violations = Violations::default();
    let group = violations.check("group_id", GroupId::new(group_id));
    let users = batch::users("user_ids", user_ids, &mut violations);
    let request = origin::of_group(method, request_id, users.as_ref(), &mut violations);
    let parsed = group.zip(users).map(|(group, users)| MembershipRequest {
        group,
        users,
        membership,
        request,
        caller,
    });
    violations.finish(parsed)
}

/// How many members were changed: 100 at most.
pub(crate) fn count(changed: &MembershipsChanged) -> i32 {
    i32::try_from(changed.count).unwrap_or(i32::MAX)
}
