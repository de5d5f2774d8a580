//! A writer's changes to a user's settings and folders.

use conversation_service::proto::{
    AddToFolderRequest, ChangeOutcome, ChangeResult, ConversationId, CreateFolderRequest,
    DeleteFolderRequest, ListFilter, MarkConversationsReadRequest, MarkConversationsRequest,
    MarksResult, MuteConversationsRequest, PinConversationsRequest, ReadResult,
    RemoveFromFolderRequest, RenameFolderRequest, SetCustomDataRequest,
};
use rand::RngExt as _;
use tonic::Code;

use super::writer::Writer;
use crate::support::client::Client;

/// The names that a user's folders may have. Often there is none of a name, or one already.
const FOLDERS: [&str; 5] = ["work", "family", "sport", "travel", "misc"];

impl Writer {
    /// Reads, pins, mutes, marks, or sets data.
    pub(super) async fn set(&mut self, user: &'static str) {
        let conversation_ids = self.some(user);
        match self.random.random_range(0..7) {
            0..2 => self.read(user, conversation_ids).await,
            2..4 => self.pin(user, conversation_ids).await,
            4 => self.mute(user, conversation_ids).await,
            5 => self.mark(user, conversation_ids).await,
            _ => self.set_data(user, conversation_ids).await,
        }
    }

    async fn read(&mut self, user: &'static str, conversation_ids: Vec<ConversationId>) {
        let all = self.random.random_bool(0.2);
        let request = MarkConversationsReadRequest {
            user_id: user.to_owned(),
            seen_through: self.seen(user, &conversation_ids),
            conversation_ids: if all { Vec::new() } else { conversation_ids },
            all,
            request_id: self.name(),
            client_id: self.client_id(),
            filter: all.then(|| ListFilter {
                without_marks: u64::from(self.random.random_bool(0.5)),
                ..ListFilter::default()
            }),
        };
        let done = self
            .until_done(async |client: Client| {
                let mut conversations = client.conversations.clone();
                conversations.mark_conversations_read(request.clone()).await
            })
            .await;
        let outcomes = done.results.iter().map(ReadResult::outcome);
        self.has_made(user, done.revision, outcomes);
    }

