//! A client that watches many users over one stream.
//!
//! Every wait for an entry is bounded: a stream that says nothing makes the test fail.

use std::time::Duration;

use conversation_service::proto::{
    AddWatchedUser, RemoveWatchedUser, WatchConversationsResponse, WatchUsersRequest,
    WatchUsersResponse, WatchedUserEnded, WatchedUserEvent,
    conversation_service_client::ConversationServiceClient, watch_users_request::Step,
    watch_users_response::Entry,
};
use prost::Message as _;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::{Stream, wrappers::UnboundedReceiverStream};
use tonic::{Code, Status, Streaming, transport::Channel};

use super::client::Client;

/// How long an entry may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream that has begun. Dropping it hangs up.
pub(crate) struct UsersWatcher {
    steps: Option<mpsc::UnboundedSender<WatchUsersRequest>>,
    entries: Streaming<WatchUsersResponse>,
}

/// An entry, with the user it is of.
#[derive(Debug)]
pub(crate) enum Heard {
    Bookmark(String, u64),
    Change(String, WatchConversationsResponse),
    Ended(String, Status),
}

impl Client {
    /// Begins to watch users, as a client of theirs or, with an empty name, as nobody in particular.
    pub(crate) async fn watch_users(&self, client: &str) -> UsersWatcher {
        UsersWatcher::begin(self.conversations.clone(), client)
            .await
            .expect("the stream is accepted")
    }
}

/// A message that adds a user.
pub(crate) fn adding(user: &str, after: Option<u64>) -> WatchUsersRequest {
    let add = AddWatchedUser {
        user_id: user.to_owned(),
        after_revision: after,
    };
    WatchUsersRequest {
        client_id: String::new(),
        step: Some(Step::Add(add)),
    }
}

/// A message that removes a user.
pub(crate) fn removing(user: &str) -> WatchUsersRequest {
    let remove = RemoveWatchedUser {
        user_id: user.to_owned(),
    };
    WatchUsersRequest {
        client_id: String::new(),
        step: Some(Step::Remove(remove)),
    }
}

/// The status in a message, as that of a call.
fn status(ended: &WatchedUserEnded) -> Status {
    let status = ended.status.as_ref().expect("an end has a status");
    let code = Code::from(status.code);
    Status::with_details(code, &status.message, status.encode_to_vec().into())
}

impl UsersWatcher {
    pub(crate) async fn begin(
        conversations: ConversationServiceClient<Channel>,
        client: &str,
    ) -> Result<Self, Status> {
        let (steps, receiver) = mpsc::unbounded_channel();
        if !client.is_empty() {
            let named = WatchUsersRequest {
                client_id: client.to_owned(),
                step: None,
            };
            steps.send(named).expect("it is open");
        }
        let messages = UnboundedReceiverStream::new(receiver);
        let mut begun = Self::sending(conversations, messages).await?;
        begun.steps = Some(steps);
        Ok(begun)
    }

    /// A stream whose messages are given, all of them.
    pub(crate) async fn sending(
        mut conversations: ConversationServiceClient<Channel>,
        messages: impl Stream<Item = WatchUsersRequest> + Send + 'static,
    ) -> Result<Self, Status> {
        let begun = timeout(PATIENCE, conversations.watch_users(messages)).await;
        let entries = begun.expect("a stream begins or is refused in time")?;
        Ok(Self {
            steps: None,
            entries: entries.into_inner(),
        })
    }

    /// Sends a message. A stream that has ended takes none, which shows when it is read.
    pub(crate) fn send(&self, message: WatchUsersRequest) {
        let steps = self.steps.as_ref().expect("the sending side is open");
        let _ = steps.send(message);
    }

    pub(crate) fn add(&self, user: &str, after: Option<u64>) {
        self.send(adding(user, after));
    }

    pub(crate) fn remove(&self, user: &str) {
        self.send(removing(user));
    }

    /// Closes the sending side.
    pub(crate) fn close(&mut self) {
        self.steps = None;
    }

    /// The next message as it is.
    pub(crate) async fn message(&mut self) -> WatchUsersResponse {
        let heard = timeout(PATIENCE, self.entries.message()).await;
        let heard = heard.expect("something is heard in time");
        heard
            .expect("the stream goes on")
            .expect("the stream goes on")
    }

    /// The next entry, or the end of the stream.
    pub(crate) async fn hear(&mut self) -> Result<Option<Heard>, Status> {
        let heard = timeout(PATIENCE, self.entries.message()).await;
        let heard = heard.expect("something is heard in time")?;
        let entry = heard.map(|heard| heard.entry.expect("an entry is of some kind"));
        Ok(entry.map(|entry| match entry {
            Entry::Ended(ended) => Heard::Ended(ended.user_id.clone(), status(&ended)),
            Entry::Event(WatchedUserEvent {
                user_id,
                revision,
                change: None,
                ..
            }) => Heard::Bookmark(user_id, revision),
            Entry::Event(WatchedUserEvent {
                user_id,
                revision,
                time,
                client_id,
                change,
            }) => Heard::Change(
                user_id,
                WatchConversationsResponse {
                    revision,
                    time,
                    client_id,
                    change,
                },
            ),
        }))
    }

    /// The next entry.
    pub(crate) async fn next(&mut self) -> Heard {
        let heard = self.hear().await.expect("the stream goes on");
        heard.expect("the stream goes on")
    }

    /// Adds a user and takes in the bookmark that answers it. Nothing else may come before.
    pub(crate) async fn follow(&mut self, user: &str, after: Option<u64>) -> u64 {
        self.add(user, after);
        self.bookmark(user).await
    }

    /// The bookmark of a user, which comes next.
    pub(crate) async fn bookmark(&mut self, user: &str) -> u64 {
        match self.next().await {
            Heard::Bookmark(of, revision) if of == user => revision,
            other => panic!("{other:?} is no bookmark of {user}"),
        }
    }

    /// The next change, whatever bookmarks come before it, and whose it is.
    pub(crate) async fn change(&mut self) -> (String, WatchConversationsResponse) {
        loop {
            match self.next().await {
                Heard::Change(user, change) => return (user, change),
                Heard::Bookmark(..) => {}
                other @ Heard::Ended(..) => panic!("{other:?} is no change"),
            }
        }
    }

    /// The end of a user, which comes next.
    pub(crate) async fn ended(&mut self, user: &str) -> Status {
        match self.next().await {
            Heard::Ended(of, status) if of == user => status,
            other => panic!("{other:?} is no end of {user:?}"),
        }
    }

    /// Everything that still comes, and the status that ends the stream.
    pub(crate) async fn until_the_end(&mut self) -> (Vec<Heard>, Result<(), Status>) {
        let mut entries = Vec::new();
        loop {
            match self.hear().await {
                Ok(Some(entry)) => entries.push(entry),
                Ok(None) => return (entries, Ok(())),
                Err(status) => return (entries, Err(status)),
            }
        }
    }
}
