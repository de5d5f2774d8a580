//! A client of all three services, with calls that are short to write.
//!
//! A call panics when the server refuses it. The generated clients are there for calls that are
//! meant to be refused, and `result()` for deletions.

mod change;
mod list;

use std::{
    future::{Future, IntoFuture},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
};

use conversation_service::proto::{
    AddGroupMembersRequest, ClearHistoryRequest, ClearHistoryResponse, Conversation,
    ConversationId, DeleteConversationsRequest, DeleteConversationsResponse, DeletionOutcome,
    DeletionResult, GetConversationsRequest, GetConversationsResponse, ListConversationsRequest,
    ListConversationsResponse, ListFilter, ListMessagesRequest, Message, Reappearance,
    RemoveGroupMembersRequest, RestorationOutcome, RestorationResult, RestoreConversationsRequest,
    RestoreConversationsResponse, SeenThrough, SendMessageRequest, SendSystemMessageRequest,
    conversation_service_client::ConversationServiceClient,
    group_service_client::GroupServiceClient, message_service_client::MessageServiceClient,
};
use prost::Message as _;
use prost_types::Timestamp;
use tonic::{Status, transport::Channel};

use super::{ids::text, server::Running};

pub(crate) use change::{
    AnyChange, Boxed, everything, folder, matched, matching, outcomes, really_everything,
};
pub(crate) use list::{
    active_since, ids, in_any_order, in_folder, marked, of_types, unread, with_membership,
    without_marks,
};

/// The longest page token that the service gives.
pub(crate) const LONGEST_TOKEN: usize = 256;

/// The largest page that the service gives.
pub(crate) const LARGEST_PAGE: i32 = 500;

/// More pages than any list of a test has: a server that never ends a list makes the test fail.
const MOST_PAGES: usize = 10_000;

/// Connected to one server. Clones share the connection.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) conversations: ConversationServiceClient<Channel>,
    pub(crate) messages: MessageServiceClient<Channel>,
    pub(crate) groups: GroupServiceClient<Channel>,
    /// Held for as long as there is a clone of this client; a server of another process needs nobody.
    server: Option<Arc<Running>>,
}

/// A whole list, page after page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listing {
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) revision: u64,
    pub(crate) as_of: Timestamp,
}

