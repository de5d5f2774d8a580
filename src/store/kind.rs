//! The kinds of change, as the log has them.

/// The kinds of change, as they are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(super) enum StoredKind {
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
}

impl StoredKind {
    pub(super) const fn from_stored(number: i16) -> Option<Self> {
        Some(match number {
            1 => Self::Delete,
            2 => Self::DeleteAndClear,
            3 => Self::Clear,
            4 => Self::Restore,
            5 => Self::Read,
            6 => Self::Pin,
            7 => Self::Unpin,
            8 => Self::Mute,
            9 => Self::Unmute,
            10 => Self::Mark,
            11 => Self::SetCustomData,
            12 => Self::CreateFolder,
            13 => Self::DeleteFolder,
            14 => Self::RenameFolder,
            15 => Self::AddToFolder,
            16 => Self::RemoveFromFolder,
            _ => return None,
        })
    }
}
