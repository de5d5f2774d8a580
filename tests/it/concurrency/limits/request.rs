//! The requests of a client and their answers, in one form for all calls.

use conversation_service::proto::{
    AddToFolderRequest, ChangeResult, ConversationId, CreateFolderRequest,
    DeleteConversationsRequest, DeleteFolderRequest, Folder, MarkConversationsReadRequest,
    MarkConversationsRequest, MuteConversationsRequest, PinConversationsRequest,
    RemoveFromFolderRequest, RenameFolderRequest, RestoreConversationsRequest,
    SetCustomDataRequest,
};
use tonic::Status;

use super::USER;
use crate::support::client::Client;

/// A request to change something of the one user.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) wish: Wish,
    /// The conversations that it is about.
    pub(super) ids: Vec<ConversationId>,
    /// The folder that it is about, if it is about one.
    pub(super) folder: String,
    /// A UUID by which a retry is known, or empty.
    pub(super) name: String,
    /// The client that asks.
    pub(super) by: String,
}

/// The change that a request asks for.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Pin(bool),
    Mute(bool),
    Mark { add: u64, remove: u64 },
    SetData(Vec<u8>),
    Read,
    ReadAll,
    Delete { clear: bool, sync: bool },
    Restore(Deletion),
    CreateFolder,
    DeleteFolder,
    RenameFolder(String),
    AddToFolder,
    RemoveFromFolder,
}

/// A deletion that was made, to be undone.
#[derive(Clone, Debug)]
pub(super) struct Deletion {
    pub(super) revision: u64,
    pub(super) id: String,
}

/// The answer to a successful request.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) revision: u64,
    pub(super) results: Vec<Done>,
    pub(super) folder: Option<Folder>,
    pub(super) deletion_id: String,
}

/// The result for one conversation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Done {
    pub(super) id: Option<ConversationId>,
    /// A number of the enumeration that belongs to the call.
    pub(super) outcome: i32,
    /// The marks, how far it is read, or the watermarks (hidden, cleared).
    pub(super) numbers: Vec<u64>,
}

impl Done {
    fn new(id: Option<ConversationId>, outcome: i32, numbers: impl Into<Vec<u64>>) -> Self {
        let numbers = numbers.into();
        Self {
            id,
            outcome,
            numbers,
        }
    }
}

fn plain(results: Vec<ChangeResult>) -> Vec<Done> {
    let results = results.into_iter();
    let outcome = |one: ChangeResult| Done::new(one.conversation_id, one.outcome, []);
    results.map(outcome).collect()
}

fn of_settings(revision: u64, results: Vec<Done>) -> Answer {
    Answer {
        revision,
        results,
        ..Answer::default()
    }
}

fn of_folder(revision: u64, folder: Option<Folder>, results: Vec<ChangeResult>) -> Answer {
    assert!(folder.is_some(), "a folder's change returns the folder");
    Answer {
        folder,
        ..of_settings(revision, plain(results))
    }
}

impl Request {
    /// Asks one replica.
    pub(super) async fn send_to(&self, client: &Client) -> Result<Answer, Status> {
        match &self.wish {
            Wish::Delete { clear, sync } => self.delete(client, *clear, *sync).await,
            Wish::Restore(deletion) => self.restore(client, deletion).await,
            Wish::CreateFolder
            | Wish::DeleteFolder
            | Wish::RenameFolder(_)
            | Wish::AddToFolder
            | Wish::RemoveFromFolder => self.change_folder(client).await,
            _ => self.change_settings(client).await,
        }
    }

