//! `CreateFolder`.

use super::{conversation_id, folder, origin};
use crate::{
    domain::{Batch, CallerName, ConversationId, FolderChanged, FolderName, Origin},
    grpc::violations::InvalidRequest,
    proto::{CreateFolderRequest, CreateFolderResponse},
};

/// The name of a folder, and the conversations that it has at first.
type NewFolder = (FolderName, Option<Batch<ConversationId>>);

pub(crate) fn parse(
    mut request: CreateFolderRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, NewFolder), InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let CreateFolderRequest {
        user_id: _,
        name,
        conversation_ids,
        request_id: _,
        client_id: _,
    } = request;
    let name = violations.check("name", FolderName::new(&name));
    let conversations = if conversation_ids.is_empty() {
        None
    } else {
        conversation_id::parse_batch(&conversation_ids, &mut violations)
    };
    let parsed = name.map(|name| (name, conversations));
    let parsed = asker.asking(parsed, |(name, conversations), meaning| {
        meaning.bytes(name.as_str().as_bytes());
        meaning.conversations(conversations.as_deref().unwrap_or_default());
    });
    violations.finish(parsed)
}

pub(crate) fn render(changed: &FolderChanged) -> CreateFolderResponse {
    let (folder, results, revision) = folder::render_changed(changed);
    CreateFolderResponse {
        folder: Some(folder),
        revision,
        results,
    }
}
