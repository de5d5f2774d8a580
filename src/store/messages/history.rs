//! The shared log of messages: written once, read by position.

use std::{collections::HashMap, ops::RangeInclusive};

use sea_orm::{FromQueryResult, QueryResult};
use serde::Deserialize;

use super::Messages;
use crate::{
    domain::{
        CanonicalId, ConversationId, ConversationKey, Message, MessageBody, PayloadType, Seq,
        Timestamp, UserId,
    },
    store::{
        database::{
            dialect::Dialect,
            error::StoreError,
            gathered::Returned,
            input::{Input, InputColumn, InputRow, Shape},
            row::Row,
        },
        entity::{
            self, conversations,
            messages::{self, Column as C},
            value::{Content, Sender},
        },
        heads::{half_committed, require_key},
        lists::entries::Entry,
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

/// A conversation, how far it goes, and one of its messages, if it is there.
#[derive(FromQueryResult, Deserialize)]
struct Found {
    conversation_key: ConversationKey,
    canonical_id: CanonicalId,
    last_seq: Seq,
    seq: Option<Seq>,
    sender_user_id: Option<Sender>,
    send_time: Option<Timestamp>,
    payload_type: Option<PayloadType>,
    content: Option<Content>,
}

impl Found {
    const OF_CONVERSATIONS: [conversations::Column; 3] = [
        conversations::Column::ConversationKey,
        conversations::Column::CanonicalId,
        conversations::Column::LastSeq,
    ];

    /// The message.
    fn message(self) -> Result<Option<StoredMessage>, StoreError> {
        let Some(seq) = self.seq else { return Ok(None) };
        let key = self.conversation_key;
        let inconsistent = |column: &'static str| {
            let row = format!("conversation_key {key}, seq {}", seq.to_stored());
            StoreError::inconsistent(messages::Entity, column, row)
        };
        let sender = self.sender_user_id;
        let content = self.content.ok_or_else(|| inconsistent("content"))?;
        let body = MessageBody::new(self.payload_type, content.0);
        Ok(Some(StoredMessage {
            seq,
            sender: sender.ok_or_else(|| inconsistent("sender_user_id"))?.0,
            send_time: self.send_time.ok_or_else(|| inconsistent("send_time"))?,
            body: body.map_err(|_| inconsistent("content"))?,
        }))
    }
}

/// An entry of a user's list as the user sees it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) conversation_id: ConversationId,
    /// The newest message that the user can see.
    pub(crate) last_message: Option<Message>,
    pub(crate) entry: Entry,
}

/// A conversation and the position of the newest message in it that the user can see.
struct Newest {
    key: ConversationKey,
    seq: Seq,
}

impl InputRow for Newest {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |newest| newest.key),
        InputColumn::integer("seq", |newest| newest.seq.to_stored()),
    ];
}

impl Newest {
    fn of(entry: &Entry) -> Self {
        let visible = entry.member.view.visible(entry.latest.seq);
        Self {
            key: entry.member.key,
            // No message has this position.
            seq: visible.map_or(Seq::ZERO, |visible| *visible.end()),
        }
    }
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    newest: String,
    page: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let shape = Shape::of::<Newest>();
        let (positions, _) = dialect.rows("i", 1, shape.columns());
        let routed = |key| dialect.routed_to_keys(key, shape.array("conversation_key", 1));
        let position = format!(
            "m.conversation_key = c.conversation_key AND m.seq = i.seq{}",
            routed("m.conversation_key")
        );
        let found = Returned::of("c", Found::OF_CONVERSATIONS).with("m", COLUMNS);
        Self {
            newest: dialect.select_many(
                &found,
                &format!(
                    "{positions} CROSS JOIN conversations AS c {message} \
                     WHERE c.conversation_key = i.conversation_key{routed}",
                    message = dialect.left_look_up("messages", "m", &position),
                    routed = routed("c.conversation_key"),
                ),
            ),
            page: format!(
                "SELECT {} FROM messages AS m \
                 WHERE m.conversation_key = $1 AND m.seq BETWEEN $2 AND $3 \
                 ORDER BY m.seq DESC {}",
                entity::columns("m.", COLUMNS),
                dialect.limit("$4")
            ),
        }
    }
}

impl Messages {
    /// These entries of a user's list as the user sees them. One statement reads the conversations' IDs, from their
    /// heads, and the newest messages.
    pub(crate) async fn shown(
        &self,
        user: &UserId,
        entries: Vec<Entry>,
    ) -> Result<Vec<Shown>, StoreError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let asked: Vec<_> = entries.iter().map(Newest::of).collect();
        let rows = Input::of(&asked.iter());
        let values = self.database.dialect.row_values(rows.columns());
        let statement = self
            .database
            .statement(&self.statements.history.newest, values);
        let mut found = self
            .database
            .read("newest", statement, |rows| {
                let rows: Vec<Found> = self
                    .database
                    .dialect
                    .read_many(conversations::Entity, rows)?;
                let mut found = HashMap::with_capacity(rows.len());
                for row in rows {
                    require_key(row.conversation_key, &row.canonical_id)?;
                    found.insert(row.conversation_key, row);
                }
                let is_behind = |newest: &Newest| {
                    let conversation = found.get(&newest.key);
                    conversation.is_none_or(|found| found.last_seq < newest.seq)
                };
                if self.database.is_distributed() && asked.iter().any(is_behind) {
                    return Err(half_committed());
                }
                Ok(found)
            })
            .await?;
        let shown = entries.into_iter().map(|entry| {
            let found = found.remove(&entry.member.key);
            let shared = found.as_ref().map(|found| &found.canonical_id);
            let conversation_id = entry.member.id_by(user, shared)?;
            let last_message = found.map(Found::message).transpose()?.flatten();
            Ok(Shown {
                last_message: last_message.map(|one| one.seen_as(conversation_id.clone())),
                conversation_id,
                entry,
            })
        });
        shown.collect()
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
