//! Who asks for a change, and by what name a retry of it is known.

use super::{CallerName, ClientId, UserId};

/// The caller's name for one changing request: a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub [u8; 16]);

/// A digest of everything a request says, to tell a retry from another request of the same name. Who
/// sends it is no part of it: the retry may come through another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestDigest(pub [u8; 16]);

/// By what a retry of a request is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKey {
    /// The caller's name for the request.
    pub id: RequestId,
    /// What the request says.
    pub digest: RequestDigest,
}

/// Where a change comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The user whose view changes.
    pub user: UserId,
    /// The client of the user that asked, if it gave its name.
    pub client: Option<ClientId>,
    /// The service that sent the request, if callers are named. It is recorded with the change, and
    /// nothing depends on it.
    pub caller: Option<CallerName>,
    /// By what a retry is recognised, if the caller wants retries to be exact.
    pub request: Option<RequestKey>,
}
