//! Erasing messages that nobody can ever see again.

use std::time::Duration;

use crate::{
    domain::Timestamp,
    store::{DueChange, DueConversation, Store, StoreError, unless_inconsistent},
};

/// How many messages are erased with one statement: it holds SQLite's one writer only briefly.
const BATCH: u32 = 500;
/// How long a claim lasts: much longer than seeing to it takes, and soon enough when its holder dies.
const LEASE: Duration = Duration::from_mins(10);
/// The consequence of a change that does not parse.
const KEEPS: &str = "a change that cannot be read keeps what it has cleared";
/// When nothing was due yet.
const EVER: Timestamp = Timestamp::from_micros(i64::MIN);

/// Sees to everything that is due at `now`; returns how many messages it has erased.
pub(super) async fn run_once(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let lease = now.saturating_add(LEASE);
    end_undo(store, now, lease).await?;
    let (mut from, mut erased) = (EVER, 0);
    loop {
        let erasure = store.erasure();
        let claims = erasure.claim_conversations(from, now, lease).await?;
        let Some(claims) = claims else {
            return Ok(erased);
        };
        from = claims.last;
        erased += erase(store, &claims.claimed, now).await?;
        for conversation in claims.claimed {
            store
                .erasure()
                .finish_conversation(conversation.key, lease)
                .await?;
        }
    }
}

/// Ends the undo of all changes that are due, and passes on their conversations.
async fn end_undo(store: &Store, now: Timestamp, lease: Timestamp) -> Result<(), StoreError> {
    let mut from = EVER;
    loop {
        let mut claimed: Vec<DueChange> = Vec::new();
        let claims = store.erasure().claim_changes(from, now, lease).await?;
        let Some(claims) = claims else {
            return Ok(());
        };
        from = claims.last;
        for claim in claims.claimed {
            claimed.extend(unless_inconsistent(claim, KEEPS)?);
        }
        claimed.sort_by(|one, other| one.user.cmp(&other.user));
        let mut shrunk: Vec<DueConversation> = Vec::new();
        let mut ended: Vec<&DueChange> = Vec::new();
        for changes in claimed.chunk_by(|one, other| one.user == other.user) {
            let [DueChange { user, .. }, ..] = changes else {
                continue;
            };
            let conversations = store.erasure().end_undo(user, changes).await;
            if let Some(conversations) = unless_inconsistent(conversations, KEEPS)? {
                shrunk.extend(conversations);
                ended.extend(changes);
            }
        }
        // Not before, and in another transaction: heads are locked before users.
        store.erasure().pass_on(shrunk).await?;
        store.erasure().finish_changes(&ended, lease).await?;
    }
}

async fn erase(
    store: &Store,
    conversations: &[DueConversation],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let keys = conversations.iter().map(|one| one.key).collect();
    // In this order: a user who joins after the heads were read sees nothing up to them.
    let heads = store.heads().of_keys(keys).await?;
    let mut erased = 0;
    for unseen in store.erasure().unseen(heads).await? {
        let mut rest = Some(unseen);
        while let Some(unseen) = rest {
            let (messages, more) = store.erasure().erase(unseen, BATCH, now).await?;
            erased += messages;
            rest = more;
        }
    }
    Ok(erased)
}
