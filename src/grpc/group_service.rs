//! `GroupService`.

use tonic::{Request, Response, Status};

use super::{Api, convert};
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
        let AddGroupMembersRequest { group_id, user_ids } = request.into_inner();
        let (group, users) = convert::group_members::parse(&group_id, &user_ids)?;
        let added = app::add_group_members(&self.app, &group, &users).await?;
        Ok(Response::new(AddGroupMembersResponse {
            added_count: convert::group_members::count(added),
        }))
    }

    async fn remove_group_members(
        &self,
        request: Request<RemoveGroupMembersRequest>,
    ) -> Result<Response<RemoveGroupMembersResponse>, Status> {
        let RemoveGroupMembersRequest { group_id, user_ids } = request.into_inner();
        let (group, users) = convert::group_members::parse(&group_id, &user_ids)?;
        let removed = app::remove_group_members(&self.app, &group, &users).await?;
        Ok(Response::new(RemoveGroupMembersResponse {
            removed_count: convert::group_members::count(removed),
        }))
    }
}