    async fn pin(&mut self, user: &'static str, conversation_ids: Vec<ConversationId>) {
        let request = PinConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids,
            pinned: self.random.random_bool(0.6),
            request_id: self.name(),
            client_id: self.client_id(),
        };
        let done = self
            .until_done(async |client: Client| {
                let mut conversations = client.conversations.clone();
                conversations.pin_conversations(request.clone()).await
            })
            .await;
        let outcomes = done.results.iter().map(ChangeResult::outcome);
        self.has_made(user, done.revision, outcomes);
    }

    async fn mute(&mut self, user: &'static str, conversation_ids: Vec<ConversationId>) {
        let request = MuteConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids,
            muted: self.random.random_bool(0.5),
            request_id: self.name(),
            client_id: self.client_id(),
        };
        let done = self
            .until_done(async |client: Client| {
                let mut conversations = client.conversations.clone();
                conversations.mute_conversations(request.clone()).await
            })
            .await;
        let outcomes = done.results.iter().map(ChangeResult::outcome);
        self.has_made(user, done.revision, outcomes);
    }

    async fn mark(&mut self, user: &'static str, conversation_ids: Vec<ConversationId>) {
        let marks = [1, 2, 4, 8, 1 << 32, 1 << 63];
        let add_marks = marks[self.random.random_range(0..marks.len())];
        let others = marks.into_iter().filter(|mark| *mark != add_marks);
        let remove_marks = others.filter(|_| self.random.random_bool(0.3)).sum();
        let request = MarkConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids,
            add_marks,
            remove_marks,
            request_id: self.name(),
            client_id: self.client_id(),
        };
        let done = self
            .until_done(async |client: Client| {
                let mut conversations = client.conversations.clone();
                conversations.mark_conversations(request.clone()).await
            })
            .await;
        let outcomes = done.results.iter().map(MarksResult::outcome);
        self.has_made(user, done.revision, outcomes);
    }

    async fn set_data(&mut self, user: &'static str, conversation_ids: Vec<ConversationId>) {
        let data: [&[u8]; 3] = [b"", b"draft", &[0, 255]];
        let request = SetCustomDataRequest {
            user_id: user.to_owned(),
            conversation_ids,
            custom_data: data[self.random.random_range(0..data.len())].to_vec(),
            request_id: self.name(),
            client_id: self.client_id(),
        };
        let done = self
            .until_done(async |client: Client| {
                let mut conversations = client.conversations.clone();
                conversations.set_custom_data(request.clone()).await
            })
            .await;
        let outcomes = done.results.iter().map(ChangeResult::outcome);
        self.has_made(user, done.revision, outcomes);
    }

    /// Makes, renames, removes, fills or empties a folder, if there is one or none as it has to be.
    pub(super) async fn file(&mut self, user: &'static str) {
        match self.random.random_range(0..6) {
            0 => self.create_folder(user).await,
            1 => self.delete_folder(user).await,
            2 => self.rename_folder(user).await,
            3..5 => self.add_to_folder(user).await,
            _ => self.remove_from_folder(user).await,
        }
    }

    async fn create_folder(&mut self, user: &'static str) {
        let request = CreateFolderRequest {
            user_id: user.to_owned(),
            name: self.folder(),
            conversation_ids: self.some(user),
            request_id: self.name(),
            client_id: self.client_id(),
        };
        let created = self.until_settled(async |client: Client| {
            let mut conversations = client.conversations.clone();
            conversations.create_folder(request.clone()).await
        });
        match created.await {
            Ok(created) => self.has_made(user, created.revision, [ChangeOutcome::Changed]),
            Err(status) => assert_eq!(status.code(), Code::AlreadyExists, "{status:?}"),
        }
    }

    async fn delete_folder(&mut self, user: &'static str) {
        let request = DeleteFolderRequest {
            user_id: user.to_owned(),
            name: self.folder(),
            request_id: self.name(),
            client_id: self.client_id(),
        };
        let deleted = self.until_settled(async |client: Client| {
            let mut conversations = client.conversations.clone();
            conversations.delete_folder(request.clone()).await
        });
        match deleted.await {
            Ok(deleted) => self.has_made(user, deleted.revision, [ChangeOutcome::Changed]),
            Err(status) => assert_eq!(status.code(), Code::NotFound, "{status:?}"),
        }
    }

    async fn rename_folder(&mut self, user: &'static str) {
        let request = RenameFolderRequest {
            user_id: user.to_owned(),
            name: self.folder(),
            new_name: self.folder(),
            request_id: self.name(),
            client_id: self.client_id(),
        };
        let renamed = self.until_settled(async |client: Client| {
            let mut conversations = client.conversations.clone();
            conversations.rename_folder(request.clone()).await
        });
        match renamed.await {
            Ok(renamed) if request.name == request.new_name => {
                self.has_made(user, renamed.revision, [ChangeOutcome::Unchanged]);
            }
            Ok(renamed) => self.has_made(user, renamed.revision, [ChangeOutcome::Changed]),
            Err(status) => {
                let expected = [Code::NotFound, Code::AlreadyExists];
                assert!(expected.contains(&status.code()), "{status:?}");
            }
        }
    }

    async fn add_to_folder(&mut self, user: &'static str) {
        let request = AddToFolderRequest {
            user_id: user.to_owned(),
            name: self.folder(),
            conversation_ids: self.some(user),
            request_id: self.name(),
            client_id: self.client_id(),
        };
        let added = self.until_settled(async |client: Client| {
            let mut conversations = client.conversations.clone();
            conversations.add_to_folder(request.clone()).await
        });
        match added.await {
            Ok(added) => {
                let outcomes = added.results.iter().map(ChangeResult::outcome);
                self.has_made(user, added.revision, outcomes);
            }
            Err(status) => assert_eq!(status.code(), Code::NotFound, "{status:?}"),
        }
    }

    async fn remove_from_folder(&mut self, user: &'static str) {
        let request = RemoveFromFolderRequest {
            user_id: user.to_owned(),
            name: self.folder(),
            conversation_ids: self.some(user),
            request_id: self.name(),
            client_id: self.client_id(),
        };
        let removed = self.until_settled(async |client: Client| {
            let mut conversations = client.conversations.clone();
            conversations.remove_from_folder(request.clone()).await
        });
        match removed.await {
            Ok(removed) => {
                let outcomes = removed.results.iter().map(ChangeResult::outcome);
                self.has_made(user, removed.revision, outcomes);
            }
            Err(status) => assert_eq!(status.code(), Code::NotFound, "{status:?}"),
        }
    }

    fn folder(&mut self) -> String {
        FOLDERS[self.random.random_range(0..FOLDERS.len())].to_owned()
    }

    fn has_made(
        &mut self,
        user: &'static str,
        revision: u64,
        outcomes: impl IntoIterator<Item = ChangeOutcome>,
    ) {
        let mut outcomes = outcomes.into_iter();
        if outcomes.any(|outcome| outcome == ChangeOutcome::Changed) {
            self.certain.insert((user, revision));
        } else {
            self.idle.insert((user, revision));
        }
    }
}
