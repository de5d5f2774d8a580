//! Erasing messages that nobody can ever see again.

use std::time::Duration;

use crate::{
    domain::Timestamp,
    store::{Claim, Store, StoreError},
};

/// How many messages are erased with one statement: it holds SQLite's one writer only briefly.
const BATCH: u32 = 500;
/// How long a claim lasts: much longer than seeing to it takes, and soon enough when its holder dies.
const LEASE: Duration = Duration::from_mins(10);

/// Sees to everything that is due at `now`; returns how many messages it has erased.
pub(super) async fn run_once(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let lease = now.saturating_add(LEASE);
    let mut erased = 0;
    while let Some(claim) = store.claim_erasure(now, lease).await? {
        erased += see_to(store, &claim, now).await?;
        store.finish_erasure(&claim, lease).await?;
    }
    Ok(erased)
}

async fn see_to(store: &Store, claim: &Claim, now: Timestamp) -> Result<u64, StoreError> {
    let keys = match claim {
        Claim::Cleared {
            user,
            revision,
            conversations,
        } => {
            store
                .end_undo(user, *revision, conversations.clone())
                .await?;
            conversations.clone()
        }
        Claim::Rejoined(key) => vec![*key],
    };
    // In this order: whoever joins after the heads were read sees nothing up to them.
    let heads = store.heads(keys).await?;
    let mut erased = 0;
    for unseen in store.unseen(heads).await? {
        let mut rest = Some(unseen);
        while let Some(unseen) = rest {
            let (messages, more) = store.erase(unseen, BATCH, now).await?;
            erased += messages;
            rest = more;
        }
    }
    Ok(erased)
}