    async fn change_settings(&self, client: &Client) -> Result<Answer, Status> {
        let mut client = client.conversations.clone();
        let user_id = USER.to_owned();
        let conversation_ids = self.ids.clone();
        let (request_id, client_id) = (self.name.clone(), self.by.clone());
        match &self.wish {
            Wish::Pin(pinned) => {
                let request = PinConversationsRequest {
                    user_id,
                    conversation_ids,
                    pinned: *pinned,
                    request_id,
                    client_id,
                };
                let done = client.pin_conversations(request).await?.into_inner();
                Ok(of_settings(done.revision, plain(done.results)))
            }
            Wish::Mute(muted) => {
                let request = MuteConversationsRequest {
                    user_id,
                    conversation_ids,
                    muted: *muted,
                    request_id,
                    client_id,
                };
                let done = client.mute_conversations(request).await?.into_inner();
                Ok(of_settings(done.revision, plain(done.results)))
            }
            Wish::Mark { add, remove } => {
                let request = MarkConversationsRequest {
                    user_id,
                    conversation_ids,
                    add_marks: *add,
                    remove_marks: *remove,
                    request_id,
                    client_id,
                };
                let done = client.mark_conversations(request).await?.into_inner();
                let results = done.results.into_iter();
                let results =
                    results.map(|one| Done::new(one.conversation_id, one.outcome, [one.marks]));
                Ok(of_settings(done.revision, results.collect()))
            }
            Wish::SetData(data) => {
                let request = SetCustomDataRequest {
                    user_id,
                    conversation_ids,
                    custom_data: data.clone(),
                    request_id,
                    client_id,
                };
                let done = client.set_custom_data(request).await?.into_inner();
                Ok(of_settings(done.revision, plain(done.results)))
            }
            _ => {
                let request = MarkConversationsReadRequest {
                    user_id,
                    conversation_ids,
                    all: matches!(self.wish, Wish::ReadAll),
                    seen_through: Vec::new(),
                    request_id,
                    client_id,
                    filter: None,
                };
                let done = client.mark_conversations_read(request).await?.into_inner();
                let results = done
                    .results
                    .into_iter()
                    .map(|one| Done::new(one.conversation_id, one.outcome, [one.read_through]));
                Ok(of_settings(done.revision, results.collect()))
            }
        }
    }

    async fn restore(&self, client: &Client, deletion: &Deletion) -> Result<Answer, Status> {
        let request = RestoreConversationsRequest {
            user_id: USER.to_owned(),
            deletion_id: deletion.id.clone(),
            request_id: self.name.clone(),
            client_id: self.by.clone(),
            conversation_ids: Vec::new(),
        };
        let mut client = client.conversations.clone();
        let done = client.restore_conversations(request).await?.into_inner();
        let results = done.results.into_iter();
        let results = results.map(|one| Done::new(one.conversation_id, one.outcome, []));
        Ok(of_settings(done.revision, results.collect()))
    }

    async fn delete(&self, client: &Client, clear: bool, sync: bool) -> Result<Answer, Status> {
        let request = DeleteConversationsRequest {
            user_id: USER.to_owned(),
            conversation_ids: self.ids.clone(),
            clear_history: Some(clear),
            request_id: self.name.clone(),
            client_id: self.by.clone(),
            sync_to_other_clients: Some(sync),
            seen_through: Vec::new(),
            ..DeleteConversationsRequest::default()
        };
        let mut client = client.conversations.clone();
        let done = client.delete_conversations(request).await?.into_inner();
        let results = done.results.into_iter().map(|one| {
            let numbers = [one.hidden_through, one.cleared_through];
            Done::new(one.conversation_id, one.outcome, numbers)
        });
        Ok(Answer {
            deletion_id: done.deletion_id,
            ..of_settings(done.revision, results.collect())
        })
    }

    async fn change_folder(&self, client: &Client) -> Result<Answer, Status> {
        let mut client = client.conversations.clone();
        let (user_id, name) = (USER.to_owned(), self.folder.clone());
        let conversation_ids = self.ids.clone();
        let (request_id, client_id) = (self.name.clone(), self.by.clone());
        match &self.wish {
            Wish::CreateFolder => {
                let request = CreateFolderRequest {
                    user_id,
                    name,
                    conversation_ids,
                    request_id,
                    client_id,
                };
                let done = client.create_folder(request).await?.into_inner();
                Ok(of_folder(done.revision, done.folder, done.results))
            }
            Wish::DeleteFolder => {
                let request = DeleteFolderRequest {
                    user_id,
                    name,
                    request_id,
                    client_id,
                };
                let done = client.delete_folder(request).await?.into_inner();
                Ok(of_folder(done.revision, done.folder, Vec::new()))
            }
            Wish::RenameFolder(new_name) => {
                let request = RenameFolderRequest {
                    user_id,
                    name,
                    new_name: new_name.clone(),
                    request_id,
                    client_id,
                };
                let done = client.rename_folder(request).await?.into_inner();
                Ok(of_folder(done.revision, done.folder, Vec::new()))
            }
            Wish::AddToFolder => {
                let request = AddToFolderRequest {
                    user_id,
                    name,
                    conversation_ids,
                    request_id,
                    client_id,
                };
                let done = client.add_to_folder(request).await?.into_inner();
                Ok(of_folder(done.revision, done.folder, done.results))
            }
            _ => {
                let request = RemoveFromFolderRequest {
                    user_id,
                    name,
                    conversation_ids,
                    request_id,
                    client_id,
                };
                let done = client.remove_from_folder(request).await?.into_inner();
                Ok(of_folder(done.revision, done.folder, done.results))
            }
        }
    }
}
