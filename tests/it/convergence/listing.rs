//! A reader that lists page by page while everybody writes, and then asks once for what has been active
//! since, has missed no message.

use std::collections::BTreeSet;

use conversation_service::proto::{
    Conversation, ConversationId, Membership, WatchConversationsResponse, change::Kind,
};

use tokio_util::sync::CancellationToken;

use super::{Messages, USERS, World, conversations, shared_name};

/// The name that no writer has.
const CLIENT: &str = "lister";
/// So small that a list has several pages.
const PAGE: i32 = 2;

/// How often lists are read in a round at most.
const LISTINGS: usize = 60;

impl World {
    /// Lists for one user after the other until all is calm; returns what
    /// [`World::lists_and_misses_no_message`] does, in all.
    pub(super) async fn list_over_and_over(&self, calm: CancellationToken) -> usize {
        let mut told = 0;
        for turn in 0..LISTINGS {
            let user = USERS[turn % USERS.len()];
            told += self.lists_and_misses_no_message(user, turn).await;
            if calm.is_cancelled() {
                break;
            }
        }
        told
    }

    /// Lists on one replica and asks on another; returns how many conversations it could say something of.
    async fn lists_and_misses_no_message(&self, user: &str, replica: usize) -> usize {
        let Some((listing, before, refreshed)) = self.list_and_refresh(user, replica).await else {
            // A replica was killed meanwhile.
            return 0;
        };
        let mut missing = Vec::new();
        let mut told = 0;
        for id in conversations(user) {
            let newest = before.heads.get(&shared_name(user, &id));
            let newest = newest.copied().unwrap_or(0);
            let found = find(&refreshed, &id);
            if found.is_none_or(|entry| !tells(entry, newest)) {
                missing.push((id, newest));
            } else {
                told += 1;
            }
        }
        if missing.is_empty() {
            return told;
        }
        // An entry that is missing was hidden all the time, or somebody has changed that meanwhile.
        let client = self.client(0);
        let ids = missing.iter().map(|(id, _)| id.clone());
        let now = client.get(user, ids).await.conversations;
        let through = client.revision(user).await;
        let events = client.events(user, CLIENT, listing, through).await;
        let touched: BTreeSet<_> = events
            .expect("the first replica is never killed")
            .iter()
            .flat_map(touched)
            .map(|id| format!("{id:?}"))
            .collect();
        for (id, newest) in missing {
            if touched.contains(&format!("{id:?}")) {
                continue;
            }
            let known = find(&refreshed, &id);
            let entry = find(&now, &id);
            assert!(
                known.is_none() && entry.is_none_or(|entry| entry.last_seq > newest),
                "message {newest} in {id:?} of {user} is missed: {known:?}, now {entry:?}"
            );
        }
        told
    }

    /// The revision of the listing, the messages that were known to be stored before it was asked what has
    /// been active since, and what a reader has then.
    async fn list_and_refresh(
        &self,
        user: &str,
        replica: usize,
    ) -> Option<(u64, Messages, Vec<Conversation>)> {
        let one = self.client(replica);
        let listing = one.list_in_pages(user, None, PAGE).await.ok()?;
        let revision = listing.revision;
        let before = self.messages();
        // The first replica is never killed.
        let refreshed = self.client(0).refreshed(user, None, listing).await;
        Some((revision, before, refreshed))
    }
}

fn find<'a>(entries: &'a [Conversation], id: &ConversationId) -> Option<&'a Conversation> {
    let mut entries = entries.iter();
    entries.find(|entry| entry.conversation_id.as_ref() == Some(id))
}

/// Whether an entry shows everything up to this message that has reached the user.
fn tells(entry: &Conversation, newest: u64) -> bool {
    entry.last_seq >= newest || entry.membership() == Membership::Left
}

/// The conversations that a change may have taken out of a list, or put into it.
fn touched(event: &WatchConversationsResponse) -> Vec<ConversationId> {
    let kind = event.change.clone().and_then(|change| change.kind);
    let watermarks = match kind {
        Some(Kind::ConversationsDeleted(deleted)) => deleted.conversations,
        Some(Kind::HistoryCleared(cleared)) => cleared.conversations,
        Some(Kind::ConversationsRestored(restored)) => restored.conversations,
        Some(Kind::ConversationsShown(shown)) => {
            let shown = shown.conversations.into_iter();
            shown.filter_map(|one| one.conversation).collect()
        }
        Some(Kind::MembershipChanged(changed)) => changed.conversation.into_iter().collect(),
        _ => Vec::new(),
    };
    let ids = watermarks.into_iter();
    ids.filter_map(|watermarks| watermarks.conversation_id)
        .collect()
}
