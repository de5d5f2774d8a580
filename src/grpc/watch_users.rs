//! The stream of `WatchUsers`: reads the caller's messages as fast as there is room for them, and sends the users'
//! entries as fast as the caller reads.

use std::time::Duration;

use tokio::sync::mpsc::{self, error::SendTimeoutError, error::TrySendError};
use tonic::{Code, Status, Streaming};

use super::{
    boundary::CallId,
    come_back,
    convert::watch_users::{self, Message, Step},
    limits::{UserPermits, WatchPermits},
    status,
    watch::{self, Entry, WatchStream},
};
use crate::{
    app::{App, UserEnd, UserEntry, UserWatches, WatchEvent},
    domain::{ClientId, UserId},
    lifecycle::Shutdown,
    metrics::{Stopwatch, WatchMetrics, WatchedUsers},
    proto::{WatchUsersRequest, WatchUsersResponse},
};

const METHOD: &str = "WatchUsers";

/// An entry on its way to the client.
pub(super) enum Sent {
    Event(UserId, WatchEvent),
    Ended(WatchUsersResponse),
}

/// A call of `WatchUsers`.
pub(super) struct Call {
    pub(super) messages: Streaming<WatchUsersRequest>,
    pub(super) id: Option<CallId>,
    /// The permits for its users, and how many a caller that is alone may have.
    pub(super) permits: UserPermits,
    pub(super) most_users: usize,
}

/// Why the stream ends.
enum End {
    /// The caller has closed its side, and has been sent everything.
    Closed,
    ClientGone,
    TooSlow,
    /// A message breaks the rules of the stream, or cannot be read.
    Invalid(Status),
}

/// A stream that runs.
struct Running {
    call: Call,
    watches: UserWatches,
    /// The client, as the first message has it.
    client: Option<ClientId>,
    /// Whether the next message is the first.
    is_first: bool,
    entries: mpsc::Sender<Sent>,
    patience: Duration,
    metrics: WatchMetrics,
    users: WatchedUsers,
}

/// Runs the call as a task, until it ends or the server drains.
pub(super) fn start(
    app: &App,
    call: Call,
    permits: WatchPermits,
    shutdown: &Shutdown,
    metrics: &WatchMetrics,
) -> WatchStream<Sent> {
    let (watches, patience) = (UserWatches::new(app), app.watch.patience);
    let of_call = metrics.clone();
    watch::spawn(permits, shutdown, metrics, async move |entries| {
        let mut running = Running {
            call,
            watches,
            client: None,
            is_first: true,
            entries,
            patience,
            users: of_call.watched_users(),
            metrics: of_call,
        };
        let end = running.run().await;
        running.status(end)
    })
}

impl Running {
    async fn run(&mut self) -> End {
        let mut is_closed = false;
        loop {
            let step = tokio::select! {
                message = self.call.messages.message(), if !is_closed && self.watches.has_room() => {
                    match message {
                        Ok(Some(message)) => self.take(message).await,
                        Ok(None) => {
                            is_closed = true;
                            self.watches.close();
                            Ok(())
                        }
                        // The caller has taken the call back, or is gone.
                        Err(status) if is_gone(&status) => Err(End::ClientGone),
                        Err(status) => Err(End::Invalid(status)),
                    }
                }
                entry = self.watches.next() => match entry {
                    Some(entry) => {
                        let entry = self.render(entry);
                        self.send(entry).await
                    }
                    None => Err(End::Closed),
                },
                () = self.entries.closed() => Err(End::ClientGone),
            };
            if let Err(end) = step {
                return end;
            }
            let users = self.watches.len();
            self.call.permits.shrink_to(users);
            self.users.set(users);
        }
    }

