//! Storing messages: a message takes the next position of its conversation and reaches its members.
//!
//! The members of a conversation that has few of them get a copy of the new head into their rows, so
//! that a user's list can be read from an index, in its order. That bounds what a message writes: the
//! members of a larger group (more than [`COPIES`] at once, ever) have no copy and read the head. Head
//! and copies change in one transaction, while the head is locked, so they cannot differ.

mod arrival;
mod statements;

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DbErr, Value};

use super::{
    Store, StoreError,
    conversations::keyed_head,
    dialect::Column,
    key::ConversationKey,
    messages::{self, message},
    observed::DatabaseTransaction,
    remembered,
    row::Row,
    transaction::AsStoreError,
};
use crate::domain::{
    CanonicalId, ClientMessageId, Clock, ConversationId, GroupId, MessageBody, PayloadType, Seq,
    Timestamp, UserId,
};

pub(super) use statements::Statements;

/// The most members of a group who get a copy of its head with each message.
pub(super) const COPIES: usize = 8;

/// A message to store, in one or several conversations.
#[derive(Debug)]
pub(crate) struct Append<'a> {
    /// The sender and where the message goes.
    pub(crate) to: Audience<'a>,
    /// The content.
    pub(crate) body: &'a MessageBody,
    /// The ID by which a retry is recognised, in each conversation and for each sender.
    pub(crate) client_message_id: Option<&'a ClientMessageId>,
    /// Tells the time of the message, once its transaction has begun: see [`super::under_way`].
    pub(crate) clock: &'a Clock,
}

/// Where a message goes.
#[derive(Debug)]
pub(crate) enum Audience<'a> {
    /// To one other user, or to oneself.
    C2c {
        /// The sender.
        sender: &'a UserId,
        /// The recipient.
        recipient: &'a UserId,
    },
    /// To the members of a group.
    Group {
        /// The sender, who has to be a member.
        sender: &'a UserId,
        /// The group.
        group: &'a GroupId,
    },
    /// From the system, to each of these users in their own conversation.
    System {
        /// The users, without duplicates.
        owners: &'a [UserId],
    },
}

/// Where and when a message was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Its position.
    pub(crate) seq: Seq,
    /// When it was stored.
    pub(crate) send_time: Timestamp,
}

/// A message that has its place, and whether its group is too large for copies.
#[derive(Debug, Clone, Copy)]
struct Placed {
    appended: Appended,
    in_large_group: bool,
}

/// Why a message was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// The sender is no member of the group.
    #[error("the sender is not a member of the group")]
    NotAGroupMember,
    /// The sender has used the client message ID for another body in this conversation.
    #[error("the client message ID was used for another message")]
    ClientMessageIdReused,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Append<'_> {
    /// The fingerprint by which the message would be known in this conversation once it was erased.
    fn fingerprint(&self, key: ConversationKey, client_message_id: &ClientMessageId) -> i64 {
        remembered::fingerprint(
            key,
            self.to.stored_sender(),
            client_message_id.as_str(),
            self.body.payload_type().map(PayloadType::as_str),
            self.body.content(),
        )
    }
}

impl Audience<'_> {
    /// The conversations, as all their members share them.
    fn canonical_ids(&self) -> Vec<CanonicalId> {
        match self {
            Self::C2c { sender, recipient } => {
                vec![ConversationId::C2c((*recipient).clone()).canonical(sender)]
            }
            Self::Group { sender, group } => {
                vec![ConversationId::Group((*group).clone()).canonical(sender)]
            }
            Self::System { owners } => owners
                .iter()
                .map(|owner| ConversationId::System.canonical(owner))
                .collect(),
        }
    }

    /// The sender as it is stored: empty for the system.
    fn stored_sender(&self) -> &str {
        match self {
            Self::C2c { sender, .. } | Self::Group { sender, .. } => sender.as_str(),
            Self::System { .. } => "",
        }
    }
}

impl Store {
    /// Stores a message at the next position of each of its conversations, makes the conversations known to
    /// users that have not had them, and marks them read for the sender. A retry, known by its client
    /// message ID, stores nothing.
    ///
    /// The lock of a head makes the order of positions the order of commits, so every message up to a head
    /// that was read is committed.
    ///
    /// # Errors
    ///
    /// An [`AppendError`]; nothing is stored then.
    pub(crate) async fn append(&self, append: &Append<'_>) -> Result<Vec<Appended>, AppendError> {
        let conversations: Vec<(ConversationKey, CanonicalId)> = append
            .to
            .canonical_ids()
            .into_iter()
            .map(|id| (ConversationKey::from(&id), id))
            .collect();
        let (stored, fresh) = self
            .retrying("append", || async {
                let transaction = self.begin().await?;
                let now = append.clock.now();
                let mut stored = self.earlier(&transaction, append, &conversations).await?;
                let fresh: Vec<_> = conversations
                    .iter()
                    .filter(|(key, _)| !stored.contains_key(key))
                    .cloned()
                    .collect();
                let count = fresh.len();
                if !fresh.is_empty() {
                    stored.extend(self.append_fresh(&transaction, append, now, fresh).await?);
                }
                transaction.commit().await?;
                Ok::<_, AppendError>((stored, count))
            })
            .await?;
        self.metrics.stored(fresh);
        conversations
            .iter()
            .map(|(key, _)| {
                stored
                    .get(key)
                    .copied()
                    .ok_or_else(|| not_returned(&key.to_string()))
            })
            .collect()
    }

