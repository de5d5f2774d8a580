//! A user's changes, as the user's clients follow them.

use super::{ClientId, ConversationId, Revision, Seq, Synchronisation, Taking, Timestamp};

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedChange {
    /// The user's revision that it made.
    pub revision: Revision,
    /// When it was made.
    pub time: Timestamp,
    /// The client that made it, if it gave its name.
    pub client: Option<ClientId>,
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// The conversations that it changed, in the order of its request.
    pub conversations: Vec<Watermarks>,
}

/// What kind a change is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// A deletion or a clearing.
    Taken(Taking, Synchronisation),
    /// The deletion or clearing of this revision was undone.
    Restored(Revision),
}

/// How a conversation stands after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermarks {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The list leaves it out up to here.
    pub hidden_through: Seq,
    /// Its history is gone up to here.
    pub cleared_through: Seq,
}

impl RecordedChange {
    /// Whether a watching client is told of this change: not of its own, not of a deletion that was
    /// not to be synchronised, and not of a request that changed nothing.
    #[must_use]
    pub fn concerns(&self, watcher: Option<&ClientId>) -> bool {
        let own = self.client.is_some() && self.client.as_ref() == watcher;
        let synchronised = !matches!(self.kind, ChangeKind::Taken(_, Synchronisation::OriginOnly));
        !own && synchronised && !self.conversations.is_empty()
    }
}
