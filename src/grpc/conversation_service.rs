//! `ConversationService`.

use tonic::{Request, Response, Status};

use super::{Api, convert};
use crate::{
    app,
    proto::{
        DeleteConversationsRequest, DeleteConversationsResponse, GetConversationsRequest,
        GetConversationsResponse, ListConversationsRequest, ListConversationsResponse,
        conversation_service_server::ConversationService,
    },
};

#[tonic::async_trait]
impl ConversationService for Api {
    async fn delete_conversations(
        &self,
        request: Request<DeleteConversationsRequest>,
    ) -> Result<Response<DeleteConversationsResponse>, Status> {
        let request = convert::delete_conversations::parse(request.into_inner())?;
        let deletion = app::delete_conversations(&self.app, request).await?;
        Ok(Response::new(convert::delete_conversations::render(
            deletion,
        )))
    }

    async fn list_conversations(
        &self,
        request: Request<ListConversationsRequest>,
    ) -> Result<Response<ListConversationsResponse>, Status> {
        let (request, token) = convert::list_conversations::parse(request.into_inner())?;
        let page = app::list_conversations(&self.app, request).await?;
        Ok(Response::new(convert::list_conversations::render(
            page, &token,
        )))
    }

    async fn get_conversations(
        &self,
        request: Request<GetConversationsRequest>,
    ) -> Result<Response<GetConversationsResponse>, Status> {
        let (user, ids) = convert::get_conversations::parse(&request.into_inner())?;
        let found = app::get_conversations(&self.app, &user, ids).await?;
        Ok(Response::new(convert::get_conversations::render(found)))
    }
}
