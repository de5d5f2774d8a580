//! The background tasks that carry news between replicas.

use std::{collections::HashMap, time::Duration};

use super::{Changed, Wakes};
use crate::{
    domain::{Revision, UserId},
    store::{Store, StoreError},
};

/// How many users the slow poll asks for with one statement.
const POLL_BATCH: usize = 500;
/// How many changed users go into one notification.
const NOTIFY_BATCH: usize = 256;
/// How long changed users gather at most before other replicas are notified.
const NOTIFY_PAUSE: Duration = Duration::from_millis(10);

/// Carries news from and to other replicas, and polls every `poll_interval`. Never ends by itself.
pub async fn run(store: Store, wakes: Wakes, changed: Changed, poll_interval: Duration) {
    tokio::join!(
        notify(&store, changed),
        listen(&store, &wakes, poll_interval),
        poll(&store, &wakes, poll_interval),
    );
}

/// Notifies other replicas of this one's changes: of the first at once, and of those during the pause
/// after it together. So a busy replica sends few notifications, each of which is a transaction; and
/// none holds up a request.
async fn notify(store: &Store, mut changed: Changed) {
    let mut gathered = Vec::with_capacity(NOTIFY_BATCH);
    while changed.0.recv_many(&mut gathered, NOTIFY_BATCH).await > 0 {
        let mut users: HashMap<UserId, Revision> = HashMap::new();
        for (user, revision) in gathered.drain(..) {
            let known = users.entry(user).or_default();
            *known = revision.max(*known);
        }
        if let Err(error) = store.database().notify(&users).await {
            tracing::debug!(%error, "could not notify other replicas; they will poll");
        }
        tokio::time::sleep(NOTIFY_PAUSE).await;
    }
}

/// Hears of other replicas' changes. After a failure it starts over, one poll interval later.
async fn listen(store: &Store, wakes: &Wakes, pause: Duration) {
    loop {
        match hear(store, wakes).await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%error, "not listening to other replicas; polling"),
        }
        tokio::time::sleep(pause).await;
    }
}

/// Returns when there is nothing to listen to.
async fn hear(store: &Store, wakes: &Wakes) -> Result<(), StoreError> {
    let Some(mut listener) = store.database().listen().await? else {
        return Ok(());
    };
    loop {
        for (user, revision) in listener.next().await? {
            wakes.wake(&user, revision);
        }
    }
}

/// Asks the database for the revisions of all watched users, again and again.
async fn poll(store: &Store, wakes: &Wakes, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        for users in wakes.watched_users().chunks(POLL_BATCH) {
            match store.users().revisions(users).await {
                Ok(revisions) => {
                    for (user, revisions) in revisions {
                        wakes.wake(&user, revisions.present);
                    }
                }
                Err(error) => tracing::debug!(%error, "could not poll for changes"),
            }
        }
    }
}