impl Client {
    /// Connects to the server at `address`.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let channel = Channel::from_shared(format!("http://{address}"))
            .expect("an address makes a valid URI")
            .connect()
            .await
            .expect("the server accepts connections");
        Self {
            conversations: ConversationServiceClient::new(channel.clone()),
            messages: MessageServiceClient::new(channel.clone()),
            groups: GroupServiceClient::new(channel),
            server: None,
        }
    }

    /// The same client, which keeps its server running.
    pub(crate) fn keeping(mut self, server: &Arc<Running>) -> Self {
        self.server = Some(Arc::clone(server));
        self
    }

    /// Sends a text.
    pub(crate) async fn send(
        &self,
        sender: &str,
        conversation: ConversationId,
        words: &str,
    ) -> Message {
        let request = SendMessageRequest {
            sender_user_id: sender.to_owned(),
            conversation_id: Some(conversation),
            body: Some(text(words)),
            client_message_id: String::new(),
        };
        let response = self.messages.clone().send_message(request).await;
        let response = response.expect("the message is accepted").into_inner();
        response.message.expect("the stored message is returned")
    }

    /// Sends a system message to each of the users.
    pub(crate) async fn send_system(&self, users: &[&str], words: &str) -> Vec<Message> {
        let request = SendSystemMessageRequest {
            user_ids: users.iter().map(ToString::to_string).collect(),
            body: Some(text(words)),
            client_message_id: String::new(),
        };
        let response = self.messages.clone().send_system_message(request).await;
        response
            .expect("the message is accepted")
            .into_inner()
            .messages
    }

    /// Adds users to a group; returns how many were not in it.
    pub(crate) async fn join(&self, group: &str, users: &[&str]) -> i32 {
        let added = self.join_as(group, users, "").await;
        added.expect("users can be added")
    }

    /// The same under a request ID, a refusal included.
    pub(crate) async fn join_as(
        &self,
        group: &str,
        users: &[&str],
        request_id: &str,
    ) -> Result<i32, Status> {
        let request = AddGroupMembersRequest {
            group_id: group.to_owned(),
            user_ids: users.iter().map(ToString::to_string).collect(),
            request_id: request_id.to_owned(),
        };
        let response = self.groups.clone().add_group_members(request).await;
        response.map(|response| response.into_inner().added_count)
    }

    /// Removes users from a group; returns how many were in it.
    pub(crate) async fn leave(&self, group: &str, users: &[&str]) -> i32 {
        let removed = self.leave_as(group, users, "").await;
        removed.expect("users can be removed")
    }

    /// The same under a request ID, a refusal included.
    pub(crate) async fn leave_as(
        &self,
        group: &str,
        users: &[&str],
        request_id: &str,
    ) -> Result<i32, Status> {
        let request = RemoveGroupMembersRequest {
            group_id: group.to_owned(),
            user_ids: users.iter().map(ToString::to_string).collect(),
            request_id: request_id.to_owned(),
        };
        let response = self.groups.clone().remove_group_members(request).await;
        response.map(|response| response.into_inner().removed_count)
    }

    /// A deletion, to be refined and then awaited.
    pub(crate) fn delete(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> Deletion {
        Deletion {
            client: self.conversations.clone(),
            request: DeleteConversationsRequest {
                user_id: user.to_owned(),
                conversation_ids: conversations.into_iter().collect(),
                ..DeleteConversationsRequest::default()
            },
        }
    }

    /// Empties histories.
    pub(crate) async fn clear_history(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> ClearHistoryResponse {
        let request = ClearHistoryRequest {
            user_id: user.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            ..ClearHistoryRequest::default()
        };
        let response = self.conversations.clone().clear_history(request).await;
        response.expect("the clearing is accepted").into_inner()
    }

    /// Undoes a deletion or clearing; named if `request_id` is not empty.
    pub(crate) async fn restore(
        &self,
        user: &str,
        deletion_id: &str,
        request_id: &str,
    ) -> Result<RestoreConversationsResponse, Status> {
        let request = RestoreConversationsRequest {
            user_id: user.to_owned(),
            deletion_id: deletion_id.to_owned(),
            request_id: request_id.to_owned(),
            ..RestoreConversationsRequest::default()
        };
        let mut client = self.conversations.clone();
        let response = client.restore_conversations(request).await;
        response.map(tonic::Response::into_inner)
    }

    /// Undoes a deletion or clearing, and returns only the outcomes.
    pub(crate) async fn restored(&self, user: &str, deletion_id: &str) -> Vec<RestorationOutcome> {
        let response = self.restore(user, deletion_id, "").await;
        let results = response.expect("the deletion can be undone").results;
        results.iter().map(RestorationResult::outcome).collect()
    }

    /// The whole list of a user.
    pub(crate) async fn list_all(&self, user: &str) -> Vec<Conversation> {
        let listing = self.list_in_pages(user, None, LARGEST_PAGE).await;
        listing.expect("the list can be read").conversations
    }

    /// The IDs of the whole list of a user.
    pub(crate) async fn listed(&self, user: &str) -> Vec<ConversationId> {
        ids(self.list_all(user).await)
    }

    /// One page of a user's list.
    pub(crate) async fn list_page(
        &self,
        user: &str,
        filter: Option<ListFilter>,
        page_size: i32,
        page_token: String,
    ) -> Result<ListConversationsResponse, Status> {
        let request = ListConversationsRequest {
            user_id: user.to_owned(),
            page_size,
            page_token,
            filter,
        };
        let page = self.conversations.clone().list_conversations(request).await;
        page.map(tonic::Response::into_inner)
    }

    /// A whole list, read in pages of a given size. Every page must carry the first one's revision and
    /// time, and none may be larger than asked for.
    pub(crate) async fn list_in_pages(
        &self,
        user: &str,
        filter: Option<ListFilter>,
        page_size: i32,
    ) -> Result<Listing, Status> {
        let page = self
            .list_page(user, filter.clone(), page_size, String::new())
            .await?;
        self.rest_of_list(user, filter, page_size, page).await
    }

    /// The listing that a first page began, with the pages that follow it.
    pub(crate) async fn rest_of_list(
        &self,
        user: &str,
        filter: Option<ListFilter>,
        page_size: i32,
        first: ListConversationsResponse,
    ) -> Result<Listing, Status> {
        let limit = usize::try_from(page_size).expect("a page size is positive");
        let (revision, as_of) = (first.revision, first.as_of);
        let mut conversations = Vec::new();
        let mut page = first;
        for _ in 0..MOST_PAGES {
            assert!(page.conversations.len() <= limit, "a page is too large");
            assert_eq!(page.revision, revision, "a later page has another revision");
            assert_eq!(page.as_of, as_of, "a later page has another time");
            let token = page.next_page_token.len();
            assert!(token <= LONGEST_TOKEN, "a page token has {token} bytes");
            conversations.append(&mut page.conversations);
            if page.next_page_token.is_empty() {
                return Ok(Listing {
                    conversations,
                    revision,
                    as_of: as_of.expect("a page has a time"),
                });
            }
            let token = page.next_page_token;
            page = self
                .list_page(user, filter.clone(), page_size, token)
                .await?;
        }
        panic!("the list of {user:?} never ends");
    }

    /// Looks conversations up.
    pub(crate) async fn get(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
    ) -> GetConversationsResponse {
        let request = GetConversationsRequest {
            user_id: user.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
        };
        let response = self.conversations.clone().get_conversations(request).await;
        response
            .expect("conversations can be looked up")
            .into_inner()
    }

    /// Everything that a user can still read of a conversation, newest first.
    pub(crate) async fn history(&self, user: &str, conversation: ConversationId) -> Vec<Message> {
        let history = self
            .history_in_pages(user, conversation, LARGEST_PAGE)
            .await;
        history.expect("the history can be read")
    }

    /// The same, read in pages of a given size.
    pub(crate) async fn history_in_pages(
        &self,
        user: &str,
        conversation: ConversationId,
        page_size: i32,
    ) -> Result<Vec<Message>, Status> {
        let limit = usize::try_from(page_size).expect("a page size is positive");
        let mut request = ListMessagesRequest {
            user_id: user.to_owned(),
            conversation_id: Some(conversation),
            page_size,
            page_token: String::new(),
        };
        let mut messages = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = self.messages.clone().list_messages(request.clone()).await?;
            let mut page = page.into_inner();
            assert!(page.messages.len() <= limit, "a page is too large");
            messages.append(&mut page.messages);
            if page.next_page_token.is_empty() {
                return Ok(messages);
            }
            request.page_token = page.next_page_token;
        }
        panic!("the history of {user:?} never ends");
    }
}

