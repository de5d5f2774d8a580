//! Following one user, however often the stream is interrupted.

use tonic::{Status, Streaming};

use super::{Client, resume::Resume};
use crate::proto::{WatchConversationsRequest, WatchConversationsResponse};

/// A watch of one user that resumes by itself: after the connection was lost, the server has stopped, or the
/// caller did not read for a while, it watches again from the last revision that it has returned.
/// [`Client::watch`] begins one.
#[derive(Debug)]
pub struct Watch {
    client: Client,
    request: WatchConversationsRequest,
    stream: Option<Streaming<WatchConversationsResponse>>,
    resume: Resume,
}

impl Client {
    /// Follows a user from `request.after_revision`, or from now on. Nothing is sent before the first
    /// [`Watch::next`].
    pub fn watch(&self, request: WatchConversationsRequest) -> Watch {
        Watch {
            client: self.clone(),
            request,
            stream: None,
            resume: Resume::default(),
        }
    }
}

impl Watch {
    /// The next change or bookmark, in order, without gaps and without repetitions. Bookmarks come also when
    /// the watch has resumed. May be dropped and asked for again.
    ///
    /// # Errors
    ///
    /// The status of a watch that would end so again, such as `OUT_OF_RANGE` ([`super::reason`] says
    /// `RevisionCompacted` or `RevisionUnknown`): list again, and watch from the list's revision.
    pub async fn next(&mut self) -> Result<WatchConversationsResponse, Status> {
        loop {
            self.resume.pause().await;
            match self.attempt().await {
                Ok(entry) => {
                    self.resume.goes_on();
                    self.request.after_revision = Some(entry.revision);
                    return Ok(entry);
                }
                Err(status) => {
                    self.stream = None;
                    self.resume.interrupted(status)?;
                }
            }
        }
    }

    async fn attempt(&mut self) -> Result<WatchConversationsResponse, Status> {
        let stream = if let Some(stream) = &mut self.stream {
            stream
        } else {
            let mut conversations = self.client.conversations();
            let begun = conversations.watch_conversations(self.request.clone());
            self.stream.insert(begun.await?.into_inner())
        };
        let entry = stream.message().await?;
        entry.ok_or_else(|| Status::unavailable("the stream has ended"))
    }
}
