//! `ConversationService`.

use tonic::{Extensions, Request, Response, Status, Streaming};

use super::{
    Api, access,
    boundary::CallId,
    come_back, convert,
    limits::{self, Holder, Via, WatchPermits},
    watch::{self, WatchStream},
    watch_users,
};
use crate::{
    app::{self, WatchEvent},
    proto::{
        AddToFolderRequest, AddToFolderResponse, ClearHistoryRequest, ClearHistoryResponse,
        CreateFolderRequest, CreateFolderResponse, DeleteConversationsRequest,
        DeleteConversationsResponse, DeleteFolderRequest, DeleteFolderResponse,
        DeleteMatchingConversationsRequest, DeleteMatchingConversationsResponse,
        GetConversationsRequest, GetConversationsResponse, GetUnreadCountRequest,
        GetUnreadCountResponse, ListConversationsRequest, ListConversationsResponse,
        ListDeletionsRequest, ListDeletionsResponse, ListFoldersRequest, ListFoldersResponse,
        ListHiddenConversationsRequest, ListHiddenConversationsResponse,
        MarkConversationsReadRequest, MarkConversationsReadResponse, MarkConversationsRequest,
        MarkConversationsResponse, MuteConversationsRequest, MuteConversationsResponse,
        PinConversationsRequest, PinConversationsResponse, RemoveFromFolderRequest,
        RemoveFromFolderResponse, RenameFolderRequest, RenameFolderResponse,
        RestoreConversationsRequest, RestoreConversationsResponse, SetCustomDataRequest,
        SetCustomDataResponse, ShowConversationsRequest, ShowConversationsResponse,
        WatchConversationsRequest, WatchUsersRequest,
        conversation_service_server::ConversationService,
    },
};

impl Api {
    /// The permits of a watch: one of its connection's, and one of the server's.
    fn take_watch(&self, extensions: &Extensions) -> Result<WatchPermits, Status> {
        let via = extensions.get::<Via>();
        let on_connection = via.map(Via::take_watch).transpose()?;
        let holder = Holder::from_extensions(extensions);
        let permit = limits::take(&self.watchers, holder, come_back::WATCHES)?;
        Ok((permit, on_connection))
    }
}

#[tonic::async_trait]
impl ConversationService for Api {
    async fn delete_conversations(
        &self,
        request: Request<DeleteConversationsRequest>,
    ) -> Result<Response<DeleteConversationsResponse>, Status> {
        let (request, caller) = access::received(request);
        let (request, history) = convert::delete_conversations::parse(request, caller)?;
        let deletion = app::delete_conversations(&self.app, request, history).await?;
        Ok(Response::new(convert::delete_conversations::render(
            deletion,
        )))
    }

    async fn restore_conversations(
        &self,
        request: Request<RestoreConversationsRequest>,
    ) -> Result<Response<RestoreConversationsResponse>, Status> {
        let (request, caller) = access::received(request);
        let request = convert::restore_conversations::parse(request, caller)?;
        let restoration = app::restore_conversations(&self.app, request).await?;
        Ok(Response::new(convert::restore_conversations::render(
            restoration,
        )))
    }

    async fn clear_history(
        &self,
        request: Request<ClearHistoryRequest>,
    ) -> Result<Response<ClearHistoryResponse>, Status> {
        let (request, caller) = access::received(request);
        let request = convert::clear_history::parse(request, caller)?;
        let deletion = app::clear_history(&self.app, request).await?;
        Ok(Response::new(convert::clear_history::render(deletion)))
    }

    type WatchConversationsStream = WatchStream<WatchEvent>;

    async fn watch_conversations(
        &self,
        request: Request<WatchConversationsRequest>,
    ) -> Result<Response<Self::WatchConversationsStream>, Status> {
        let (_, extensions, request) = request.into_parts();
        let request = convert::watch_conversations::parse(request)?;
        let permits = self.take_watch(&extensions)?;
        let watch = app::Watch::begin(&self.app, request).await?;
        let stream = watch::start(watch, permits, &self.shutdown, &self.watches);
        Ok(Response::new(stream))
    }

