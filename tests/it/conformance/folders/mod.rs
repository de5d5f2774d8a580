//! Folders. Most promises are of several of their RPCs: `CreateFolder`, `RenameFolder`, `DeleteFolder`,
//! `AddToFolder`, `RemoveFromFolder` and `ListFolders`.
//!
//! - [`contents`]: the names of folders, the conversations in them, and their order;
//! - [`limits`]: how many folders there may be, and how much may be in them.

mod contents;
mod limits;
