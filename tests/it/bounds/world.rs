//! A user who has reached every limit of the data in answers.

use std::time::Duration;

use conversation_service::proto::{
    AddGroupMembersRequest, ClearHistoryRequest, ConversationId, GetUnreadCountRequest,
    ListConversationsRequest, ListDeletionsRequest, ListMessagesRequest, MessageBody, Payload,
    RemoveGroupMembersRequest, SendMessageRequest, SendSystemMessageRequest, message_body::Content,
};
use tonic::Response;

use super::measured::Measured;
use crate::support::{
    client::{Client, LARGEST_PAGE, really_everything},
    clock::TestClock,
    concurrently::concurrently,
    databases::TestDatabase,
    ids::{c2c, group},
    server::{TestServer, config},
    stage::Stage,
};

/// The most bytes of an ID.
pub(super) const LONGEST: usize = 128;
/// The most bytes of a message's body.
const LARGEST: usize = 12 * 1024;
/// The largest bodies of which a page has the most items that a page may have.
const LARGEST_OF_A_FULL_PAGE: usize = 3 * 1024 * 1024 / 500;
/// How many conversations one request names at most.
const BATCH: usize = 100;

/// The user, and the server that knows it.
pub(super) struct World {
    pub(super) client: Client,
    pub(super) server: TestServer,
    clock: TestClock,
    pub(super) reader: String,
}

/// The longest name that begins like this: the rest of it grows when it is escaped.
pub(super) fn longest(name: &str) -> String {
    let rest = r#"\""#.chars().cycle().take(LONGEST - name.len());
    name.chars().chain(rest).collect()
}

fn friend(number: usize) -> String {
    longest(&format!("friend {number}"))
}

fn friends(numbers: impl IntoIterator<Item = usize>) -> Vec<ConversationId> {
    let numbers = numbers.into_iter();
    numbers.map(|number| c2c(friend(number))).collect()
}

fn folder(number: usize) -> String {
    let mut name = longest(&format!("{number:02}"));
    name.truncate(32);
    name
}

/// A body of so many bytes, those of the name of its type included.
fn body(bytes: usize) -> MessageBody {
    let payload = Payload {
        r#type: longest("type"),
        data: vec![0xff; bytes - LONGEST],
    };
    MessageBody {
        content: Some(Content::Payload(payload)),
    }
}

impl World {
    pub(super) async fn new(database: &TestDatabase) -> Self {
        let mut config = config(database);
        config.pin_limit = 1_000;
        let Stage {
            client,
            server,
            clock,
        } = Stage::open_with(config).await;
        Self {
            client,
            server,
            clock,
            reader: longest("reader"),
        }
    }

    /// Sends to the reader, in no particular order, a while after what was sent before.
    async fn send(&self, senders: impl IntoIterator<Item = usize>, bytes: usize) {
        self.clock.advance(Duration::from_secs(1));
        let sending = senders.into_iter().map(|number| {
            let request = SendMessageRequest {
                sender_user_id: friend(number),
                conversation_id: Some(c2c(self.reader.clone())),
                body: Some(body(bytes)),
                client_message_id: String::new(),
            };
            let mut messages = self.client.messages.clone();
            async move {
                let sent = messages.send_message(request).await;
                sent.expect("the message is accepted");
            }
        });
        concurrently(sending.collect::<Vec<_>>()).await;
    }

    /// Fills the list, and changes all that can be changed of it.
    pub(super) async fn fill(&self, measured: &mut Measured) {
        let (client, reader) = (&self.client, &self.reader);
        // The first friends are older than the first page of a list.
        self.send(0..BATCH, LARGEST).await;
        self.send(BATCH..500, 1_000).await;
        self.send(500..1_000, LARGEST_OF_A_FULL_PAGE).await;
        let read = client.read_all(reader).await;
        measured.answer("MarkConversationsRead", &read);
        // A history of as much as a page has.
        self.send((0..500).map(|_| 0), LARGEST_OF_A_FULL_PAGE).await;
        self.send(500..1_000, LARGEST_OF_A_FULL_PAGE).await;

        for batch in (500..1_000).collect::<Vec<_>>().chunks(BATCH) {
            let ids = || friends(batch.iter().copied());
            let set = client.set_data(reader, ids(), vec![0xff; 256]).await;
            measured.answer("SetCustomData", &set);
            let marked = client.mark(reader, ids(), u64::MAX << 32 | 15, 0).await;
            measured.answer("MarkConversations", &marked);
            measured.answer("MuteConversations", &client.mute(reader, ids()).await);
            measured.answer("PinConversations", &client.pin(reader, ids()).await);
        }
        for number in 0..20 {
            let ids = friends(0..BATCH / 2);
            let created = client.create_folder(reader, &folder(number), ids).await;
            measured.answer("CreateFolder", &created);
        }
        let ids = friends(0..BATCH / 2);
        for number in 0..20 {
            let removed = client.remove_from_folder(reader, &folder(number), ids.clone());
            measured.answer("RemoveFromFolder", &removed.await);
        }
        // A conversation that is hidden at present counts towards no limit, so folders can be filled with
        // hidden ones.
        for batch in (500..1_000).collect::<Vec<_>>().chunks(BATCH) {
            let ids = || friends(batch.iter().copied());
            let deleted = client.delete(reader, ids()).clear(false).sync(true).await;
            measured.answer("DeleteConversations", &deleted);
            for number in 0..20 {
                let added = client.add_to_folder(reader, &folder(number), ids()).await;
                measured.answer("AddToFolder", &added);
            }
            let restored = client.restore(reader, &deleted.deletion_id, "").await;
            let restored = restored.expect("the deletion can be undone");
            measured.answer("RestoreConversations", &restored);
            // So that there is room for the next ones.
            client.delete(reader, ids()).clear(false).await;
        }
        let deletions = client.revision(reader).await;
        for deletion in 0..=deletions {
            // All of them come back, whichever revisions they have.
            let _ = client.restore(reader, &deletion.to_string(), "").await;
        }
    }

