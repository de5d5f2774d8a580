//! A client that watches, and the calls whose changes it is notified of.
//!
//! Every wait for an event is bounded: a stream that says nothing makes the test fail.

use std::time::Duration;

use conversation_service::proto::{
    ClearHistoryRequest, ClearHistoryResponse, ConversationId, RestoreConversationsRequest,
    RestoreConversationsResponse, WatchConversationsRequest, WatchConversationsResponse,
};
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::client::Client;

/// How long an event may take before it counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// More events than any test makes: a stream that repeats itself for ever makes the test fail.
const MOST_EVENTS: usize = 100_000;

/// A watch that has begun. Dropping it hangs up.
pub(crate) struct Watcher(Streaming<WatchConversationsResponse>);

impl Client {
    /// Watches a user, as a client of the user or, with an empty name, as nobody in particular.
    pub(crate) async fn watch(
        &self,
        user: &str,
        client: &str,
        after: Option<u64>,
    ) -> Result<Watcher, Status> {
        let request = WatchConversationsRequest {
            user_id: user.to_owned(),
            client_id: client.to_owned(),
            after_revision: after,
        };
        let mut conversations = self.conversations.clone();
        let begun = timeout(PATIENCE, conversations.watch_conversations(request)).await;
        let stream = begun.expect("a watch begins or is refused in time")?;
        Ok(Watcher(stream.into_inner()))
    }

    /// Watches, and takes in the bookmark that the stream begins with.
    pub(crate) async fn follow(&self, user: &str, client: &str, after: Option<u64>) -> Watcher {
        let watch = self.watch(user, client, after).await;
        let mut watcher = watch.expect("the watch is accepted");
        let first = watcher.next().await;
        assert!(is_bookmark(&first), "the stream begins with {first:?}");
        watcher
    }

    /// The changes that a client is told of after one revision, through another one that has been
    /// made; or the error that ends the watch before.
    pub(crate) async fn events(
        &self,
        user: &str,
        client: &str,
        after: u64,
        through: u64,
    ) -> Result<Vec<WatchConversationsResponse>, Status> {
        let mut watcher = self.watch(user, client, Some(after)).await?;
        let mut events = Vec::new();
        for _ in 0..MOST_EVENTS {
            let event = watcher.hear().await?;
            if !is_bookmark(&event) {
                events.push(event);
            } else if event.revision >= through {
                return Ok(events);
            }
        }
        panic!("no bookmark of revision {through}");
    }

    /// Undoes a deletion by a client of the user, and returns what came back, an error included.
    pub(crate) async fn restore_by(
        &self,
        user: &str,
        deletion_id: &str,
        client: &str,
    ) -> Result<RestoreConversationsResponse, Status> {
        let request = RestoreConversationsRequest {
            user_id: user.to_owned(),
            deletion_id: deletion_id.to_owned(),
            client_id: client.to_owned(),
            ..RestoreConversationsRequest::default()
        };
        let mut conversations = self.conversations.clone();
        let response = conversations.restore_conversations(request).await;
        response.map(tonic::Response::into_inner)
    }

    /// Clears histories by a client of the user, and says whether other clients are notified.
    pub(crate) async fn clear_by(
        &self,
        user: &str,
        conversations: impl IntoIterator<Item = ConversationId>,
        client: &str,
        sync: Option<bool>,
    ) -> ClearHistoryResponse {
        let request = ClearHistoryRequest {
            user_id: user.to_owned(),
            conversation_ids: conversations.into_iter().collect(),
            client_id: client.to_owned(),
            sync_to_other_clients: sync,
            ..ClearHistoryRequest::default()
        };
        let response = self.conversations.clone().clear_history(request).await;
        response.expect("the clearing is accepted").into_inner()
    }
}

impl Watcher {
    /// The next item: an event, or the status that ends the stream.
    pub(crate) async fn hear(&mut self) -> Result<WatchConversationsResponse, Status> {
        let heard = timeout(PATIENCE, self.0.message()).await;
        let heard = heard.expect("something is heard in time");
        heard.map(|event| event.expect("a stream ends with a status that says why"))
    }

    /// The next event, a bookmark or a change.
    pub(crate) async fn next(&mut self) -> WatchConversationsResponse {
        self.hear().await.expect("the stream goes on")
    }

    /// The next change, whatever bookmarks come before it.
    pub(crate) async fn change(&mut self) -> WatchConversationsResponse {
        for _ in 0..MOST_EVENTS {
            let event = self.next().await;
            if !is_bookmark(&event) {
                return event;
            }
        }
        panic!("nothing but bookmarks");
    }

    /// The changes until a bookmark of this revision, in the order they came.
    pub(crate) async fn changes_through(
        &mut self,
        revision: u64,
    ) -> Vec<WatchConversationsResponse> {
        let mut changes = Vec::new();
        for _ in 0..MOST_EVENTS {
            let event = self.next().await;
            assert!(event.revision <= revision, "{event:?} is beyond {revision}");
            if !is_bookmark(&event) {
                changes.push(event);
            } else if event.revision == revision {
                return changes;
            }
        }
        panic!("no bookmark of revision {revision}");
    }

    /// Everything that still comes, and the status that ends the stream.
    pub(crate) async fn until_the_end(&mut self) -> (Vec<WatchConversationsResponse>, Status) {
        let mut events = Vec::new();
        for _ in 0..MOST_EVENTS {
            match self.hear().await {
                Ok(event) => events.push(event),
                Err(status) => return (events, status),
            }
        }
        panic!("the stream never ends");
    }
}

/// Whether an event is a bookmark.
pub(crate) fn is_bookmark(event: &WatchConversationsResponse) -> bool {
    event.change.is_none()
}
