//! The calls that the story is made of, to the generated clients.

use std::{net::SocketAddr, time::Duration};

use tonic::{
    Status,
    transport::{Channel, Endpoint},
};

use super::DemoError;
use crate::{
    domain::ManualClock,
    proto::{
        AddGroupMembersRequest, ConversationId, DeleteConversationsRequest,
        DeleteConversationsResponse, DeleteMatchingConversationsRequest,
        DeleteMatchingConversationsResponse, ListConversationsRequest, ListConversationsResponse,
        ListMessagesRequest, Message, MessageBody, RestoreConversationsRequest,
        RestoreConversationsResponse, SendMessageRequest, conversation_id,
        conversation_service_client::ConversationServiceClient,
        group_service_client::GroupServiceClient, message_body,
        message_service_client::MessageServiceClient,
    },
};

/// The time between two messages.
const PAUSE: Duration = Duration::from_mins(1);

/// How long a call may take: far longer than any does, so that the story cannot hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the server, and the clock that it goes by.
pub(super) struct Service {
    conversations: ConversationServiceClient<Channel>,
    messages: MessageServiceClient<Channel>,
    groups: GroupServiceClient<Channel>,
    clock: ManualClock,
}

/// A one-to-one chat with `user`.
pub(super) fn c2c(user: &str) -> ConversationId {
    id(conversation_id::Id::C2cUserId(user.to_owned()))
}

/// The chat of `group`.
pub(super) fn group(group: &str) -> ConversationId {
    id(conversation_id::Id::GroupId(group.to_owned()))
}

const fn id(id: conversation_id::Id) -> ConversationId {
    ConversationId { id: Some(id) }
}

impl Service {
    pub(super) async fn connect(
        address: SocketAddr,
        clock: ManualClock,
    ) -> Result<Self, DemoError> {
        let channel = Endpoint::from_shared(format!("http://{address}"))?
            .timeout(PATIENCE)
            .connect()
            .await?;
        Ok(Self {
            conversations: ConversationServiceClient::new(channel.clone()),
            messages: MessageServiceClient::new(channel.clone()),
            groups: GroupServiceClient::new(channel),
            clock,
        })
    }

    pub(super) async fn found_group(&mut self, group: &str, users: &[&str]) -> Result<(), Status> {
        let request = AddGroupMembersRequest {
            group_id: group.to_owned(),
            user_ids: users.iter().map(ToString::to_string).collect(),
            request_id: String::new(),
        };
        self.groups.add_group_members(request).await?;
        Ok(())
    }

    /// Sends a message, a while after the one before.
    pub(super) async fn send(
        &mut self,
        sender: &str,
        to: ConversationId,
        text: &str,
    ) -> Result<Message, Status> {
        self.clock.advance(PAUSE);
        let request = SendMessageRequest {
            sender_user_id: sender.to_owned(),
            conversation_id: Some(to),
            body: Some(MessageBody {
                content: Some(message_body::Content::Text(text.to_owned())),
            }),
            client_message_id: String::new(),
        };
        let answer = self.messages.send_message(request).await?.into_inner();
        answer
            .message
            .ok_or_else(|| Status::internal("a sent message is missing from its answer"))
    }

    /// The messages of a conversation that `user` can read, oldest first.
    pub(super) async fn history(
        &mut self,
        user: &str,
        conversation: &ConversationId,
    ) -> Result<Vec<Message>, Status> {
        let request = ListMessagesRequest {
            user_id: user.to_owned(),
            conversation_id: Some(conversation.clone()),
            ..ListMessagesRequest::default()
        };
        let answer = self.messages.list_messages(request).await?.into_inner();
        Ok(answer.messages.into_iter().rev().collect())
    }

    pub(super) async fn list(&mut self, user: &str) -> Result<ListConversationsResponse, Status> {
        let request = ListConversationsRequest {
            user_id: user.to_owned(),
            ..ListConversationsRequest::default()
        };
        let answer = self.conversations.list_conversations(request).await?;
        Ok(answer.into_inner())
    }

    pub(super) async fn delete(
        &mut self,
        request: &DeleteConversationsRequest,
    ) -> Result<DeleteConversationsResponse, Status> {
        let answer = self.conversations.delete_conversations(request.clone());
        Ok(answer.await?.into_inner())
    }

    pub(super) async fn delete_matching(
        &mut self,
        request: &DeleteMatchingConversationsRequest,
    ) -> Result<DeleteMatchingConversationsResponse, Status> {
        let request = request.clone();
        let answer = self.conversations.delete_matching_conversations(request);
        Ok(answer.await?.into_inner())
    }

    pub(super) async fn restore(
        &mut self,
        request: &RestoreConversationsRequest,
    ) -> Result<RestoreConversationsResponse, Status> {
        let answer = self.conversations.restore_conversations(request.clone());
        Ok(answer.await?.into_inner())
    }
}
