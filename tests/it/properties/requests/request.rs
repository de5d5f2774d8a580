//! All requests that change something: sending them, and their common fields.

use conversation_service::proto::{
    AddToFolderRequest, AddToFolderResponse, ClearHistoryRequest, ClearHistoryResponse,
    ConversationId, CreateFolderRequest, CreateFolderResponse, DeleteConversationsRequest,
    DeleteConversationsResponse, DeleteFolderRequest, DeleteFolderResponse,
    DeleteMatchingConversationsRequest, DeleteMatchingConversationsResponse,
    MarkConversationsReadRequest, MarkConversationsReadResponse, MarkConversationsRequest,
    MarkConversationsResponse, MuteConversationsRequest, MuteConversationsResponse,
    PinConversationsRequest, PinConversationsResponse, RemoveFromFolderRequest,
    RemoveFromFolderResponse, RenameFolderRequest, RenameFolderResponse,
    RestoreConversationsRequest, RestoreConversationsResponse, SeenThrough, SetCustomDataRequest,
    SetCustomDataResponse, ShowConversationsRequest, ShowConversationsResponse,
};
use tonic::Status;

use crate::support::client::Client;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Request {
    Delete(DeleteConversationsRequest),
    Clear(ClearHistoryRequest),
    Restore(RestoreConversationsRequest),
    Read(MarkConversationsReadRequest),
    Pin(PinConversationsRequest),
    Mute(MuteConversationsRequest),
    Mark(MarkConversationsRequest),
    SetCustomData(SetCustomDataRequest),
    Show(ShowConversationsRequest),
    CreateFolder(CreateFolderRequest),
    DeleteFolder(DeleteFolderRequest),
    RenameFolder(RenameFolderRequest),
    AddToFolder(AddToFolderRequest),
    RemoveFromFolder(RemoveFromFolderRequest),
    DeleteMatching(DeleteMatchingConversationsRequest),
}

/// The answer to a [`Request`]. All of it is compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Delete(DeleteConversationsResponse),
    Clear(ClearHistoryResponse),
    Restore(RestoreConversationsResponse),
    Read(MarkConversationsReadResponse),
    Pin(PinConversationsResponse),
    Mute(MuteConversationsResponse),
    Mark(MarkConversationsResponse),
    SetCustomData(SetCustomDataResponse),
    Show(ShowConversationsResponse),
    CreateFolder(CreateFolderResponse),
    DeleteFolder(DeleteFolderResponse),
    RenameFolder(RenameFolderResponse),
    AddToFolder(AddToFolderResponse),
    RemoveFromFolder(RemoveFromFolderResponse),
    DeleteMatching(DeleteMatchingConversationsResponse),
}

impl Answer {
    /// The revision that was made.
    pub(crate) fn revision(&self) -> u64 {
        match self {
            Self::Delete(answer) => answer.revision,
            Self::Clear(answer) => answer.revision,
            Self::Restore(answer) => answer.revision,
            Self::Read(answer) => answer.revision,
            Self::Pin(answer) => answer.revision,
            Self::Mute(answer) => answer.revision,
            Self::Mark(answer) => answer.revision,
            Self::SetCustomData(answer) => answer.revision,
            Self::Show(answer) => answer.revision,
            Self::CreateFolder(answer) => answer.revision,
            Self::DeleteFolder(answer) => answer.revision,
            Self::RenameFolder(answer) => answer.revision,
            Self::AddToFolder(answer) => answer.revision,
            Self::RemoveFromFolder(answer) => answer.revision,
            Self::DeleteMatching(answer) => answer.revision,
        }
    }

    /// The answer without what a model that is told of it afterwards cannot know: the time.
    pub(crate) fn timeless(mut self) -> Self {
        match &mut self {
            Self::Delete(answer) => answer.restorable_until = None,
            Self::Clear(answer) => answer.restorable_until = None,
            _ => {}
        }
        self
    }
}

/// The fields that all requests have, and those that some have.
pub(crate) struct Fields<'a> {
    pub(crate) user: &'a mut String,
    pub(crate) name: &'a mut String,
    pub(crate) client: &'a mut String,
    pub(crate) conversations: Option<&'a mut Vec<ConversationId>>,
    pub(crate) seen: Option<&'a mut Vec<SeenThrough>>,
}

impl<'a> Fields<'a> {
    fn new(user: &'a mut String, name: &'a mut String, client: &'a mut String) -> Self {
        Self {
            user,
            name,
            client,
            conversations: None,
            seen: None,
        }
    }

