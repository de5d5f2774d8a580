//! The remains of erased messages, so that a retry does not store a message again.
//!
//! A retry is recognised for as long as was promised when the message was sent (rule 9), whether or not the message
//! still exists. If a retry is still possible when a message is erased, its position, its time and a fingerprint
//! of its content stay here. Sending looks for the `client_message_id` among the messages and here, in one
//! statement.
//!
//! Erasing holds the lock of the conversation's head while it moves a name from there to here, and a
//! message is stored under that lock. So the statement that stores a message sees the name in one of the
//! two places, even if it was moved after the look-up.

use ring::digest::{Context, SHA256};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, ExprTrait as _, FromQueryResult,
    QueryFilter as _, QuerySelect as _, Select, Value,
    sea_query::{Expr, Func},
};

use crate::{
    domain::{ConversationKey, Seq, Timestamp},
    store::{
        database::{
            dialect::Dialect,
            error::StoreError,
            input::{Input, InputColumn, InputRow, Shape},
            observed::DatabaseTransaction,
            row::read_all,
        },
        entity::messages::{self, Column as C},
        heads,
        messages::Messages,
    },
};

/// An erased message that may be delivered again.
#[derive(Debug, Clone)]
pub(in crate::store) struct Remembered {
    sender: String,
    client_message_id: String,
    seq: i64,
    send_time: i64,
    fingerprint: i64,
    recognised_until: i64,
}

impl InputRow for Remembered {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("sender_user_id", |one| one.sender.clone()),
        InputColumn::text("client_message_id", |one| one.client_message_id.clone()),
        InputColumn::integer("seq", |one| one.seq),
        InputColumn::integer("send_time", |one| one.send_time),
        InputColumn::integer("fingerprint", |one| one.fingerprint),
        InputColumn::integer("recognised_until", |one| one.recognised_until),
    ];
}

/// A message that is to be erased, as it stands: its texts are only passed on.
#[derive(FromQueryResult)]
struct Named {
    sender_user_id: String,
    client_message_id: String,
    seq: i64,
    send_time: i64,
    payload_type: Option<String>,
    content: Vec<u8>,
    recognised_until: i64,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    remember: String,
}

/// The messages of a conversation, from one position through another, that may be delivered again after `now`.
/// One that a former version has stored may for this `retention`.
pub(in crate::store) fn named(
    key: ConversationKey,
    (from, through): (Seq, Seq),
    retention: i64,
    now: Timestamp,
) -> Select<messages::Entity> {
    let recognised_until = || {
        Func::coalesce([
            Expr::col(C::RecognisedUntil),
            Expr::col(C::SendTime).add(retention),
        ])
    };
    messages::Entity::find()
        .select_only()
        .columns([
            C::SenderUserId,
            C::ClientMessageId,
            C::Seq,
            C::SendTime,
            C::PayloadType,
            C::Content,
        ])
        .expr_as(recognised_until(), "recognised_until")
        .filter(C::ConversationKey.eq(key))
        .filter(C::Seq.gte(from))
        .filter(C::Seq.lte(through))
        .filter(C::ClientMessageId.is_not_null())
        .filter(Expr::expr(recognised_until()).gte(now))
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let shape = Shape::of::<Remembered>();
        let (rows, _) = dialect.rows("i", 2, shape.columns());
        let remembered = shape.names("");
        Self {
            // Another job may be at the same messages.
            remember: format!(
                "INSERT INTO erased_messages (conversation_key, {remembered}) \
                 SELECT $1, {remembered} FROM {rows} WHERE TRUE \
                 ON CONFLICT (conversation_key, sender_user_id, client_message_id) DO NOTHING"
            ),
        }
    }
}

/// Two bytes that tell a message from another one with the same name. A hash of the name and what the
/// message says, cut short: nobody gets a text back from 16 bits, not even by trying. Of a million
/// texts that are as likely as each other, such as codes of six digits, fifteen fit. And of 65,536
/// messages that wrongly take the name of an erased one, one is not noticed.
pub(in crate::store) fn fingerprint(
    key: ConversationKey,
    sender: &str,
    client_message_id: &str,
    payload_type: Option<&str>,
    content: &[u8],
) -> i64 {
    let mut hash = Context::new(&SHA256);
    hash.update(&key.to_bytes());
    for text in [sender, client_message_id, payload_type.unwrap_or_default()] {
        // Neither an ID nor the name of a type has a character like that.
        hash.update(text.as_bytes());
        hash.update(&[0]);
    }
    hash.update(content);
    match hash.finish().as_ref() {
        [first, second, ..] => i64::from(u16::from_be_bytes([*first, *second])),
        _ => 0,
    }
}

impl Messages {
    /// Those of the conversation's messages at these positions, the first and the last of them, that may be
    /// delivered again after `now`.
    pub(in crate::store) async fn to_remember(
        &self,
        key: ConversationKey,
        positions: (Seq, Seq),
        now: Timestamp,
    ) -> Result<Vec<Remembered>, StoreError> {
        let retention = self.database.retention_micros();
        let statement = self.database.built(&named(key, positions, retention, now));
        self.database
            .read("to_remember", statement, |rows| {
                let named: Vec<Named> = read_all(messages::Entity, rows)?;
                Ok(named.into_iter().map(|one| remembered(key, one)).collect())
            })
            .await
    }

    /// Remembers messages of one conversation, whose head is locked then until the transaction ends.
    pub(in crate::store) async fn remember(
        &self,
        transaction: &DatabaseTransaction,
        key: ConversationKey,
        messages: &[Remembered],
    ) -> Result<(), StoreError> {
        let statements = &self.statements.remembered;
        heads::lock(key).exec(transaction).await?;
        let rows = Input::of(&messages.iter());
        let mut values: Vec<Value> = vec![key.to_bytes().into()];
        values.extend(self.database.dialect.row_values(rows.columns()));
        transaction
            .execute_raw(self.database.statement(&statements.remember, values))
            .await?;
        Ok(())
    }
}

fn remembered(key: ConversationKey, named: Named) -> Remembered {
    Remembered {
        seq: named.seq,
        send_time: named.send_time,
        recognised_until: named.recognised_until,
        fingerprint: fingerprint(
            key,
            &named.sender_user_id,
            &named.client_message_id,
            named.payload_type.as_deref(),
            &named.content,
        ),
        sender: named.sender_user_id,
        client_message_id: named.client_message_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_all_that_a_retry_must_have_in_common() {
        let (one, two) = (
            ConversationKey::of_bytes([1; 16]),
            ConversationKey::of_bytes([2; 16]),
        );
        let prints = [
            fingerprint(one, "alice", "m", None, b"text"),
            fingerprint(two, "alice", "m", None, b"text"),
            fingerprint(one, "bob", "m", None, b"text"),
            fingerprint(one, "alic", "em", None, b"text"),
            fingerprint(one, "alice", "m", Some("text"), b""),
            fingerprint(one, "alice", "m", None, b"test"),
        ];
        for (place, print) in prints.iter().enumerate() {
            assert!((0..1 << 16).contains(print));
            assert!(!prints[..place].contains(print), "{prints:?}");
        }
    }
}
