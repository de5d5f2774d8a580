//! `AddToFolder`.

use super::{conversation_id, folder, origin};
use crate::{
    domain::{Batch, CallerName, ConversationId, FolderChanged, FolderName, Origin},
    grpc::violations::InvalidRequest,
    proto::{AddToFolderRequest, AddToFolderResponse},
};

pub(crate) fn parse(
    mut request: AddToFolderRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, (FolderName, Batch<ConversationId>)), InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let AddToFolderRequest {
        user_id: _,
        name,
        conversation_ids,
        request_id: _,
        client_id: _,
    } = request;
    let name = violations.check("name", FolderName::new(&name));
    let conversations = conversation_id::parse_batch(&conversation_ids, &mut violations);
    let parsed = name.zip(conversations);
    let parsed = asker.asking(parsed, |(name, conversations), meaning| {
        meaning.bytes(name.as_str().as_bytes());
        meaning.conversations(conversations);
    });
    violations.finish(parsed)
}

pub(crate) fn render(changed: &FolderChanged) -> AddToFolderResponse {
    let (folder, results, revision) = folder::render_changed(changed);
    AddToFolderResponse {
        folder: Some(folder),
        revision,
        results,
    }
}
