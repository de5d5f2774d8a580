//! `MessageService`.

use tonic::{Request, Response, Status};

use super::{Api, convert};
use crate::{
    app,
    proto::{
        ListMessagesRequest, ListMessagesResponse, SendMessageRequest, SendMessageResponse,
        SendSystemMessageRequest, SendSystemMessageResponse,
        message_service_server::MessageService,
    },
};

#[tonic::async_trait]
impl MessageService for Api {
    async fn send_message(
        &self,
        request: Request<SendMessageRequest>,
    ) -> Result<Response<SendMessageResponse>, Status> {
        let request = convert::send_message::parse(request.into_inner())?;
        let message = app::send_message(&self.app, request).await?;
        Ok(Response::new(convert::send_message::render(message)))
    }

    async fn send_system_message(
        &self,
        request: Request<SendSystemMessageRequest>,
    ) -> Result<Response<SendSystemMessageResponse>, Status> {
        let request = convert::send_system_message::parse(request.into_inner())?;
        let messages = app::send_system_message(&self.app, request).await?;
        Ok(Response::new(convert::send_system_message::render(
            messages,
        )))
    }

    async fn list_messages(
        &self,
        request: Request<ListMessagesRequest>,
    ) -> Result<Response<ListMessagesResponse>, Status> {
        let (request, token) = convert::list_messages::parse(request.into_inner())?;
        let page = app::list_messages(&self.app, request).await?;
        Ok(Response::new(convert::list_messages::render(page, &token)))
    }
}