    fn with(self, conversations: &'a mut Vec<ConversationId>) -> Self {
        Self {
            conversations: Some(conversations),
            ..self
        }
    }

    fn seen(self, seen: &'a mut Vec<SeenThrough>) -> Self {
        Self {
            seen: Some(seen),
            ..self
        }
    }
}

impl Request {
    pub(crate) async fn send(&self, client: &Client) -> Result<Answer, Status> {
        let mut client = client.conversations.clone();
        Ok(match self.clone() {
            Self::Delete(r) => Answer::Delete(client.delete_conversations(r).await?.into_inner()),
            Self::Clear(r) => Answer::Clear(client.clear_history(r).await?.into_inner()),
            Self::Restore(r) => {
                Answer::Restore(client.restore_conversations(r).await?.into_inner())
            }
            Self::Read(r) => Answer::Read(client.mark_conversations_read(r).await?.into_inner()),
            Self::Pin(r) => Answer::Pin(client.pin_conversations(r).await?.into_inner()),
            Self::Mute(r) => Answer::Mute(client.mute_conversations(r).await?.into_inner()),
            Self::Mark(r) => Answer::Mark(client.mark_conversations(r).await?.into_inner()),
            Self::SetCustomData(r) => {
                Answer::SetCustomData(client.set_custom_data(r).await?.into_inner())
            }
            Self::Show(r) => Answer::Show(client.show_conversations(r).await?.into_inner()),
            Self::CreateFolder(r) => {
                Answer::CreateFolder(client.create_folder(r).await?.into_inner())
            }
            Self::DeleteFolder(r) => {
                Answer::DeleteFolder(client.delete_folder(r).await?.into_inner())
            }
            Self::RenameFolder(r) => {
                Answer::RenameFolder(client.rename_folder(r).await?.into_inner())
            }
            Self::AddToFolder(r) => {
                Answer::AddToFolder(client.add_to_folder(r).await?.into_inner())
            }
            Self::RemoveFromFolder(r) => {
                Answer::RemoveFromFolder(client.remove_from_folder(r).await?.into_inner())
            }
            Self::DeleteMatching(r) => {
                Answer::DeleteMatching(client.delete_matching_conversations(r).await?.into_inner())
            }
        })
    }

    /// A reading of everything as one of what it has read: it looks for what is unread before its turn among
    /// the user's changes comes.
    pub(crate) fn as_answered(&self, answer: &Answer) -> Self {
        match (self, answer) {
            (Self::Read(request), Answer::Read(answer)) if request.all => {
                let mut request = request.clone();
                request.all = false;
                let read = answer.results.iter();
                request.conversation_ids = read
                    .filter_map(|result| result.conversation_id.clone())
                    .collect();
                Self::Read(request)
            }
            _ => self.clone(),
        }
    }

    /// The user and the name that they gave it, which may be empty.
    pub(crate) fn name(&self) -> (String, String) {
        let mut request = self.clone();
        let Fields { user, name, .. } = request.fields();
        (user.clone(), name.clone())
    }

    pub(crate) fn fields(&mut self) -> Fields<'_> {
        match self {
            Self::Delete(r) => Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                .with(&mut r.conversation_ids)
                .seen(&mut r.seen_through),
            Self::Clear(r) => Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                .with(&mut r.conversation_ids)
                .seen(&mut r.seen_through),
            Self::Restore(r) => Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                .with(&mut r.conversation_ids),
            Self::Read(r) => Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                .with(&mut r.conversation_ids)
                .seen(&mut r.seen_through),
            Self::Pin(r) => Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                .with(&mut r.conversation_ids),
            Self::Mute(r) => Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                .with(&mut r.conversation_ids),
            Self::Mark(r) => Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                .with(&mut r.conversation_ids),
            Self::SetCustomData(r) => {
                Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                    .with(&mut r.conversation_ids)
            }
            Self::Show(r) => Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                .with(&mut r.conversation_ids),
            Self::CreateFolder(r) => {
                Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                    .with(&mut r.conversation_ids)
            }
            Self::DeleteFolder(r) => {
                Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
            }
            Self::RenameFolder(r) => {
                Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
            }
            Self::AddToFolder(r) => {
                Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                    .with(&mut r.conversation_ids)
            }
            Self::RemoveFromFolder(r) => {
                Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
                    .with(&mut r.conversation_ids)
            }
            Self::DeleteMatching(r) => {
                Fields::new(&mut r.user_id, &mut r.request_id, &mut r.client_id)
            }
        }
    }
}
