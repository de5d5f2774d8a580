//! Deletions and their undo: requests and results.

use super::{ClientId, ConversationId, Revision, Seq, Timestamp};

/// The parts of a conversation that a deletion takes from the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// The list entry; the history stays readable.
    Entry,
    /// The list entry and the history.
    EntryAndHistory,
    /// The history; the conversation stays listed.
    History,
}

/// The rule by which a deleted conversation comes back into the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reappearance {
    /// A newer message that reaches the user lists it.
    #[default]
    OnMessage,
    /// No message does but the user's own; showing it and undoing the deletion do.
    Never,
}

/// The fate of a conversation's settings when it is deleted: mute, marks, custom data and folders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Settings {
    /// They stay, unseen.
    #[default]
    Keep,
    /// They are gone.
    Forget,
}

/// Whether the user's other clients are notified of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Synchronisation {
    /// They are not.
    OriginOnly,
    /// They are.
    OtherClients,
}

/// The outcome of a deletion for one conversation. Every outcome is a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionOutcome {
    /// It was listed, and the parts that were to be deleted are gone.
    Deleted,
    /// It was not listed.
    AlreadyDeleted,
    /// It is deleted as far as the user had seen it, and listed for what is newer.
    NewerMessagesKept,
    /// The user never had it.
    NotFound,
    /// It is not as the plan of the deletion showed it, so it was left alone.
    ChangedSincePlan,
}

/// The result of a deletion for one conversation, with its watermarks since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationDeletion {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The outcome.
    pub outcome: DeletionOutcome,
    /// The list leaves the conversation out up to here.
    pub hidden_through: Seq,
    /// The history is gone up to here.
    pub cleared_through: Seq,
}

/// The result of a deletion. A retry gets the same value, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// For each conversation, in the order of the request.
    pub conversations: Vec<ConversationDeletion>,
    /// The user's revision that the deletion made; it names the deletion too.
    pub revision: Revision,
    /// Until when it can be undone; `None` if it cannot.
    pub restorable_until: Option<Timestamp>,
}

/// The result of a deletion by selector. A retry gets the same value, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchingDeletion {
    /// The deletion; its conversations are the oldest active first.
    pub deletion: Deletion,
    /// How many conversations the selector chose, counted up to a limit.
    pub matched: u64,
}

/// The outcome of undoing a deletion for one conversation. Every outcome is a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestorationOutcome {
    /// The deletion is undone.
    Restored,
    /// It has been deleted or cleared again since, and is left alone. It can be undone after what has
    /// come later, if that is undone.
    Superseded,
    /// The deletion took nothing from it.
    NothingTaken,
}

/// The result of undoing a deletion for one conversation, and for its pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredConversation {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The outcome.
    pub outcome: RestorationOutcome,
    /// Whether it was pinned before the deletion, and there was no room for the pin.
    pub is_pin_left_out: bool,
}

/// The result of undoing a deletion. A retry gets the same value, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoration {
    /// For each conversation of the deletion, in its order.
    pub conversations: Vec<RestoredConversation>,
    /// The user's revision that the restoration made.
    pub revision: Revision,
}

/// The state of one conversation of a deletion, as undoing would find it. The first that applies is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletionState {
    /// The deletion took nothing from it.
    NothingTaken,
    /// All that was taken is back.
    Restored,
    /// It has been deleted or cleared again since, or the user has joined the group again.
    Superseded,
    /// The window has passed, or there was none.
    Expired,
    /// It can be put back.
    Restorable,
}

/// A deletion or clearing of a user, as it stands at present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDeletion {
    /// The user's revision that it made; it names the deletion too.
    pub revision: Revision,
    /// When it was made.
    pub time: Timestamp,
    /// The client that asked for it, if it gave a name.
    pub client: Option<ClientId>,
    /// The parts that it takes.
    pub taking: Taking,
    /// The rule that it has asked for.
    pub reappearance: Reappearance,
    /// Whether it was to take the settings, too.
    pub settings: Settings,
    /// Until when it can be undone; `None` if it never could.
    pub restorable_until: Option<Timestamp>,
    /// Its conversations, in the order of the request.
    pub conversations: Vec<(ConversationId, DeletionState)>,
}

impl ListedDeletion {
    /// Whether undoing it would put anything back.
    #[must_use]
    pub fn is_restorable(&self) -> bool {
        let mut states = self.conversations.iter().map(|(_, state)| *state);
        states.any(|state| state == DeletionState::Restorable)
    }
}
