//! The next changes of a user, in the form in which watchers receive them. Every kind of watch reads them here.

use crate::{
    domain::{ClientId, RecordedChange, Revision, UserId},
    store::{Store, StoreError},
};

/// How many changes are read at once.
const BATCH: u16 = 16;

/// Some changes after a revision.
#[derive(Debug)]
pub(super) struct Replay {
    /// Those of which the watcher is notified, in order.
    pub(super) changes: Vec<RecordedChange>,
    /// Everything up to here has been read, if the log has all of it.
    pub(super) through: Revision,
    /// Whether the log lacks what comes next, or has a change that no event can tell: the watcher has to
    /// list again.
    pub(super) is_compacted: bool,
}

/// Reads what the log has beyond a revision, a bounded number of changes. There is something beyond it.
pub(super) async fn after(
    store: &Store,
    user: &UserId,
    client: Option<&ClientId>,
    revision: Revision,
) -> Result<Replay, StoreError> {
    let recorded = store.events().after(user, revision, BATCH).await?;
    let mut replay = Replay {
        changes: Vec::new(),
        through: revision,
        is_compacted: recorded.is_empty(),
    };
    for change in recorded {
        // Revisions have no gaps: one that is missing has been trimmed. Not only the oldest can be
        // missing: the log is trimmed by time, and a clock can be set back.
        if change.revision != replay.through.next() {
            replay.is_compacted = true;
            break;
        }
        replay.through = change.revision;
        if change.concerns(client) {
            // A list says what such a change did; it is as if the log no longer had it.
            if !change.change.fits_an_event() {
                replay.is_compacted = true;
                break;
            }
            replay.changes.push(change);
        }
    }
    Ok(replay)
}
