//! The head of each conversation: its newest position, and when that came.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;

use super::{
    Store, StoreError,
    dialect::{Column, ColumnType, Dialect},
    key::ConversationKey,
    row::Row,
};
use crate::domain::{CanonicalId, Seq, Timestamp};

/// The head of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The conversation, as all its members share it.
    pub(crate) canonical_id: CanonicalId,
    /// The newest position; zero if nothing was sent yet.
    pub(crate) last_seq: Seq,
    /// When the newest message was stored.
    pub(crate) last_time: Timestamp,
    /// Whether it is a group whose members have no copy of this: see [`super::append`].
    pub(super) is_large: bool,
}

pub(super) struct Statements {
    heads: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let (rows, _) = dialect.rows(1, &[("conversation_key", ColumnType::Key)]);
        Self {
            heads: format!(
                "SELECT c.conversation_key, c.canonical_id, c.last_seq, c.last_time, c.is_large \
                 FROM {rows} CROSS JOIN conversations AS c \
                 WHERE c.conversation_key = i.conversation_key"
            ),
        }
    }
}

impl Store {
    /// The heads of those of these conversations that exist.
    pub(crate) async fn heads(
        &self,
        keys: Vec<ConversationKey>,
    ) -> Result<HashMap<ConversationKey, Head>, StoreError> {
        self.retrying("heads", || async {
            self.heads_through(&self.pool(), keys.clone()).await
        })
        .await
    }

    /// The same, on a connection that is at hand.
    pub(super) async fn heads_through(
        &self,
        connection: &impl ConnectionTrait,
        keys: Vec<ConversationKey>,
    ) -> Result<HashMap<ConversationKey, Head>, StoreError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let values = self.dialect.row_values(vec![Column::Keys(keys)]);
        let statement = self.statement(&self.statements.conversations.heads, values);
        let rows = connection.query_all_raw(statement).await?;
        rows.iter()
            .map(|row| keyed_head(&Row::new("conversations", row)))
            .collect()
    }
}

/// What [`keyed_head`] reads, of `conversations`.
pub(super) const COLUMNS: &str = "conversation_key, canonical_id, last_seq, last_time, is_large";

/// Reads [`COLUMNS`].
pub(super) fn keyed_head(row: &Row<'_>) -> Result<(ConversationKey, Head), StoreError> {
    let key = row.key()?;
    let head = Head {
        canonical_id: CanonicalId::from_stored(row.get("canonical_id")?),
        last_seq: row.seq("last_seq")?,
        last_time: row.time("last_time")?,
        is_large: row.get::<i16>("is_large")? != 0,
    };
    if ConversationKey::from(&head.canonical_id) != key {
        return Err(row.inconsistent("canonical_id"));
    }
    Ok((key, head))
}
