//! The shared log of messages: written once, read by position.

use std::{collections::HashMap, ops::RangeInclusive};

use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{
    Store, StoreError,
    append::Appended,
    dialect::{Column, ColumnType, Dialect},
    key::ConversationKey,
    row::Row,
};
use crate::domain::{ConversationId, Message, MessageBody, PayloadType, Seq, Timestamp, UserId};

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

pub(super) const TABLE: &str = "messages";
/// The columns that [`message`] reads, of `messages AS m`.
pub(super) const COLUMNS: &str = "m.seq, m.sender_user_id, m.send_time, m.payload_type, m.content";

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    at: String,
    page: String,
    as_of: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        use ColumnType::{Integer, Key};
        let (positions, _) = dialect.rows("i", 1, &[("conversation_key", Key), ("seq", Integer)]);
        let (keys, _) = dialect.rows("i", 2, &[("conversation_key", Key)]);
        Self {
            at: format!(
                "SELECT m.conversation_key, {COLUMNS} FROM {positions} CROSS JOIN messages AS m \
                 WHERE m.conversation_key = i.conversation_key AND m.seq = i.seq"
            ),
            page: format!(
                "SELECT {COLUMNS} FROM messages AS m \
                 WHERE m.conversation_key = $1 AND m.seq BETWEEN $2 AND $3 \
                 ORDER BY m.seq DESC LIMIT $4"
            ),
            as_of: format!(
                "SELECT i.conversation_key, \
                     (SELECT m.seq FROM messages AS m \
                      WHERE m.conversation_key = i.conversation_key AND m.send_time <= $1 \
                      ORDER BY m.seq DESC LIMIT 1) AS seq, \
                     (SELECT m.send_time FROM messages AS m \
                      WHERE m.conversation_key = i.conversation_key AND m.send_time <= $1 \
                      ORDER BY m.seq DESC LIMIT 1) AS send_time, \
                     (SELECT MIN(m.seq) FROM messages AS m \
                      WHERE m.conversation_key = i.conversation_key) AS oldest \
                 FROM {keys}"
            ),
        }
    }
}

impl Store {
    /// The messages at these positions, as far as they exist.
    pub(crate) async fn messages_at(
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
            .dialect
            .row_values(&[Column::Keys(keys), Column::Integers(seqs)]);
        let statement = self.statement(&self.statements.messages.at, values);
        self.retrying("messages_at", || async {
            let rows = self.pool().query_all_raw(statement.clone()).await?;
            rows.iter()
                .map(|row| Ok((Row::new(TABLE, row).key()?, message(row)?)))
                .collect()
        })
        .await
    }

    /// At most `limit` messages of a conversation within `range`, newest first.
    pub(crate) async fn message_page(
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
        let statement = self.statement(&self.statements.messages.page, values);
        self.retrying("message_page", || async {
            let rows = self.pool().query_all_raw(statement.clone()).await?;
            rows.iter().map(message).collect()
        })
        .await
    }

    /// The message of each of these conversations that was the newest at `time`. Reads no more than what
    /// has been sent since then. If it has been erased, its time is not known: it counts as the earliest
    /// there is.
    pub(crate) async fn newest_as_of(
        &self,
        keys: Vec<ConversationKey>,
        time: Timestamp,
    ) -> Result<HashMap<ConversationKey, Appended>, StoreError> {
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let mut values: Vec<Value> = vec![time.as_micros().into()];
        values.extend(self.dialect.row_values(&[Column::Keys(keys)]));
        let statement = self.statement(&self.statements.messages.as_of, values);
        self.retrying("newest_as_of", || async {
            let rows = self.pool().query_all_raw(statement.clone()).await?;
            rows.iter()
                .filter_map(|row| newest(&Row::new(TABLE, row)).transpose())
                .collect()
        })
        .await
    }
}

fn newest(row: &Row<'_>) -> Result<Option<(ConversationKey, Appended)>, StoreError> {
    let newest = match (row.optional_seq("seq")?, row.optional_seq("oldest")?) {
        (Some(seq), _) => Appended {
            seq,
            send_time: row.time("send_time")?,
        },
        // All that is left was sent later.
        (None, Some(oldest)) => Appended {
            seq: oldest.previous(),
            send_time: Timestamp::from_micros(i64::MIN),
        },
        (None, None) => return Ok(None),
    };
    Ok(Some((row.key()?, newest)))
}

/// Reads [`COLUMNS`].
pub(super) fn message(row: &QueryResult) -> Result<StoredMessage, StoreError> {
    let row = Row::new(TABLE, row);
    let sender: String = row.get("sender_user_id")?;
    let sender = match sender.as_str() {
        "" => None,
        text => Some(UserId::new(text).map_err(|_| row.inconsistent("sender_user_id"))?),
    };
    let payload_type = row
        .get::<Option<String>>("payload_type")?
        .map(|text| PayloadType::new(&text).map_err(|_| row.inconsistent("payload_type")))
        .transpose()?;
    let body = MessageBody::new(payload_type, row.get("content")?)
        .map_err(|_| row.inconsistent("content"))?;
    Ok(StoredMessage {
        seq: row.seq("seq")?,
        sender,
        send_time: row.time("send_time")?,
        body,
    })
}
