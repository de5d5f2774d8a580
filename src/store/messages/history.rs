//! The shared log of messages: written once, read by position.

use std::{collections::HashMap, ops::RangeInclusive};

use sea_orm::{FromQueryResult, QueryResult};

use super::Messages;
use crate::{
    domain::{
        ConversationId, ConversationKey, Message, MessageBody, PayloadType, Seq, Timestamp, UserId,
    },
    store::{
        database::{
            dialect::{Column, ColumnType, Dialect},
            error::StoreError,
            row::Row,
        },
        entity::{
            columns,
            messages::{self, Column as C},
            value::{Content, Sender},
        },
    },
};

/// A message as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredMessage {
    pub(crate) seq: Seq,
    pub(crate) sender: Option<UserId>,
    pub(crate) send_time: Timestamp,
    pub(crate) body: MessageBody,
}

impl StoredMessage {
    /// The message for a reader who sees its conversation as `conversation_id`.
    pub(crate) fn seen_as(self, conversation_id: ConversationId) -> Message {
        Message {
            conversation_id,
            seq: self.seq,
            sender: self.sender,
            send_time: self.send_time,
            body: self.body,
        }
    }
}

/// The columns that [`message`] reads.
pub(in crate::store) const COLUMNS: [C; 5] = [
    C::Seq,
    C::SenderUserId,
    C::SendTime,
    C::PayloadType,
    C::Content,
];

/// Their values.
#[derive(FromQueryResult)]
struct Stored {
    seq: Seq,
    sender_user_id: Sender,
    send_time: Timestamp,
    payload_type: Option<PayloadType>,
    content: Content,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    at: String,
    page: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        use ColumnType::{Integer, Key};
        let columns = columns("m.", COLUMNS);
        let (positions, _) = dialect.rows("i", 1, &[("conversation_key", Key), ("seq", Integer)]);
        Self {
            at: format!(
                "SELECT m.conversation_key, {columns} FROM {positions} CROSS JOIN messages AS m \
                 WHERE m.conversation_key = i.conversation_key AND m.seq = i.seq"
            ),
            page: format!(
                "SELECT {columns} FROM messages AS m \
                 WHERE m.conversation_key = $1 AND m.seq BETWEEN $2 AND $3 \
                 ORDER BY m.seq DESC {}",
                dialect.limit("$4")
            ),
        }
    }
}

impl Messages {
    /// The messages at these positions, as far as they exist.
    pub(crate) async fn at(
        &self,
        positions: Vec<(ConversationKey, Seq)>,
    ) -> Result<HashMap<ConversationKey, StoredMessage>, StoreError> {
        if positions.is_empty() {
            return Ok(HashMap::new());
        }
        let (keys, seqs): (Vec<_>, Vec<_>) = positions
            .into_iter()
            .map(|(key, seq)| (key, seq.to_stored()))
            .unzip();
        let values = self
            .database
            .dialect
            .row_values(&[Column::Keys(keys), Column::Integers(seqs)]);
        let statement = self.database.statement(&self.statements.history.at, values);
        self.database
            .read("messages_at", statement, |rows| {
                rows.iter()
                    .map(|row| {
                        let key = Row::of(messages::Entity, row).get("conversation_key")?;
                        Ok((key, message(row)?))
                    })
                    .collect()
            })
            .await
    }

    /// At most `limit` messages of a conversation within `range`, newest first.
    pub(crate) async fn page(
        &self,
        key: ConversationKey,
        range: RangeInclusive<Seq>,
        limit: usize,
    ) -> Result<Vec<StoredMessage>, StoreError> {
        let values = [
            key.to_bytes().into(),
            range.start().to_stored().into(),
            range.end().to_stored().into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ];
        let statement = self
            .database
            .statement(&self.statements.history.page, values);
        self.database
            .read("message_page", statement, |rows| {
                rows.iter().map(message).collect()
            })
            .await
    }
}

/// Reads [`COLUMNS`].
pub(in crate::store) fn message(row: &QueryResult) -> Result<StoredMessage, StoreError> {
    let row = Row::of(messages::Entity, row);
    let stored: Stored = row.read()?;
    let body = MessageBody::new(stored.payload_type, stored.content.0);
    Ok(StoredMessage {
        seq: stored.seq,
        sender: stored.sender_user_id.0,
        send_time: stored.send_time,
        body: body.map_err(|_| row.inconsistent("content"))?,
    })
}
