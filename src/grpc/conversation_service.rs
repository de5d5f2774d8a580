//! `ConversationService`.

use tonic::{Request, Response, Status};

use super::{
    Api, convert,
    watch::{self, WatchStream},
};
use crate::{
    app,
    proto::{
        ClearHistoryRequest, ClearHistoryResponse, DeleteConversationsRequest,
        DeleteConversationsResponse, GetConversationsRequest, GetConversationsResponse,
        ListConversationsRequest, ListConversationsResponse, RestoreConversationsRequest,
        RestoreConversationsResponse, WatchConversationsRequest,
        conversation_service_server::ConversationService,
    },
};

#[tonic::async_trait]
impl ConversationService for Api {
    async fn delete_conversations(
        &self,
        request: Request<DeleteConversationsRequest>,
    ) -> Result<Response<DeleteConversationsResponse>, Status> {
        let (request, history) = convert::delete_conversations::parse(request.into_inner())?;
        let deletion = app::delete_conversations(&self.app, request, history).await?;
        Ok(Response::new(convert::delete_conversations::render(
            deletion,
        )))
    }

    async fn restore_conversations(
        &self,
        request: Request<RestoreConversationsRequest>,
    ) -> Result<Response<RestoreConversationsResponse>, Status> {
        let (origin, deletion) = convert::restore_conversations::parse(request.into_inner())?;
        let restoration = app::restore_conversations(&self.app, origin, deletion).await?;
        Ok(Response::new(convert::restore_conversations::render(
            restoration,
        )))
    }

    async fn clear_history(
        &self,
        request: Request<ClearHistoryRequest>,
    ) -> Result<Response<ClearHistoryResponse>, Status> {
        let request = convert::clear_history::parse(request.into_inner())?;
        let deletion = app::clear_history(&self.app, request).await?;
        Ok(Response::new(convert::clear_history::render(deletion)))
    }

    type WatchConversationsStream = WatchStream;

    async fn watch_conversations(
        &self,
        request: Request<WatchConversationsRequest>,
    ) -> Result<Response<WatchStream>, Status> {
        let request = convert::watch_conversations::parse(&request.into_inner())?;
        let watch = app::Watch::begin(&self.app, request).await?;
        Ok(Response::new(watch::start(watch, &self.shutdown)))
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
