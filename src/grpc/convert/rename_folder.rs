//! `RenameFolder`.

use super::{folder, origin};
use crate::{
    domain::{CallerName, FolderChanged, FolderName, Origin},
    grpc::violations::InvalidRequest,
    proto::{RenameFolderRequest, RenameFolderResponse},
};

pub(crate) fn parse(
    mut request: RenameFolderRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, (FolderName, FolderName)), InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let RenameFolderRequest {
        user_id: _,
        name,
        new_name,
        request_id: _,
        client_id: _,
    } = request;
    let name = violations.check("name", FolderName::new(&name));
    let new_name = violations.check("new_name", FolderName::new(&new_name));
    let parsed = name.zip(new_name);
    let parsed = asker.asking(parsed, |(name, new_name), meaning| {
        meaning.bytes(name.as_str().as_bytes());
        meaning.bytes(new_name.as_str().as_bytes());
    });
    violations.finish(parsed)
}

pub(crate) fn render(changed: &FolderChanged) -> RenameFolderResponse {
    let (folder, _, revision) = folder::render_changed(changed);
    RenameFolderResponse {
        folder: Some(folder),
        revision,
    }
}