    /// [`Store::append`] for a message that goes to one conversation.
    pub(crate) async fn append_one(&self, append: &Append<'_>) -> Result<Appended, AppendError> {
        let appended = self.append(append).await?;
        appended
            .first()
            .copied()
            .ok_or_else(|| not_returned("(one conversation)"))
    }

    async fn append_fresh(
        &self,
        transaction: &DatabaseTransaction,
        append: &Append<'_>,
        now: Timestamp,
        conversations: Vec<(ConversationKey, CanonicalId)>,
    ) -> Result<HashMap<ConversationKey, Appended>, AppendError> {
        let placed = self.raise_heads(transaction, now, conversations).await?;
        let appended = placed
            .iter()
            .map(|(key, placed)| (*key, placed.appended))
            .collect();
        self.insert(transaction, append, &appended).await?;
        match append.to {
            Audience::C2c { .. } | Audience::System { .. } => {
                let arrivals = arrival::arrivals(&append.to, &appended);
                self.arrive(transaction, arrivals).await?;
            }
            Audience::Group { sender, .. } => {
                for (key, placed) in &placed {
                    self.arrive_in_group(transaction, sender, *key, *placed)
                        .await?;
                }
            }
        }
        Ok(appended)
    }

    /// The messages that an earlier try of the same message has stored, erased since or not.
    async fn earlier(
        &self,
        transaction: &DatabaseTransaction,
        append: &Append<'_>,
        conversations: &[(ConversationKey, CanonicalId)],
    ) -> Result<HashMap<ConversationKey, Appended>, AppendError> {
        let Some(client_message_id) = append.client_message_id else {
            return Ok(HashMap::new());
        };
        let keys = conversations.iter().map(|(key, _)| *key).collect();
        let mut values: Vec<Value> = vec![
            append.to.stored_sender().into(),
            client_message_id.as_str().into(),
        ];
        values.extend(self.dialect.row_values(&[Column::Keys(keys)]));
        let statement = self.statement(&self.statements.append.earlier, values);
        let rows = transaction
            .query_all_raw(statement)
            .await
            .map_err(StoreError::from)?;
        rows.iter()
            .map(|row| {
                let of_row = Row::new(messages::TABLE, row);
                let key = of_row.key()?;
                let is_same = match of_row.get::<Option<i64>>("fingerprint")? {
                    Some(print) => print == append.fingerprint(key, client_message_id),
                    None => message(row)?.body == *append.body,
                };
                if !is_same {
                    return Err(AppendError::ClientMessageIdReused);
                }
                let appended = Appended {
                    seq: of_row.seq("seq")?,
                    send_time: of_row.time("send_time")?,
                };
                Ok((key, appended))
            })
            .collect()
    }

    async fn raise_heads(
        &self,
        transaction: &DatabaseTransaction,
        now: Timestamp,
        conversations: Vec<(ConversationKey, CanonicalId)>,
    ) -> Result<HashMap<ConversationKey, Placed>, StoreError> {
        let (keys, ids): (Vec<_>, Vec<_>) = conversations.into_iter().unzip();
        let ids: Vec<_> = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let expected: HashMap<_, _> = keys.iter().copied().zip(ids.iter().cloned()).collect();
        let mut values: Vec<Value> = vec![now.as_micros().into()];
        values.extend(
            self.dialect
                .row_values(&[Column::Keys(keys), Column::Texts(ids)]),
        );
        let statement = self.statement(&self.statements.append.raise_heads, values);
        let rows = transaction.query_all_raw(statement).await?;
        rows.iter()
            .map(|row| {
                let row = Row::new("conversations", row);
                let (key, head) = keyed_head(&row)?;
                if expected.get(&key).map(String::as_str) != Some(head.canonical_id.as_str()) {
                    return Err(row.inconsistent("canonical_id"));
                }
                let placed = Placed {
                    appended: Appended {
                        seq: head.last_seq,
                        send_time: head.last_time,
                    },
                    in_large_group: head.is_large,
                };
                Ok((key, placed))
            })
            .collect()
    }

    async fn insert(
        &self,
        transaction: &DatabaseTransaction,
        append: &Append<'_>,
        appended: &HashMap<ConversationKey, Appended>,
    ) -> Result<(), StoreError> {
        let mut values: Vec<Value> = vec![
            append.to.stored_sender().into(),
            append
                .client_message_id
                .map(|id| id.as_str().to_owned())
                .into(),
            append
                .body
                .payload_type()
                .map(|name| name.as_str().to_owned())
                .into(),
            append.body.content().to_vec().into(),
            self.retention_micros().into(),
        ];
        values.extend(
            self.dialect.row_values(&[
                Column::Keys(appended.keys().copied().collect()),
                Column::Integers(
                    appended
                        .values()
                        .map(|message| message.seq.to_stored())
                        .collect(),
                ),
                Column::Integers(
                    appended
                        .values()
                        .map(|message| message.send_time.as_micros())
                        .collect(),
                ),
            ]),
        );
        let statement = self.statement(&self.statements.append.insert, values);
        let inserted = transaction.execute_raw(statement).await?;
        if inserted.rows_affected() < appended.len() as u64 {
            // Since the look-up another try has stored it, and it was erased: running again finds it.
            return Err(StoreError::Duplicate(DbErr::RecordNotInserted));
        }
        Ok(())
    }
}

fn not_returned(key: &str) -> AppendError {
    AppendError::Store(StoreError::Inconsistent {
        table: "conversations",
        column: "conversation_key",
        key: key.to_owned(),
    })
}

impl AsStoreError for AppendError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::NotAGroupMember | Self::ClientMessageIdReused => None,
            Self::Store(error) => Some(error),
        }
    }
}
