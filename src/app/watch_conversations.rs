//! Following a user's changes.

use std::time::Duration;

use tokio::{sync::mpsc, time::MissedTickBehavior};

use super::{App, AppError, replay};
use crate::{
    domain::{ClientId, RecordedChange, Revision, Timestamp, UserId},
    store::{Revisions, StoreError},
    sync::Subscription,
};

/// Asks to follow a user's changes.
#[derive(Debug)]
pub struct WatchConversations {
    /// The user whose changes to follow.
    pub user: UserId,
    /// The watching client, whose own changes are left out.
    pub client: Option<ClientId>,
    /// The revision that the client knows; `None` to begin with the next change.
    pub after: Option<Revision>,
}

/// The rules of watching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchPolicy {
    /// The time between two bookmarks.
    pub bookmark_interval: Duration,
    /// How long a watcher may take to read what waits for it.
    pub patience: Duration,
}

/// An event of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// Everything up to this revision has been sent.
    Bookmark(Revision, Timestamp),
    /// A change.
    Change(RecordedChange),
}

/// Why a watch ended by itself.
#[derive(Debug)]
pub enum WatchEnd {
    /// The log does not reach back to what the client knows, or has a change that no event can tell.
    Compacted,
    /// The client does not read.
    TooSlow,
    /// The client is gone.
    ClientGone,
    /// The database failed.
    Store(StoreError),
}

/// A watch that has begun.
pub struct Watch {
    app: App,
    request: WatchConversations,
    subscription: Subscription,
    /// Everything up to here has been read from the log.
    position: Revision,
    /// The user's revisions when the watch began.
    revisions: Revisions,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Errors
    ///
    /// [`AppError::RevisionUnknown`], or that the database failed.
    pub async fn begin(app: &App, request: WatchConversations) -> Result<Self, AppError> {
        // Before the first look, so that no change falls between the two.
        let subscription = app.wakes.subscribe(&request.user);
        let revisions = app.store.users().revisions_of(&request.user).await?;
        let position = request.after.unwrap_or(revisions.present);
        if position > revisions.present {
            return Err(AppError::RevisionUnknown);
        }
        Ok(Self {
            app: app.clone(),
            request,
            subscription,
            position,
            revisions,
        })
    }

    /// Sends a bookmark, what is newer, what comes, and bookmarks at intervals. The channel bounds
    /// what waits for the client.
    pub async fn run(mut self, events: mpsc::Sender<WatchEvent>) -> WatchEnd {
        match self.follow(&events).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn follow(
        &mut self,
        events: &mpsc::Sender<WatchEvent>,
    ) -> Result<std::convert::Infallible, WatchEnd> {
        let mut bookmarks = tokio::time::interval(self.app.watch.bookmark_interval);
        bookmarks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once: the stream begins with a bookmark.
        bookmarks.tick().await;
        self.bookmark(events).await?;
        if self.position < self.revisions.base {
            // Of a history that was given up: what the log has beyond may be of another one.
            return Err(WatchEnd::Compacted);
        }
        self.replay(self.revisions.present, events).await?;
        loop {
            tokio::select! {
                known = self.subscription.newer_than(self.position) => {
                    self.replay(known, events).await?;
                }
                _ = bookmarks.tick() => self.bookmark(events).await?,
                () = events.closed() => return Err(WatchEnd::ClientGone),
            }
        }
    }

    /// Sends what the log has beyond the position, at least through `known`, which has been made.
    async fn replay(
        &mut self,
        known: Revision,
        events: &mpsc::Sender<WatchEvent>,
    ) -> Result<(), WatchEnd> {
        while self.position < known {
            let (user, client) = (&self.request.user, self.request.client.as_ref());
            let replay = replay::after(&self.app.store, user, client, self.position)
                .await
                .map_err(WatchEnd::Store)?;
            self.position = replay.through;
            for change in replay.changes {
                self.send(events, WatchEvent::Change(change)).await?;
            }
            if replay.is_compacted {
                return Err(WatchEnd::Compacted);
            }
        }
        Ok(())
    }

    async fn bookmark(&self, events: &mpsc::Sender<WatchEvent>) -> Result<(), WatchEnd> {
        let bookmark = WatchEvent::Bookmark(self.position, self.app.clock.now());
        self.send(events, bookmark).await
    }

    async fn send(
        &self,
        events: &mpsc::Sender<WatchEvent>,
        event: WatchEvent,
    ) -> Result<(), WatchEnd> {
        events
            .send_timeout(event, self.app.watch.patience)
            .await
            .map_err(|error| match error {
                mpsc::error::SendTimeoutError::Timeout(_) => WatchEnd::TooSlow,
                mpsc::error::SendTimeoutError::Closed(_) => WatchEnd::ClientGone,
            })
    }
}
