//! A user's changes, as the user's clients follow them.

use super::{
    ClientId, ConversationId, CustomData, FolderName, Marks, Membership, Muting, Pinning,
    Reappearance, Revision, Seq, Settings, Synchronisation, Taking, Timestamp,
};

/// The most bytes of a change as a watching client is notified of it.
pub const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// More than one conversation of a reading takes in an event, beside its ID.
const BYTES_BESIDE_ID: usize = 32;

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedChange {
    /// The user's revision that it made.
    pub revision: Revision,
    /// When it was made.
    pub time: Timestamp,
    /// The client that made it, if it gave its name.
    pub client: Option<ClientId>,
    /// The change itself.
    pub change: Change,
}

/// A change, by its kind. Its conversations are those that the request did change, in its order; for a
/// deletion, all of its conversations that the user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Conversations were deleted or cleared.
    Taken {
        /// The parts of them that were deleted.
        taking: Taking,
        /// The rule that the request has asked for.
        reappearance: Reappearance,
        /// Whether it was to take the settings, too.
        settings: Settings,
        /// Whether other clients are notified.
        synchronisation: Synchronisation,
        /// How they stand since.
        conversations: Vec<Watermarks>,
    },
    /// A deletion or clearing was undone.
    Restored {
        /// The revision of what was undone.
        deletion: Revision,
        /// How they stand since.
        conversations: Vec<Watermarks>,
        /// The settings of those whose settings came back, as they are since.
        settings: Vec<ConversationSettings>,
    },
    /// Hidden conversations were listed again: how each stands since, and how far it is read.
    Shown(Vec<(Watermarks, Seq)>),
    /// Conversations were read through these positions.
    Read(Vec<(ConversationId, Seq)>),
    /// Conversations were pinned or unpinned.
    Pinned(Pinning, Vec<ConversationId>),
    /// Conversations were muted or unmuted.
    Muted(Muting, Vec<ConversationId>),
    /// Conversations have these marks since.
    Marked(Vec<(ConversationId, Marks)>),
    /// Conversations have this data since.
    CustomDataSet(CustomData, Vec<ConversationId>),
    /// A folder was made, with these conversations.
    FolderCreated(FolderName, Vec<ConversationId>),
    /// A folder was removed.
    FolderDeleted(FolderName),
    /// A folder was renamed.
    FolderRenamed {
        /// The former name.
        from: FolderName,
        /// The new name.
        to: FolderName,
    },
    /// Conversations were put into a folder.
    AddedToFolder(FolderName, Vec<ConversationId>),
    /// Conversations were taken out of a folder.
    RemovedFromFolder(FolderName, Vec<ConversationId>),
    /// The user has joined or left a group.
    MembershipChanged {
        /// The user's membership since.
        membership: Membership,
        /// How the group stands since.
        conversation: Watermarks,
        /// The newest position that has reached the user, or would have.
        last: Seq,
    },
}

/// How a conversation stands after a deletion, a clearing, or the undoing of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watermarks {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The list leaves it out up to here.
    pub hidden_through: Seq,
    /// Its history is gone up to here.
    pub cleared_through: Seq,
    /// Whether it is pinned.
    pub is_pinned: bool,
    /// Whether something newer lists it.
    pub reappearance: Reappearance,
    /// Whether the deletion has taken its settings.
    pub settings: Settings,
}

/// The settings of one conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationSettings {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Whether it is muted.
    pub muted: bool,
    /// Its marks.
    pub marks: Marks,
    /// The product's own data.
    pub custom_data: CustomData,
    /// The folders that it is in, oldest first.
    pub folders: Vec<FolderName>,
}

impl RecordedChange {
    /// Whether a watching client is notified of this change: not of its own, not of a deletion that was not
    /// to be synchronised, and not of a request that changed nothing.
    #[must_use]
    pub fn concerns(&self, watcher: Option<&ClientId>) -> bool {
        let own = self.client.is_some() && self.client.as_ref() == watcher;
        !own && self.change.is_synchronised() && self.change.is_something()
    }
}

impl ConversationSettings {
    /// About as many bytes as they have in an event; never fewer.
    fn bytes(&self) -> usize {
        let folders = self.folders.iter().map(|name| name.as_str().len() + 2);
        let data = self.custom_data.as_bytes().len();
        self.conversation_id.name_bytes() + BYTES_BESIDE_ID + data + folders.sum::<usize>()
    }
}

impl Change {
    /// Whether it fits into an event. Requests are bounded so that it does, with two exceptions: former versions
    /// marked any number of conversations read at once, and an undo may leave more conversations in folders than
    /// may be added.
    #[must_use]
    pub fn fits_an_event(&self) -> bool {
        let bytes: usize = match self {
            Self::Read(conversations) => conversations
                .iter()
                .map(|(id, _)| id.name_bytes() + BYTES_BESIDE_ID)
                .sum(),
            Self::Restored {
                conversations,
                settings,
                ..
            } => {
                let stand = conversations
                    .iter()
                    .map(|one| one.conversation_id.name_bytes() + BYTES_BESIDE_ID);
                stand
                    .chain(settings.iter().map(ConversationSettings::bytes))
                    .sum()
            }
            _ => 0,
        };
        bytes <= MAX_EVENT_BYTES
    }

    const fn is_synchronised(&self) -> bool {
        !matches!(
            self,
            Self::Taken {
                synchronisation: Synchronisation::OriginOnly,
                ..
            }
        )
    }

    fn is_something(&self) -> bool {
        match self {
            Self::Taken { conversations, .. } | Self::Restored { conversations, .. } => {
                !conversations.is_empty()
            }
            Self::Shown(conversations) => !conversations.is_empty(),
            Self::Read(conversations) => !conversations.is_empty(),
            Self::Marked(conversations) => !conversations.is_empty(),
            Self::Pinned(_, conversations)
            | Self::Muted(_, conversations)
            | Self::CustomDataSet(_, conversations)
            | Self::AddedToFolder(_, conversations)
            | Self::RemovedFromFolder(_, conversations) => !conversations.is_empty(),
            Self::FolderRenamed { from, to } => from != to,
            Self::FolderCreated(..) | Self::FolderDeleted(_) | Self::MembershipChanged { .. } => {
                true
            }
        }
    }
}
