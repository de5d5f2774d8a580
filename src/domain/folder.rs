//! Folders: conversations that a user has put together under a name.

use super::{Batch, ChangeOutcome, ConversationId, FolderName, Revision};

/// The most folders of a user.
pub const MAX_FOLDERS: u16 = 20;
/// The most conversations that all folders of a user show, one that is in several counting once for each. A
/// conversation that is not listed at present does not count. It may come back, so there may be more; then
/// nothing can be added until there is room.
pub const MAX_FOLDER_CONVERSATIONS: u16 = 1000;
/// The most conversations in all folders of a user, listed at present or not. Even when all of them are
/// listed, the answer is one that a client takes.
pub const MAX_FILED_CONVERSATIONS: u16 = 10_000;

/// A folder, as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name.
    pub name: FolderName,
    /// The conversations in it that are listed at present, in the order in which they were put in.
    pub conversations: Vec<ConversationId>,
}

/// A change of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderAction {
    /// Make it, with these conversations if there are any.
    Create(Option<Batch<ConversationId>>),
    /// Remove it; its conversations stay.
    Delete,
    /// Call it this.
    Rename(FolderName),
    /// Put conversations into it.
    Add(Batch<ConversationId>),
    /// Take conversations out of it.
    Remove(Batch<ConversationId>),
}

/// The result of changing a folder. A retry gets the same value, as it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderChanged {
    /// The folder as it is since; as it was, if it was removed.
    pub folder: Folder,
    /// The outcome for each conversation of the request, in its order.
    pub conversations: Vec<(ConversationId, ChangeOutcome)>,
    /// The user's revision that the change made.
    pub revision: Revision,
}

impl FolderAction {
    /// The conversations that it names.
    #[must_use]
    pub fn conversations(&self) -> &[ConversationId] {
        match self {
            Self::Create(None) | Self::Delete | Self::Rename(_) => &[],
            Self::Create(Some(batch)) | Self::Add(batch) | Self::Remove(batch) => batch,
        }
    }
}