    type WatchUsersStream = WatchStream<watch_users::Sent>;

    async fn watch_users(
        &self,
        request: Request<Streaming<WatchUsersRequest>>,
    ) -> Result<Response<Self::WatchUsersStream>, Status> {
        let (_, extensions, messages) = request.into_parts();
        let permits = self.take_watch(&extensions)?;
        let call = watch_users::Call {
            messages,
            id: extensions.get::<CallId>().cloned(),
            permits: (self.watched_users).bundle(Holder::from_extensions(&extensions)),
            most_users: self.most_watched_users,
        };
        let stream = watch_users::start(&self.app, call, permits, &self.shutdown, &self.watches);
        Ok(Response::new(stream))
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
        let (user, ids) = convert::get_conversations::parse(request.into_inner())?;
        let found = app::get_conversations(&self.app, &user, ids).await?;
        Ok(Response::new(convert::get_conversations::render(found)))
    }

    async fn get_unread_count(
        &self,
        request: Request<GetUnreadCountRequest>,
    ) -> Result<Response<GetUnreadCountResponse>, Status> {
        let (user, filter) = convert::get_unread_count::parse(request.into_inner())?;
        let totals = app::get_unread_count(&self.app, &user, &filter).await?;
        Ok(Response::new(convert::get_unread_count::render(totals)))
    }

    async fn mark_conversations_read(
        &self,
        request: Request<MarkConversationsReadRequest>,
    ) -> Result<Response<MarkConversationsReadResponse>, Status> {
        let (request, caller) = access::received(request);
        let request = convert::mark_conversations_read::parse(request, caller)?;
        let read = app::mark_conversations_read(&self.app, request).await?;
        Ok(Response::new(convert::mark_conversations_read::render(
            read,
        )))
    }

    async fn pin_conversations(
        &self,
        request: Request<PinConversationsRequest>,
    ) -> Result<Response<PinConversationsResponse>, Status> {
        let (request, caller) = access::received(request);
        let (origin, (ids, pinning)) = convert::pin_conversations::parse(request, caller)?;
        let changed = app::pin_conversations(&self.app, origin, ids, pinning).await?;
        Ok(Response::new(convert::pin_conversations::render(changed)))
    }

    async fn mute_conversations(
        &self,
        request: Request<MuteConversationsRequest>,
    ) -> Result<Response<MuteConversationsResponse>, Status> {
        let (request, caller) = access::received(request);
        let (origin, (ids, muting)) = convert::mute_conversations::parse(request, caller)?;
        let changed = app::mute_conversations(&self.app, origin, ids, muting).await?;
        Ok(Response::new(convert::mute_conversations::render(changed)))
    }

    async fn mark_conversations(
        &self,
        request: Request<MarkConversationsRequest>,
    ) -> Result<Response<MarkConversationsResponse>, Status> {
        let (request, caller) = access::received(request);
        let (origin, (ids, marks)) = convert::mark_conversations::parse(request, caller)?;
        let changed = app::mark_conversations(&self.app, origin, ids, marks).await?;
        Ok(Response::new(convert::mark_conversations::render(changed)))
    }

    async fn set_custom_data(
        &self,
        request: Request<SetCustomDataRequest>,
    ) -> Result<Response<SetCustomDataResponse>, Status> {
        let (request, caller) = access::received(request);
        let (origin, (ids, data)) = convert::set_custom_data::parse(request, caller)?;
        let changed = app::set_custom_data(&self.app, origin, ids, &data).await?;
        Ok(Response::new(convert::set_custom_data::render(changed)))
    }

    async fn create_folder(
        &self,
        request: Request<CreateFolderRequest>,
    ) -> Result<Response<CreateFolderResponse>, Status> {
        let (request, caller) = access::received(request);
        let (origin, (name, ids)) = convert::create_folder::parse(request, caller)?;
        let changed = app::create_folder(&self.app, &origin, &name, ids).await?;
        Ok(Response::new(convert::create_folder::render(&changed)))
    }

