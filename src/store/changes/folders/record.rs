//! The record of a change of a folder.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{ConversationId, Folder, FolderChanged, FolderName},
    store::{database::error::StoreError, log::Recorded},
};

/// The record of a folder that was changed.
#[derive(Debug)]
pub(in crate::store) struct StoredFolder {
    pub(in crate::store) name: FolderName,
    /// The name that it had before, if it was renamed.
    pub(in crate::store) former: Option<FolderName>,
    conversations: Vec<ConversationId>,
}

/// The same in `changes.detail`, as JSON.
#[derive(Serialize, Deserialize)]
struct Detail {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    former: Option<String>,
    conversations: Vec<String>,
}

impl StoredFolder {
    /// Reads the record of a change of a folder.
    pub(in crate::store) fn of(recorded: &Recorded) -> Result<Self, StoreError> {
        let error = || recorded.inconsistent("detail");
        let detail = recorded.detail.as_deref().ok_or_else(error)?;
        let detail: Detail = serde_json::from_str(detail).map_err(|_| error())?;
        let name = |name: &String| FolderName::new(name).map_err(|_| error());
        Ok(Self {
            name: name(&detail.name)?,
            former: detail.former.as_ref().map(name).transpose()?,
            conversations: detail
                .conversations
                .iter()
                .map(|id| id.parse().map_err(|_| error()))
                .collect::<Result<_, _>>()?,
        })
    }
}

/// The record of a folder that was renamed if it has a `former` name.
pub(super) fn detail(folder: &Folder, former: Option<&FolderName>) -> String {
    let detail = Detail {
        name: folder.name.to_string(),
        former: former.map(ToString::to_string),
        conversations: folder
            .conversations
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    serde_json::json!(detail).to_string()
}

/// The result of a change of a folder.
pub(super) fn folder_changed(recorded: Recorded) -> Result<FolderChanged, StoreError> {
    let folder = StoredFolder::of(&recorded)?;
    let error = recorded.inconsistent("results");
    let conversations = recorded.conversations.into_iter().map(|conversation| {
        let outcome = conversation.change_outcome()?;
        Some((conversation.id, outcome))
    });
    Ok(FolderChanged {
        folder: Folder {
            name: folder.name,
            conversations: folder.conversations,
        },
        conversations: conversations.collect::<Option<_>>().ok_or(error)?,
        revision: recorded.revision,
    })
}
