//! Changes of a user's settings, readings and folders: short to write, to be refined and then awaited.

mod matching;

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
};

use conversation_service::proto::{
    AddToFolderRequest, AddToFolderResponse, ChangeOutcome, ChangeResult, ClearHistoryRequest,
    ClearHistoryResponse, ConversationId, CreateFolderRequest, CreateFolderResponse,
    DeleteFolderRequest, DeleteFolderResponse, DeleteMatchingConversationsRequest,
    DeleteMatchingConversationsResponse, Folder, ListFilter, MarkConversationsReadRequest,
    MarkConversationsReadResponse, MarkConversationsRequest, MarkConversationsResponse,
    MarksResult, MuteConversationsRequest, MuteConversationsResponse, PinConversationsRequest,
    PinConversationsResponse, ReadResult, RemoveFromFolderRequest, RemoveFromFolderResponse,
    RenameFolderRequest, RenameFolderResponse, RestoreConversationsRequest,
    RestoreConversationsResponse, SeenThrough, SetCustomDataRequest, SetCustomDataResponse,
    ShowConversationsRequest, ShowConversationsResponse,
    conversation_service_client::ConversationServiceClient,
};
use prost::Message;
use tonic::{Response, Status, transport::Channel};

use super::Client;

pub(crate) use matching::{everything, matched, matching, outcomes, really_everything};

/// A future that owns what it needs.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A change that has not been asked for yet. Awaiting it panics if it is refused.
#[derive(Clone)]
#[must_use = "a change does nothing until it is awaited"]
pub(crate) struct Change<R> {
    client: ConversationServiceClient<Channel>,
    request: R,
}

/// A request for a change.
pub(crate) trait ChangeRequest: Clone + Send + 'static {
    type Response: Message + Default + Clone + PartialEq + 'static;

    fn set_request_id(&mut self, id: String);
    fn set_client_id(&mut self, id: String);
    fn ask(
        self,
        client: ConversationServiceClient<Channel>,
    ) -> Boxed<Result<Self::Response, Status>>;
}

/// An answer that says of each conversation what happened to it.
pub(crate) trait Outcomes {
    fn outcomes(&self) -> Vec<ChangeOutcome>;
}

/// A change of whatever kind, for what is true of them all.
pub(crate) trait AnyChange: Send + Sync {
    /// Names the request.
    fn named(&self, id: &str) -> Box<dyn AnyChange>;
    /// Names the client that asks.
    fn by(&self, client: &str) -> Box<dyn AnyChange>;
    /// Asks, and returns the answer as it came over the wire.
    fn bytes(&self) -> Boxed<Result<Vec<u8>, Status>>;
}

/// That a request asks for a change, by this method and with this answer.
macro_rules! change_requests {
    ($($request:ident: $method:ident -> $response:ident),+ $(,)?) => {
        $(
            impl ChangeRequest for $request {
                type Response = $response;

                fn set_request_id(&mut self, id: String) {
                    self.request_id = id;
                }

                fn set_client_id(&mut self, id: String) {
                    self.client_id = id;
                }

                fn ask(
                    self,
                    mut client: ConversationServiceClient<Channel>,
                ) -> Boxed<Result<$response, Status>> {
                    Box::pin(async move {
                        client.$method(self).await.map(Response::into_inner)
                    })
                }
            }
        )+
    };
}

change_requests!(
    ClearHistoryRequest: clear_history -> ClearHistoryResponse,
    RestoreConversationsRequest: restore_conversations -> RestoreConversationsResponse,
    MarkConversationsReadRequest: mark_conversations_read -> MarkConversationsReadResponse,
    PinConversationsRequest: pin_conversations -> PinConversationsResponse,
    MuteConversationsRequest: mute_conversations -> MuteConversationsResponse,
    MarkConversationsRequest: mark_conversations -> MarkConversationsResponse,
    SetCustomDataRequest: set_custom_data -> SetCustomDataResponse,
    ShowConversationsRequest: show_conversations -> ShowConversationsResponse,
    CreateFolderRequest: create_folder -> CreateFolderResponse,
    DeleteFolderRequest: delete_folder -> DeleteFolderResponse,
    RenameFolderRequest: rename_folder -> RenameFolderResponse,
    AddToFolderRequest: add_to_folder -> AddToFolderResponse,
    RemoveFromFolderRequest: remove_from_folder -> RemoveFromFolderResponse,
    DeleteMatchingConversationsRequest: delete_matching_conversations
        -> DeleteMatchingConversationsResponse,
);

/// That an answer has results of this type.
macro_rules! outcomes {
    ($($response:ident: $result:ident),+ $(,)?) => {
        $(
            impl Outcomes for $response {
                fn outcomes(&self) -> Vec<ChangeOutcome> {
                    self.results.iter().map($result::outcome).collect()
                }
            }
        )+
    };
}

outcomes!(
    MarkConversationsReadResponse: ReadResult,
    PinConversationsResponse: ChangeResult,
    MuteConversationsResponse: ChangeResult,
    MarkConversationsResponse: MarksResult,
    SetCustomDataResponse: ChangeResult,
    CreateFolderResponse: ChangeResult,
    AddToFolderResponse: ChangeResult,
    RemoveFromFolderResponse: ChangeResult,
);

impl<R: ChangeRequest> Change<R> {
    /// Names the request.
    pub(crate) fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request.set_request_id(id.into());
        self
    }

    /// Names the client that asks.
    pub(crate) fn client_id(mut self, id: impl Into<String>) -> Self {
        self.request.set_client_id(id.into());
        self
    }

    /// Asks, and returns what came back, an error included.
    pub(crate) async fn result(self) -> Result<R::Response, Status> {
        self.request.ask(self.client).await
    }

    /// Asks, and returns only the outcomes.
    pub(crate) async fn outcomes(self) -> Vec<ChangeOutcome>
    where
        R::Response: Outcomes,
    {
        self.await.outcomes()
    }
}

