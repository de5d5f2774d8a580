//! Hidden conversations, and showing them again.

use super::{ConversationId, ConversationKind, Revision, Timestamp};

/// The outcome of showing one conversation. Every outcome is a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShowOutcome {
    /// It was hidden, and is listed now.
    Shown,
    /// It was listed.
    AlreadyListed,
    /// The user never had it, or has joined the group again and nothing has arrived since.
    NotFound,
}

/// The result of showing conversations. A retry gets the same value, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// For each conversation, in the order of the request.
    pub conversations: Vec<(ConversationId, ShowOutcome)>,
    /// The user's revision that the change made.
    pub revision: Revision,
}

/// A place in the list of what is hidden. It goes by latest activity, then by the key under which the
/// conversation is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HiddenPosition {
    /// When the newest message came.
    pub activity: Timestamp,
    /// The bytes of the key.
    pub key: [u8; 16],
}

/// Where a listing of what is hidden stands between two pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HiddenCursor {
    /// The user's revision at the first page.
    pub revision: Revision,
    /// The place of the last conversation that was listed.
    pub after: HiddenPosition,
}

/// Chooses among what is hidden.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HiddenFilter {
    /// The kinds to list; empty for all.
    pub kinds: Vec<ConversationKind>,
}
