//! Folders, and what changes did to them.

use super::{change_result, conversation_id};
use crate::{
    domain::{Folder, FolderChanged},
    proto::{self, ChangeResult},
};

pub(super) fn render(folder: &Folder) -> proto::Folder {
    let Folder {
        name,
        conversations,
    } = folder;
    proto::Folder {
        name: name.to_string(),
        conversation_ids: conversations.iter().map(conversation_id::render).collect(),
    }
}

/// The fields `folder`, `results` and `revision`.
pub(super) fn render_changed(changed: &FolderChanged) -> (proto::Folder, Vec<ChangeResult>, u64) {
    let FolderChanged {
        folder,
        conversations,
        revision,
    } = changed;
    let results = conversations
        .iter()
        .map(|(id, outcome)| change_result::render(id, *outcome));
    (render(folder), results.collect(), revision.get())
}
