//! `CreateFolder`.

use super::{conversation_id, folder, origin};
use crate::{
    domain::{Batch, CallerName, ConversationId, FolderChanged, FolderName, Origin},
    grpc::violations::{InvalidRequest, Violations},
    proto::{CreateFolderRequest, CreateFolderResponse},
};

pub(crate) fn parse(
    mut request: CreateFolderRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, FolderName, Option<Batch<ConversationId>>), InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let CreateFolderRequest {
        user_id,
        name,
        conversation_ids,
        request_id: _,
        client_id,
    } = &request;

    let mut violations = Violations::default();
    let asker = origin::parse(
        "CreateFolder",
        user_id,
        client_id,
        &request_id,
        &request,
        caller,
        &mut violations,
    );
    let name = violations.check("name", FolderName::new(name));
    let conversations = match conversation_ids.as_slice() {
        [] => None,
        ids => conversation_id::parse_batch(ids, &mut violations),
    };
    let parsed = asker.zip(name);
    violations.finish(parsed.map(|(asker, name)| {
        let origin = asker.asking(|meaning| {
            meaning.bytes(name.as_str().as_bytes());
            meaning.conversations(conversations.as_deref().unwrap_or_default());
        });
        (origin, name, conversations)
    }))
}

pub(crate) fn render(changed: &FolderChanged) -> CreateFolderResponse {
    let (folder, results, revision) = folder::render_changed(changed);
    CreateFolderResponse {
        folder: Some(folder),
        revision,
        results,
    }
}
