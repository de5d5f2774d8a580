//! `DeleteFolder`.

use super::{folder, origin};
use crate::{
    domain::{CallerName, FolderChanged, FolderName, Origin},
    grpc::violations::InvalidRequest,
    proto::{DeleteFolderRequest, DeleteFolderResponse},
};

pub(crate) fn parse(
    mut request: DeleteFolderRequest,
    caller: Option<CallerName>,
) -> Result<(Origin, FolderName), InvalidRequest> {
    let (asker, mut violations) = origin::parse(&mut request, caller);
    let DeleteFolderRequest {
        user_id: _,
        name,
        request_id: _,
        client_id: _,
    } = request;
    let name = violations.check("name", FolderName::new(&name));
    let parsed = asker.asking(name, |name, meaning| {
        meaning.bytes(name.as_str().as_bytes());
    });
    violations.finish(parsed)
}

pub(crate) fn render(changed: &FolderChanged) -> DeleteFolderResponse {
    let (folder, _, revision) = folder::render_changed(changed);
    DeleteFolderResponse {
        folder: Some(folder),
        revision,
    }
}
