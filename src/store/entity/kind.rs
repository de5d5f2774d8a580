//! The kinds of change.

/// The kinds of change, by the numbers that the log has of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(in crate::store) enum StoredKind {
    Delete = 1,
    DeleteAndClear = 2,
    Clear = 3,
    Restore = 4,
    Read = 5,
    Pin = 6,
    Unpin = 7,
    Mute = 8,
    Unmute = 9,
    Mark = 10,
    SetCustomData = 11,
    CreateFolder = 12,
    DeleteFolder = 13,
    RenameFolder = 14,
    AddToFolder = 15,
    RemoveFromFolder = 16,
    Join = 17,
    Leave = 18,
    Show = 19,
}

impl StoredKind {
    pub(in crate::store) const ALL: [Self; 19] = [
        Self::Delete,
        Self::DeleteAndClear,
        Self::Clear,
        Self::Restore,
        Self::Read,
        Self::Pin,
        Self::Unpin,
        Self::Mute,
        Self::Unmute,
        Self::Mark,
        Self::SetCustomData,
        Self::CreateFolder,
        Self::DeleteFolder,
        Self::RenameFolder,
        Self::AddToFolder,
        Self::RemoveFromFolder,
        Self::Join,
        Self::Leave,
        Self::Show,
    ];

    /// The kind as it stands in metrics.
    pub(in crate::store) const fn name(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::DeleteAndClear => "delete_and_clear",
            Self::Clear => "clear",
            Self::Restore => "restore",
            Self::Read => "read",
            Self::Pin => "pin",
            Self::Unpin => "unpin",
            Self::Mute => "mute",
            Self::Unmute => "unmute",
            Self::Mark => "mark",
            Self::SetCustomData => "set_custom_data",
            Self::CreateFolder => "create_folder",
            Self::DeleteFolder => "delete_folder",
            Self::RenameFolder => "rename_folder",
            Self::AddToFolder => "add_to_folder",
            Self::RemoveFromFolder => "remove_from_folder",
            Self::Join => "join",
            Self::Leave => "leave",
            Self::Show => "show",
        }
    }

    /// Whether it can take conversations off the list.
    pub(in crate::store) const fn unlists(self) -> bool {
        matches!(self, Self::Delete | Self::DeleteAndClear)
    }

    /// The kind that is stored as this number.
    pub(in crate::store) fn from_stored(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as i16 == number)
    }
}
