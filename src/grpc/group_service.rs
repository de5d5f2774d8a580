//! `GroupService`.

use tonic::{Request, Response, Status};

use super::{Api, access, convert};
use crate::{
    app,
    proto::{
        AddGroupMembersRequest, AddGroupMembersResponse, RemoveGroupMembersRequest,
        RemoveGroupMembersResponse, group_service_server::GroupService,
    },
};

#[tonic::async_trait]
impl GroupService for Api {
    async fn add_group_members(
        &self,
        request: Request<AddGroupMembersRequest>,
    ) -> Result<Response<AddGroupMembersResponse>, Status> {
        let (request, caller) = access::received(request);
        let request = convert::group_members::parse_joining(request, caller)?;
        let added = app::add_group_members(&self.app, &request).await?;
        Ok(Response::new(AddGroupMembersResponse {
            added_count: convert::group_members::count(&added),
        }))
    }

    async fn remove_group_members(
        &self,
        request: Request<RemoveGroupMembersRequest>,
    ) -> Result<Response<RemoveGroupMembersResponse>, Status> {
        let (request, caller) = access::received(request);
        let request = convert::group_members::parse_leaving(request, caller)?;
        let removed = app::remove_group_members(&self.app, &request).await?;
        Ok(Response::new(RemoveGroupMembersResponse {
            removed_count: convert::group_members::count(&removed),
        }))
    }
}