    async fn delete_folder(
        &self,
        request: Request<DeleteFolderRequest>,
    ) -> Result<Response<DeleteFolderResponse>, Status> {
        let (request, caller) = access::received(request);
        let (origin, name) = convert::delete_folder::parse(request, caller)?;
        let changed = app::delete_folder(&self.app, &origin, &name).await?;
        Ok(Response::new(convert::delete_folder::render(&changed)))
    }

    async fn rename_folder(
        &self,
        request: Request<RenameFolderRequest>,
    ) -> Result<Response<RenameFolderResponse>, Status> {
        let (request, caller) = access::received(request);
        let (origin, (name, new_name)) = convert::rename_folder::parse(request, caller)?;
        let changed = app::rename_folder(&self.app, &origin, &name, new_name).await?;
        Ok(Response::new(convert::rename_folder::render(&changed)))
    }

    async fn add_to_folder(
        &self,
        request: Request<AddToFolderRequest>,
    ) -> Result<Response<AddToFolderResponse>, Status> {
        let (request, caller) = access::received(request);
        let (origin, (name, ids)) = convert::add_to_folder::parse(request, caller)?;
        let changed = app::add_to_folder(&self.app, &origin, &name, ids).await?;
        Ok(Response::new(convert::add_to_folder::render(&changed)))
    }

    async fn remove_from_folder(
        &self,
        request: Request<RemoveFromFolderRequest>,
    ) -> Result<Response<RemoveFromFolderResponse>, Status> {
        let (request, caller) = access::received(request);
        let (origin, (name, ids)) = convert::remove_from_folder::parse(request, caller)?;
        let changed = app::remove_from_folder(&self.app, &origin, &name, ids).await?;
        Ok(Response::new(convert::remove_from_folder::render(&changed)))
    }

    async fn delete_matching_conversations(
        &self,
        request: Request<DeleteMatchingConversationsRequest>,
    ) -> Result<Response<DeleteMatchingConversationsResponse>, Status> {
        let (request, caller) = access::received(request);
        let request = convert::delete_matching_conversations::parse(request, caller)?;
        let matched = app::delete_matching_conversations(&self.app, request).await?;
        Ok(Response::new(
            convert::delete_matching_conversations::render(matched),
        ))
    }

    async fn list_folders(
        &self,
        request: Request<ListFoldersRequest>,
    ) -> Result<Response<ListFoldersResponse>, Status> {
        let user = convert::list_folders::parse(request.into_inner())?;
        let (folders, revision) = app::list_folders(&self.app, &user).await?;
        Ok(Response::new(convert::list_folders::render(
            &folders, revision,
        )))
    }

    async fn list_deletions(
        &self,
        request: Request<ListDeletionsRequest>,
    ) -> Result<Response<ListDeletionsResponse>, Status> {
        let (request, token) = convert::list_deletions::parse(request.into_inner())?;
        let page = app::list_deletions(&self.app, request).await?;
        Ok(Response::new(convert::list_deletions::render(page, &token)))
    }

    async fn show_conversations(
        &self,
        request: Request<ShowConversationsRequest>,
    ) -> Result<Response<ShowConversationsResponse>, Status> {
        let (request, caller) = access::received(request);
        let (origin, ids) = convert::show_conversations::parse(request, caller)?;
        let shown = app::show_conversations(&self.app, origin, ids).await?;
        Ok(Response::new(convert::show_conversations::render(shown)))
    }

    async fn list_hidden_conversations(
        &self,
        request: Request<ListHiddenConversationsRequest>,
    ) -> Result<Response<ListHiddenConversationsResponse>, Status> {
        let (request, token) = convert::list_hidden_conversations::parse(request.into_inner())?;
        let page = app::list_hidden_conversations(&self.app, request).await?;
        Ok(Response::new(convert::list_hidden_conversations::render(
            page, &token,
        )))
    }
}