impl Change<MarkConversationsReadRequest> {
    /// Says how far the user has seen one of the conversations.
    pub(crate) fn seen(mut self, conversation: ConversationId, seq: u64) -> Self {
        self.request.seen_through.push(SeenThrough {
            conversation_id: Some(conversation),
            seq,
        });
        self
    }
}

impl<R: ChangeRequest> IntoFuture for Change<R> {
    type Output = R::Response;
    type IntoFuture = Boxed<R::Response>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.result().await.expect("the change is accepted") })
    }
}

impl<R: ChangeRequest + Sync> AnyChange for Change<R> {
    fn named(&self, id: &str) -> Box<dyn AnyChange> {
        Box::new(self.clone().request_id(id))
    }

    fn by(&self, client: &str) -> Box<dyn AnyChange> {
        Box::new(self.clone().client_id(client))
    }

    fn bytes(&self) -> Boxed<Result<Vec<u8>, Status>> {
        let change = self.clone();
        Box::pin(async move { Ok(change.result().await?.encode_to_vec()) })
    }
}

impl Client {
    /// Any change.
    pub(crate) fn change<R>(&self, request: R) -> Change<R> {
        Change {
            client: self.conversations.clone(),
            request,
        }
    }

    /// Marks conversations read.
    pub(crate) fn read(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Change<MarkConversationsReadRequest> {
        self.change(MarkConversationsReadRequest {
            user_id: user.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            ..MarkConversationsReadRequest::default()
        })
    }

    /// Marks everything read.
    pub(crate) fn read_all(&self, user: &str) -> Change<MarkConversationsReadRequest> {
        self.change(MarkConversationsReadRequest {
            user_id: user.to_owned(),
            all: true,
            ..MarkConversationsReadRequest::default()
        })
    }

    /// Marks read what a filter leaves.
    pub(crate) fn read_all_of(
        &self,
        user: &str,
        filter: ListFilter,
    ) -> Change<MarkConversationsReadRequest> {
        let mut change = self.read_all(user);
        change.request.filter = Some(filter);
        change
    }

    /// Pins conversations.
    pub(crate) fn pin(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Change<PinConversationsRequest> {
        self.change(PinConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            pinned: true,
            ..PinConversationsRequest::default()
        })
    }

    /// Takes pinned conversations down.
    pub(crate) fn unpin(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Change<PinConversationsRequest> {
        let mut change = self.pin(user, conversations);
        change.request.pinned = false;
        change
    }

    /// Mutes conversations.
    pub(crate) fn mute(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Change<MuteConversationsRequest> {
        self.change(MuteConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            muted: true,
            ..MuteConversationsRequest::default()
        })
    }

    /// Ends the muting of conversations.
    pub(crate) fn unmute(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Change<MuteConversationsRequest> {
        let mut change = self.mute(user, conversations);
        change.request.muted = false;
        change
    }

    /// Puts marks on conversations and takes marks off.
    pub(crate) fn mark(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
        add_marks: u64,
        remove_marks: u64,
    ) -> Change<MarkConversationsRequest> {
        self.change(MarkConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            add_marks,
            remove_marks,
            ..MarkConversationsRequest::default()
        })
    }

    /// Sets the product's own data on conversations.
    pub(crate) fn set_data(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
        data: impl Into<Vec<u8>>,
    ) -> Change<SetCustomDataRequest> {
        self.change(SetCustomDataRequest {
            user_id: user.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            custom_data: data.into(),
            ..SetCustomDataRequest::default()
        })
    }

    /// Makes a folder.
    pub(crate) fn create_folder(
        &self,
        user: &str,
        name: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Change<CreateFolderRequest> {
        self.change(CreateFolderRequest {
            user_id: user.to_owned(),
            name: name.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            ..CreateFolderRequest::default()
        })
    }

    /// Removes a folder.
    pub(crate) fn delete_folder(&self, user: &str, name: &str) -> Change<DeleteFolderRequest> {
        self.change(DeleteFolderRequest {
            user_id: user.to_owned(),
            name: name.to_owned(),
            ..DeleteFolderRequest::default()
        })
    }

    /// Gives a folder another name.
    pub(crate) fn rename_folder(
        &self,
        user: &str,
        name: &str,
        new_name: &str,
    ) -> Change<RenameFolderRequest> {
        self.change(RenameFolderRequest {
            user_id: user.to_owned(),
            name: name.to_owned(),
            new_name: new_name.to_owned(),
            ..RenameFolderRequest::default()
        })
    }

    /// Lists hidden conversations again.
    pub(crate) fn show(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Change<ShowConversationsRequest> {
        self.change(ShowConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            ..ShowConversationsRequest::default()
        })
    }

    /// Puts conversations into a folder.
    pub(crate) fn add_to_folder(
        &self,
        user: &str,
        name: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Change<AddToFolderRequest> {
        self.change(AddToFolderRequest {
            user_id: user.to_owned(),
            name: name.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            ..AddToFolderRequest::default()
        })
    }

    /// Takes conversations out of a folder.
    pub(crate) fn remove_from_folder(
        &self,
        user: &str,
        name: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Change<RemoveFromFolderRequest> {
        self.change(RemoveFromFolderRequest {
            user_id: user.to_owned(),
            name: name.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            ..RemoveFromFolderRequest::default()
        })
    }
}

/// A folder as an answer must show it.
pub(crate) fn folder(
    name: &str,
    conversations: impl IntoIterator<Item = ConversationId>,
) -> Folder {
    Folder {
        name: name.to_owned(),
        conversation_ids: conversations.into_iter().collect(),
    }
}
