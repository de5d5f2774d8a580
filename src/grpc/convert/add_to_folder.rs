//! `AddToFolder`.

use super::{conversation_id, folder, origin};
use crate::{
    domain::{Batch, CallerName, ConversationId, FolderChanged, FolderName, Origin},
    grpc::violations::{InvalidRequest, Violations},
    proto::{AddToFolderRequest, AddToFolderResponse},
};

pub(crate) fn parse(
    mut request: AddToFolderRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, FolderName, Batch<ConversationId>), InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let AddToFolderRequest {
        user_id,
        name,
        conversation_ids,
        request_id: _,
        client_id,
    } = &request;

    let mut violations = Violations::default();
    let asker = origin::parse(
        "AddToFolder",
        user_id,
        client_id,
        &request_id,
        &request,
        caller,
        &mut violations,
    );
    let name = violations.check("name", FolderName::new(name));
    let conversations = conversation_id::parse_batch(conversation_ids, &mut violations);
    let parsed = asker.zip(name).zip(conversations);
    violations.finish(parsed.map(|((asker, name), conversations)| {
        let origin = asker.asking(|meaning| {
            meaning.bytes(name.as_str().as_bytes());
            meaning.conversations(&conversations);
        });
        (origin, name, conversations)
    }))
}

pub(crate) fn render(changed: &FolderChanged) -> AddToFolderResponse {
    let (folder, results, revision) = folder::render_changed(changed);
    AddToFolderResponse {
        folder: Some(folder),
        revision,
        results,
    }
}
