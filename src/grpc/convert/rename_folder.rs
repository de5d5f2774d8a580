//! `RenameFolder`.

use super::{folder, origin};
use crate::{
    domain::{CallerName, FolderChanged, FolderName, Origin},
    grpc::violations::{InvalidRequest, Violations},
    proto::{RenameFolderRequest, RenameFolderResponse},
};

pub(crate) fn parse(
    mut request: RenameFolderRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, FolderName, FolderName), InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let RenameFolderRequest {
        user_id,
        name,
        new_name,
        request_id: _,
        client_id,
    } = &request;

    let mut violations = Violations::default();
    let asker = origin::parse(
        "RenameFolder",
        user_id,
        client_id,
        &request_id,
        &request,
        caller,
        &mut violations,
    );
    let name = violations.check("name", FolderName::new(name));
    let new_name = violations.check("new_name", FolderName::new(new_name));
    let parsed = asker.zip(name).zip(new_name);
    violations.finish(parsed.map(|((asker, name), new_name)| {
        let origin = asker.asking(|meaning| {
            meaning.bytes(name.as_str().as_bytes());
            meaning.bytes(new_name.as_str().as_bytes());
        });
        (origin, name, new_name)
    }))
}

pub(crate) fn render(changed: &FolderChanged) -> RenameFolderResponse {
    let (folder, _, revision) = folder::render_changed(changed);
    RenameFolderResponse {
        folder: Some(folder),
        revision,
    }
}