/// A deletion that has not been asked for yet. Awaiting it panics if it is refused.
#[must_use = "a deletion does nothing until it is awaited"]
#[derive(Clone)]
pub(crate) struct Deletion {
    client: ConversationServiceClient<Channel>,
    request: DeleteConversationsRequest,
}

impl Deletion {
    /// Says whether the history goes too.
    pub(crate) fn clear(mut self, clear: bool) -> Self {
        self.request.clear_history = Some(clear);
        self
    }

    /// Changes the request in some other way.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut DeleteConversationsRequest)) -> Self {
        change(&mut self.request);
        self
    }

    /// Says whether newer messages list the conversations again.
    pub(crate) fn reappearing(mut self, rule: Reappearance) -> Self {
        self.request.set_reappearance(rule);
        self
    }

    /// Names the request.
    pub(crate) fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request.request_id = id.into();
        self
    }

    /// Names the client that asks.
    pub(crate) fn client_id(mut self, id: impl Into<String>) -> Self {
        self.request.client_id = id.into();
        self
    }

    /// Says whether the user's other clients are notified.
    pub(crate) fn sync(mut self, sync: bool) -> Self {
        self.request.sync_to_other_clients = Some(sync);
        self
    }

    /// Says how far the user has seen one of the conversations.
    pub(crate) fn seen(mut self, conversation: ConversationId, seq: u64) -> Self {
        self.request.seen_through.push(SeenThrough {
            conversation_id: Some(conversation),
            seq,
        });
        self
    }

    /// Asks, and returns what came back, an error included.
    pub(crate) async fn result(mut self) -> Result<DeleteConversationsResponse, Status> {
        let response = self.client.delete_conversations(self.request).await;
        response.map(tonic::Response::into_inner)
    }

    /// Asks, and returns only the outcomes.
    pub(crate) async fn outcomes(self) -> Vec<DeletionOutcome> {
        self.await
            .results
            .iter()
            .map(DeletionResult::outcome)
            .collect()
    }
}

impl AnyChange for Deletion {
    fn named(&self, id: &str) -> Box<dyn AnyChange> {
        Box::new(self.clone().request_id(id))
    }

    fn by(&self, client: &str) -> Box<dyn AnyChange> {
        Box::new(self.clone().client_id(client))
    }

    fn bytes(&self) -> Boxed<Result<Vec<u8>, Status>> {
        let deletion = self.clone();
        Box::pin(async move { Ok(deletion.result().await?.encode_to_vec()) })
    }
}

impl IntoFuture for Deletion {
    type Output = DeleteConversationsResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async { self.result().await.expect("the deletion is accepted") })
    }
}