    /// Reads all that can be read.
    pub(super) async fn look(&self, measured: &mut Measured) {
        let (client, reader) = (&self.client, &self.reader);
        let mut page = ListConversationsRequest {
            user_id: reader.clone(),
            page_size: LARGEST_PAGE,
            ..ListConversationsRequest::default()
        };
        for _ in 0..2 {
            let mut conversations = client.conversations.clone();
            let list = conversations.list_conversations(page.clone()).await;
            let list = list.expect("the client takes it").into_inner();
            measured.answer("ListConversations", &list);
            page.page_token = list.next_page_token;
        }
        let history = ListMessagesRequest {
            user_id: reader.clone(),
            conversation_id: Some(c2c(friend(0))),
            page_size: LARGEST_PAGE,
            page_token: String::new(),
        };
        let history = client.messages.clone().list_messages(history).await;
        let history = history.map(Response::into_inner);
        measured.answer("ListMessages", &history.expect("the client takes it"));
        let found = client.get(reader, friends(0..BATCH)).await;
        measured.answer("GetConversations", &found);
        measured.answer("ListFolders", &client.list_folders(reader).await);
        let trash = ListDeletionsRequest {
            user_id: reader.clone(),
            page_size: 100,
            ..ListDeletionsRequest::default()
        };
        let trash = client.conversations.clone().list_deletions(trash).await;
        let trash = trash.map(Response::into_inner);
        measured.answer("ListDeletions", &trash.expect("the client takes it"));
        let count = GetUnreadCountRequest {
            user_id: reader.clone(),
            filter: None,
        };
        let count = client.conversations.clone().get_unread_count(count).await;
        measured.answer("GetUnreadCount", &count.expect("counted").into_inner());
    }

    /// Makes the remaining calls: those that have nothing to do with the list, and those that shrink it.
    pub(super) async fn take_apart(&self, measured: &mut Measured) {
        let (client, reader) = (&self.client, &self.reader);
        let look = client.look(reader, really_everything()).await;
        measured.answer("DeleteMatchingConversations", &look);
        let planned = client.delete_matching(reader, really_everything());
        let planned = planned.planned(&look.plan).sync(true).await;
        measured.answer("DeleteMatchingConversations", &planned);
        let restored = client.restore(reader, &planned.deletion_id, "").await;
        let restored = restored.expect("the deletion can be undone");
        measured.answer("RestoreConversations", &restored);
        // Settings are told when they come back.
        let ids = || friends(500..500 + BATCH);
        let forgetting = client.delete(reader, ids()).clear(false).sync(true);
        let forgetting = forgetting.with(|request| request.forget_settings = true);
        let deleted = forgetting.await;
        measured.answer("DeleteConversations", &deleted);
        let restored = client.restore(reader, &deleted.deletion_id, "").await;
        measured.answer("RestoreConversations", &restored.expect("it can be undone"));
        for batch in (500..1_000).collect::<Vec<_>>().chunks(BATCH) {
            let ids = friends(batch.iter().copied());
            client.delete(reader, ids).clear(false).await;
        }
        let hidden = client.hidden_page(reader, &[], LARGEST_PAGE, String::new());
        let hidden = hidden.await.expect("the client takes it");
        measured.answer("ListHiddenConversations", &hidden);
        measured.answer("ShowConversations", &client.show(reader, ids()).await);

        let renamed = client.rename_folder(reader, &folder(0), &folder(50)).await;
        measured.answer("RenameFolder", &renamed);
        let deleted = client.delete_folder(reader, &folder(1)).await;
        measured.answer("DeleteFolder", &deleted);
        let clear = ClearHistoryRequest {
            user_id: reader.clone(),
            conversation_ids: friends(0..BATCH),
            sync_to_other_clients: Some(true),
            ..ClearHistoryRequest::default()
        };
        let cleared = client.conversations.clone().clear_history(clear).await;
        measured.answer("ClearHistory", &cleared.expect("cleared").into_inner());

        let users: Vec<_> = (1..BATCH).map(friend).chain([reader.clone()]).collect();
        let name = longest("group");
        let join = AddGroupMembersRequest {
            group_id: name.clone(),
            user_ids: users.clone(),
            request_id: String::new(),
        };
        let joined = client.groups.clone().add_group_members(join).await;
        measured.answer("AddGroupMembers", &joined.expect("added").into_inner());
        let message = SendMessageRequest {
            sender_user_id: reader.clone(),
            conversation_id: Some(group(name.clone())),
            body: Some(body(LARGEST)),
            client_message_id: String::new(),
        };
        let sent = client.messages.clone().send_message(message).await;
        measured.answer("SendMessage", &sent.expect("sent").into_inner());
        let leave = RemoveGroupMembersRequest {
            group_id: name,
            user_ids: users.clone(),
            request_id: String::new(),
        };
        let left = client.groups.clone().remove_group_members(leave).await;
        measured.answer("RemoveGroupMembers", &left.expect("removed").into_inner());
        let news = SendSystemMessageRequest {
            user_ids: users,
            body: Some(body(LARGEST)),
            client_message_id: String::new(),
        };
        let sent = client.messages.clone().send_system_message(news).await;
        measured.answer("SendSystemMessage", &sent.expect("sent").into_inner());
    }
}
