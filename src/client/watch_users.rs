//! Following many users over one stream, however often it is interrupted.

mod steps;

use std::{mem, pin::Pin, sync::Arc};

use tokio::time::{Sleep, sleep};
use tonic::{Status, Streaming};

use self::steps::{Heard, Shared, Steps};
use super::{
    Client,
    resume::{self, Resume},
};
use crate::proto::{WatchConversationsResponse, WatchUsersResponse};

/// A watch of many users that resumes by itself: after the connection was lost, the server has stopped, or
/// the caller did not read for a while, it adds each user again with the last revision that it has returned of
/// that user. [`Client::watch_users`] begins one.
///
/// It takes part only while [`UsersWatch::next`] is waited for, so wait for it again and again.
#[derive(Debug)]
pub struct UsersWatch {
    client: Client,
    users: WatchedUsers,
    stream: Option<Streaming<WatchUsersResponse>>,
    resume: Resume,
    /// Users that are to be added again, and when.
    again: Vec<String>,
    due: Option<Pin<Box<Sleep>>>,
}

/// The users of a [`UsersWatch`]. Clones are of the same watch.
#[derive(Clone, Debug)]
pub struct WatchedUsers(Arc<Shared>);

/// An entry of a [`UsersWatch`].
#[derive(Debug)]
pub enum UserUpdate {
    /// A change of a user, or a bookmark.
    Entry {
        /// The user.
        user_id: String,
        /// The change or bookmark, as a watch of the user alone would have it.
        entry: WatchConversationsResponse,
    },
    /// A user is not followed any more, and would not be if it was added as before.
    Ended {
        /// The user.
        user_id: String,
        /// The reason. If it is `OUT_OF_RANGE`, list again and add the user with the list's revision.
        status: Status,
    },
}

impl Client {
    /// Follows users, nobody at first, as the client `client_id` of each of them, whose own changes are left
    /// out; or, if that is empty, as nobody in particular.
    pub fn watch_users(&self, client_id: impl Into<String>) -> UsersWatch {
        UsersWatch {
            client: self.clone(),
            users: WatchedUsers(Arc::new(Shared::new(client_id.into()))),
            stream: None,
            resume: Resume::default(),
            again: Vec::new(),
            due: None,
        }
    }
}

impl WatchedUsers {
    /// Follows a user from a revision, or from now on. One that is followed already is followed from there.
    pub fn add(&self, user_id: impl Into<String>, after_revision: Option<u64>) {
        self.0.add(user_id.into(), after_revision);
    }

    /// Follows a user no longer: nothing of it is returned any more.
    pub fn remove(&self, user_id: &str) {
        self.0.remove(user_id);
    }

    /// Adds nobody any more. The watch ends once every user has been answered and has been sent what was
    /// known then.
    pub fn close(&self) {
        self.0.close();
    }
}

impl UsersWatch {
    /// The users that are followed: add and remove them there, from any task.
    pub const fn users(&self) -> &WatchedUsers {
        &self.users
    }

    /// The next entry. Those of one user come in order, without gaps and without repetitions. Bookmarks come
    /// also when the watch has resumed. `None` once the watch has ended after [`WatchedUsers::close`]. May be
    /// dropped and asked for again.
    ///
    /// # Errors
    ///
    /// The status of a stream that would end so again.
    pub async fn next(&mut self) -> Result<Option<UserUpdate>, Status> {
        loop {
            self.resume.pause().await;
            let heard = tokio::select! {
                heard = attempt(&self.client, &self.users.0, &mut self.stream) => heard,
                () = passed(&mut self.due) => {
                    self.due = None;
                    self.users.0.add_again(mem::take(&mut self.again));
                    continue;
                }
            };
            match heard {
                Ok(Some(message)) => {
                    self.resume.goes_on();
                    if let Some(update) = self.take(message) {
                        return Ok(Some(update));
                    }
                }
                Ok(None) if self.users.0.is_closed() => return Ok(None),
                Ok(None) => self.interrupted(Status::unavailable("the stream has ended"))?,
                Err(status) => self.interrupted(status)?,
            }
        }
    }

    fn interrupted(&mut self, status: Status) -> Result<(), Status> {
        self.stream = None;
        // The next stream adds everybody.
        self.again.clear();
        self.due = None;
        self.resume.interrupted(status)
    }

    /// The update that a message makes, if it is one for the caller.
    fn take(&mut self, message: WatchUsersResponse) -> Option<UserUpdate> {
        match self.users.0.take(message)? {
            Heard::Entry(user_id, entry) => Some(UserUpdate::Entry { user_id, entry }),
            Heard::Ended(user_id, status) => {
                let Some(delay) = resume::delay(&status, 0, rand::random()) else {
                    self.users.0.forget(&user_id);
                    return Some(UserUpdate::Ended { user_id, status });
                };
                // Those that end meanwhile are added again with it.
                self.due.get_or_insert_with(|| Box::pin(sleep(delay)));
                self.again.push(user_id);
                None
            }
        }
    }
}

/// The next message, of a stream that is begun if there is none.
async fn attempt(
    client: &Client,
    users: &Arc<Shared>,
    stream: &mut Option<Streaming<WatchUsersResponse>>,
) -> Result<Option<WatchUsersResponse>, Status> {
    let stream = if let Some(stream) = stream {
        stream
    } else {
        let mut conversations = client.conversations();
        let begun = conversations.watch_users(Steps::begin(users));
        stream.insert(begun.await?.into_inner())
    };
    stream.message().await
}

async fn passed(due: &mut Option<Pin<Box<Sleep>>>) {
    match due {
        Some(due) => due.as_mut().await,
        None => std::future::pending().await,
    }
}
