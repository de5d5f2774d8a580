//! Membership of groups, and the requests that change it.

use super::{Batch, CallerName, GroupId, RequestDigest, RequestId, Revision, UserId};

/// Whether a user is in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// New messages reach the user. In a one-to-one or system conversation they always do.
    Member,
    /// The user has left the group.
    Left,
}

/// Asks for users to join or leave a group.
#[derive(Debug, Clone)]
pub struct MembershipRequest {
    /// The group.
    pub group: GroupId,
    /// The users.
    pub users: Batch<UserId>,
    /// The membership that they get.
    pub membership: Membership,
    /// The key by which a retry is recognised. A group has one scope for all its requests.
    pub request: Option<GroupRequest>,
    /// The service that sent the request, if callers are named.
    pub caller: Option<CallerName>,
}

/// The key by which a retry of such a request is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRequest {
    /// The caller's name for the request.
    pub id: RequestId,
    /// A digest of the request's meaning.
    pub digest: RequestDigest,
}

/// The result of such a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipsChanged {
    /// How many of the users were not yet what they are now. A retry gets the same number.
    pub count: usize,
    /// The users for whom this run has made a change, with its revision. Empty for a retry.
    pub revisions: Vec<(UserId, Revision)>,
}
