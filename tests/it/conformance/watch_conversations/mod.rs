//! Following a user's changes.
//!
//! - [`following`]: the content of the stream, and where it begins;
//! - [`synchronisation`]: which deletions other clients are notified of;
//! - [`settings`]: the events of reads, settings and folders;
//! - [`waking`]: every change wakes the watchers of its user;
//! - [`trimming`]: watching from a revision that the log has forgotten;
//! - [`oversized`]: changes of old that are too large for an event;
//! - [`replicas`]: changes that are made elsewhere, with and without `NOTIFY`;
//! - [`ending`]: watchers that do not read, servers that stop, and what is left of those who leave.
//!
//! That something is *not* said is never shown by waiting for it: a later event that has to come is
//! waited for, and it must be the next one.

pub(super) mod ending;
mod following;
mod oversized;
mod replicas;
mod settings;
mod synchronisation;
pub(super) mod trimming;
mod waking;

use conversation_service::proto::{ConversationId, WatchConversationsResponse, change::Kind};

use crate::support::{client::Client, ids::c2c};

/// The user who is watched.
pub(super) const USER: &str = "alice";

/// Lets `count` others write to the user; returns the conversations as the user sees them.
pub(super) async fn conversations(
    client: &Client,
    user: &str,
    count: usize,
) -> Vec<ConversationId> {
    let mut ids = Vec::new();
    for number in 0..count {
        let friend = format!("friend {number}");
        client.send(&friend, c2c(user), "hi").await;
        ids.push(c2c(friend));
    }
    ids
}

/// The conversations that a change names, in its order.
pub(super) fn named(event: &WatchConversationsResponse) -> Vec<ConversationId> {
    let change = event.change.clone().expect("a change, no bookmark");
    let conversations = match change.kind.expect("a change is of some kind") {
        Kind::ConversationsDeleted(deleted) => deleted.conversations,
        Kind::HistoryCleared(cleared) => cleared.conversations,
        Kind::ConversationsRestored(restored) => restored.conversations,
        other => panic!("no deletion and no undoing: {other:?}"),
    };
    conversations
        .into_iter()
        .map(|watermarks| watermarks.conversation_id.expect("watermarks of something"))
        .collect()
}

/// The kind of an event's change.
pub(super) fn kind(event: WatchConversationsResponse) -> Kind {
    let change = event.change.expect("a change, no bookmark");
    change.kind.expect("a change is of some kind")
}

/// The revisions of events.
pub(super) fn revisions(events: &[WatchConversationsResponse]) -> Vec<u64> {
    events.iter().map(|event| event.revision).collect()
}
