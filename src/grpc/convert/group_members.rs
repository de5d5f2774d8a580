//! `AddGroupMembers` and `RemoveGroupMembers`, which say the same of their group.

use super::batch;
use crate::{
    domain::{Batch, GroupId, UserId},
    grpc::violations::{InvalidRequest, Violations},
};

pub(crate) fn parse(
    group_id: &str,
    user_ids: &[String],
) -> Result<(GroupId, Batch<UserId>), InvalidRequest> {
    let mut violations = Violations::default();
    let group = violations.check("group_id", GroupId::new(group_id));
    let users = batch::users("user_ids", user_ids, &mut violations);
    violations.finish(group.zip(users))
}

/// A number of members of one batch: 100 at most.
pub(crate) fn count(members: usize) -> i32 {
    i32::try_from(members).unwrap_or(i32::MAX)
}
