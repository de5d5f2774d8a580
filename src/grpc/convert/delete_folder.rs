//! `DeleteFolder`.

use super::{folder, origin};
use crate::{
    domain::{CallerName, FolderChanged, FolderName, Origin},
    grpc::violations::{InvalidRequest, Violations},
    proto::{DeleteFolderRequest, DeleteFolderResponse},
};

pub(crate) fn parse(
    mut request: DeleteFolderRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, FolderName), InvalidRequest> {
    let request_id = std::mem::take(&mut request.request_id);
    let DeleteFolderRequest {
        user_id,
        name,
        request_id: _,
        client_id,
    } = &request;

    let mut violations = Violations::default();
    let asker = origin::parse(
        "DeleteFolder",
        user_id,
        client_id,
        &request_id,
        &request,
        caller,
        &mut violations,
    );
    let name = violations.check("name", FolderName::new(name));
    violations.finish(asker.zip(name).map(|(asker, name)| {
        let origin = asker.asking(|meaning| meaning.bytes(name.as_str().as_bytes()));
        (origin, name)
    }))
}

pub(crate) fn render(changed: &FolderChanged) -> DeleteFolderResponse {
    let (folder, _, revision) = folder::render_changed(changed);
    DeleteFolderResponse {
        folder: Some(folder),
        revision,
    }
}
