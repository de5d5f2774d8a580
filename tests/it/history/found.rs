//! The content of the database afterwards.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::QueryResult;
use uuid::Uuid;

use crate::support::rows::Rows;

/// A message as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredMessage {
    pub(super) sender: String,
    pub(super) client_message_id: String,
}

/// The stored state that a history is compared with. Conversations have the names that all participants
/// share.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    /// How far each conversation has come.
    pub(super) heads: BTreeMap<String, u64>,
    /// By conversation and position.
    pub(super) messages: BTreeMap<(String, u64), StoredMessage>,
    /// Each user's revision.
    pub(super) revisions: BTreeMap<String, u64>,
    /// The IDs of the requests that have made changes, by user and revision; empty for a change that
    /// had none.
    pub(super) changes: BTreeMap<(String, u64), String>,
    /// The conversations in each user's list.
    pub(super) listed: BTreeMap<String, BTreeSet<String>>,
}

impl Found {
    /// Reads everything.
    pub(super) async fn read(rows: &Rows) -> Self {
        let mut found = Self::default();
        let heads = "SELECT canonical_id, last_seq FROM conversations";
        for row in rows.query(heads).await {
            found.heads.insert(text(&row, 0), number(&row, 1));
        }
        let messages = "SELECT c.canonical_id, m.seq, m.sender_user_id, \
                        COALESCE(m.client_message_id, '') \
                        FROM messages AS m JOIN conversations AS c \
                        ON c.conversation_key = m.conversation_key";
        for row in rows.query(messages).await {
            let message = StoredMessage {
                sender: text(&row, 2),
                client_message_id: text(&row, 3),
            };
            let place = (text(&row, 0), number(&row, 1));
            found.messages.insert(place, message);
        }
        for row in rows.query("SELECT user_id, revision FROM users").await {
            found.revisions.insert(text(&row, 0), number(&row, 1));
        }
        let changes = "SELECT user_id, revision, request_id FROM changes";
        for row in rows.query(changes).await {
            let id: Option<Vec<u8>> = row.try_get_by_index(2).expect("bytes or nothing");
            let id = id.map(|id| Uuid::from_slice(&id).expect("16 bytes"));
            let id = id.map(|id| id.to_string()).unwrap_or_default();
            found.changes.insert((text(&row, 0), number(&row, 1)), id);
        }
        found
    }
}

fn text(row: &QueryResult, column: usize) -> String {
    row.try_get_by_index(column).expect("a text")
}

fn number(row: &QueryResult, column: usize) -> u64 {
    let number: i64 = row.try_get_by_index(column).expect("a number");
    u64::try_from(number).expect("it is never negative")
}