    /// Does what a message says.
    async fn take(&mut self, message: WatchUsersRequest) -> Result<(), End> {
        let invalid = |invalid| End::Invalid(Status::from(invalid));
        let Message { client, step } = watch_users::parse(message).map_err(invalid)?;
        if let Some(client) = client {
            if self.is_first {
                self.watches.identify(client.clone());
                self.client = Some(client);
            } else if self.client.as_ref() != Some(&client) {
                return Err(invalid(watch_users::another_client()));
            }
        }
        self.is_first = false;
        match step {
            Some(Step::Add(user, after)) => {
                if self.watches.follows(&user) || self.call.permits.grow() {
                    self.watches.add(user, after);
                    return Ok(());
                }
                self.metrics.user_limit();
                let status = if self.call.permits.taken() >= self.call.most_users {
                    status::user_limit_reached(self.call.most_users)
                } else {
                    come_back::WATCHES.refusal()
                };
                let ended = self.ended(user.to_string(), &status);
                self.send(ended).await
            }
            Some(Step::Invalid(user_id, invalid)) => {
                self.metrics.user_invalid();
                let ended = self.ended(user_id, &invalid.into());
                self.send(ended).await
            }
            Some(Step::Remove(user)) => {
                self.watches.remove(&user);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn render(&self, entry: UserEntry) -> Sent {
        let (user, end) = match entry {
            UserEntry::Event(user, event) => return Sent::Event(user, event),
            UserEntry::Ended(user, end) => (user, end),
        };
        let status = match end {
            UserEnd::Unknown => {
                self.metrics.user_lists_again();
                status::revision_unknown()
            }
            UserEnd::Compacted => {
                self.metrics.user_lists_again();
                status::revision_compacted()
            }
            UserEnd::TooSlow => {
                self.metrics.user_too_slow();
                status::watcher_too_slow()
            }
            UserEnd::Store(error) => {
                self.metrics.user_database_failed();
                let status = status::of_store_in_message(&error);
                if status.code() == Code::Internal {
                    tracing::error!(cause = %error, "a user cannot be followed");
                } else {
                    tracing::debug!(cause = %error, "a user cannot be followed at present");
                }
                status
            }
        };
        self.ended(user.to_string(), &status)
    }

    fn ended(&self, user_id: String, status: &Status) -> Sent {
        let id = self.call.id.as_ref().map(CallId::as_str);
        let status = status::in_message(status, METHOD, id.unwrap_or_default());
        Sent::Ended(watch_users::render_ended(user_id, status))
    }

    /// Hands an entry over, when there is room for it.
    async fn send(&mut self, entry: Sent) -> Result<(), End> {
        let entry = match self.entries.try_send(entry) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(End::ClientGone),
            Err(TrySendError::Full(entry)) => entry,
        };
        let begun = Stopwatch::start();
        let sent = self.entries.send_timeout(entry, self.patience).await;
        self.watches.waited(begun.elapsed());
        sent.map_err(|error| match error {
            SendTimeoutError::Timeout(_) => End::TooSlow,
            SendTimeoutError::Closed(_) => End::ClientGone,
        })
    }

    /// The status that ends the stream; `None` if nobody is there to be notified.
    fn status(&self, end: End) -> Option<Status> {
        match end {
            End::Closed => {
                self.metrics.closed();
                Some(Status::ok(""))
            }
            End::ClientGone => {
                self.metrics.client_gone();
                None
            }
            End::TooSlow => {
                self.metrics.too_slow();
                Some(status::watcher_too_slow())
            }
            End::Invalid(status) => {
                self.metrics.invalid();
                Some(status)
            }
        }
    }
}

/// Whether a status of the transport says that the caller has taken the call back.
fn is_gone(status: &Status) -> bool {
    status.details().is_empty() && matches!(status.code(), Code::Cancelled | Code::Unavailable)
}

impl Entry for Sent {
    type Message = WatchUsersResponse;

    fn count(&self, metrics: &WatchMetrics) {
        match self {
            Self::Event(_, event) => event.count(metrics),
            Self::Ended(_) => {}
        }
    }

    fn render(self) -> WatchUsersResponse {
        match self {
            Self::Event(user, event) => watch_users::render_event(&user, event),
            Self::Ended(ended) => ended,
        }
    }
}
