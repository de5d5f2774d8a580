//! `ListFolders`.

use super::folder;
use crate::{
    domain::{Folder, Revision, UserId},
    grpc::violations::{InvalidRequest, Violations},
    proto::{ListFoldersRequest, ListFoldersResponse},
};

pub(crate) fn parse(request: ListFoldersRequest) -> Result<UserId, InvalidRequest> {
    let ListFoldersRequest { user_id } = request;
    let mut violations = Violations::default();
    let user = violations.check("user_id", UserId::new(&user_id));
    violations.finish(user)
}

pub(crate) fn render(folders: &[Folder], revision: Revision) -> ListFoldersResponse {
    ListFoldersResponse {
        folders: folders.iter().map(folder::render).collect(),
        revision: revision.get(),
    }
}
