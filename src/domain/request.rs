//! The origin of a change: the user and the client that ask for it, and the name by which a retry is known.

use super::{CallerName, ClientId, UserId};

/// The caller's name for one changing request: a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub [u8; 16]);

/// A digest of what a request means, to tell a retry from another request of the same name. The client and
/// the caller are no part of that meaning: the retry may come from another client, through another service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestDigest(pub [u8; 16]);

/// The key by which a retry of a request is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestKey {
    /// The caller's name for the request.
    pub id: RequestId,
    /// The digest of the request's meaning.
    pub digest: RequestDigest,
    /// The same as former versions recorded it: what the request says, byte for byte. Needed as long as
    /// the log has changes of theirs.
    pub former_digest: RequestDigest,
}

impl RequestKey {
    /// Whether a change with this digest was made by this request.
    #[must_use]
    pub fn is_of(&self, recorded: &[u8]) -> bool {
        recorded == self.digest.0 || recorded == self.former_digest.0
    }
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
    /// The key by which a retry is recognised, if the caller wants retries to be exact.
    pub request: Option<RequestKey>,
}
