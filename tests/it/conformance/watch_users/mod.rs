//! Following many users over one stream.
//!
//! - [`following`]: what is sent of each user, and what adding and removing do;
//! - [`ending`]: the ends of single users and of the whole stream;
//! - [`sharing`]: users that take turns, and callers that take too much.

mod ending;
mod following;
mod sharing;

use conversation_service::proto::ConversationId;

use crate::support::client::Client;

/// Deletes and undoes, so many times each; returns the user's revision.
async fn there_and_back(client: &Client, user: &str, ids: &[ConversationId], times: u64) -> u64 {
    let mut revision = 0;
    for _ in 0..times {
        let deletion = client.delete(user, ids.to_vec()).clear(false).sync(true);
        let deletion = deletion.await.deletion_id;
        let restored = client.restore_by(user, &deletion, "").await;
        revision = restored.expect("it can be undone").revision;
    }
    revision
}
