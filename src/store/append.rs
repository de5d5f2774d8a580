//! Storing messages: a message takes the next position of its conversation and reaches its members.

mod statements;

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, DatabaseTransaction, Value};

use super::{
    Store, StoreError,
    conversations::keyed_head,
    dialect::Column,
    key::ConversationKey,
    messages::{self, message},
    row::Row,
    transaction::AsStoreError,
};
use crate::domain::{
    CanonicalId, ClientMessageId, ConversationId, GroupId, MessageBody, Seq, Timestamp, UserId,
};

pub(super) use statements::Statements;

/// A message to store, in one or several conversations.
#[derive(Debug)]
pub(crate) struct Append<'a> {
    /// Where it goes, and from whom.
    pub(crate) to: Audience<'a>,
    /// What is sent.
    pub(crate) body: &'a MessageBody,
    /// By what a retry is recognised, in each conversation and for each sender.
    pub(crate) client_message_id: Option<&'a ClientMessageId>,
    /// The time now.
    pub(crate) now: Timestamp,
}

/// Where a message goes.
#[derive(Debug)]
pub(crate) enum Audience<'a> {
    /// To one other user, or to oneself.
    C2c {
        /// Who sends it.
        sender: &'a UserId,
        /// Who receives it.
        recipient: &'a UserId,
    },
    /// To the members of a group.
    Group {
        /// Who sends it; has to be a member.
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
    /// Stores a message at the next position of each of its conversations, makes the conversations
    /// known to those who have not had them, and marks them read for the sender. A retry, known by
    /// its client message ID, stores nothing.
    ///
    /// The lock of a head makes the order of positions the order of commits, so whoever has read a
    /// head has every message up to it.
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
        let stored = self
            .retrying("append", || async {
                let transaction = self.begin().await?;
                let mut stored = self.earlier(&transaction, append, &conversations).await?;
                let fresh: Vec<_> = conversations
                    .iter()
                    .filter(|(key, _)| !stored.contains_key(key))
                    .cloned()
                    .collect();
                if !fresh.is_empty() {
                    stored.extend(self.append_fresh(&transaction, append, fresh).await?);
                }
                transaction.commit().await?;
                Ok::<_, AppendError>(stored)
            })
            .await?;
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
        conversations: Vec<(ConversationKey, CanonicalId)>,
    ) -> Result<HashMap<ConversationKey, Appended>, AppendError> {
        let appended = self
            .raise_heads(transaction, append.now, conversations)
            .await?;
        self.insert(transaction, append, &appended).await?;
        self.arrive(transaction, &append.to, &appended).await?;
        Ok(appended)
    }

    /// What an earlier try of the same message has stored.
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
        values.extend(self.dialect.row_values(vec![Column::Keys(keys)]));
        let statement = self.statement(&self.statements.append.earlier, values);
        let rows = transaction
            .query_all_raw(statement)
            .await
            .map_err(StoreError::from)?;
        rows.iter()
            .map(|row| {
                let earlier = message(row)?;
                if earlier.body != *append.body {
                    return Err(AppendError::ClientMessageIdReused);
                }
                Ok((
                    Row::new(messages::TABLE, row).key()?,
                    Appended {
                        seq: earlier.seq,
                        send_time: earlier.send_time,
                    },
                ))
            })
            .collect()
    }

    async fn raise_heads(
        &self,
        transaction: &DatabaseTransaction,
        now: Timestamp,
        conversations: Vec<(ConversationKey, CanonicalId)>,
    ) -> Result<HashMap<ConversationKey, Appended>, StoreError> {
        let (keys, ids): (Vec<_>, Vec<_>) = conversations.into_iter().unzip();
        let ids: Vec<_> = ids.iter().map(|id| id.as_str().to_owned()).collect();
        let expected: HashMap<_, _> = keys.iter().copied().zip(ids.iter().cloned()).collect();
        let mut values: Vec<Value> = vec![now.as_micros().into()];
        values.extend(
            self.dialect
                .row_values(vec![Column::Keys(keys), Column::Texts(ids)]),
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
                let appended = Appended {
                    seq: head.last_seq,
                    send_time: head.last_time,
                };
                Ok((key, appended))
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
        ];
        values.extend(self.dialect.row_values(vec![
            Column::Keys(appended.keys().copied().collect()),
            Column::Integers(appended.values().map(|message| message.seq.to_stored()).collect()),
            Column::Integers(
                appended.values().map(|message| message.send_time.as_micros()).collect(),
            ),
        ]));
        let statement = self.statement(&self.statements.append.insert, values);
        transaction.execute_raw(statement).await?;
        Ok(())
    }

    /// Lets the message reach its members. A conversation's first message makes it known to them;
    /// later ones need no row of anybody but the sender.
    async fn arrive(
        &self,
        transaction: &DatabaseTransaction,
        to: &Audience<'_>,
        appended: &HashMap<ConversationKey, Appended>,
    ) -> Result<(), AppendError> {
        let mut arrivals: Vec<(String, ConversationKey, Seq)> = Vec::new();
        let is_first = |seq: Seq| seq == Seq::ZERO.next();
        match to {
            Audience::C2c { sender, recipient } => {
                for (key, message) in appended {
                    arrivals.push((sender.to_string(), *key, message.seq));
                    if is_first(message.seq) && sender != recipient {
                        arrivals.push((recipient.to_string(), *key, Seq::ZERO));
                    }
                }
            }
            Audience::Group { sender, .. } => {
                for (key, message) in appended {
                    self.read_own(transaction, sender, *key, message.seq)
                        .await?;
                }
            }
            Audience::System { owners } => {
                for owner in *owners {
                    let key = ConversationKey::from(&ConversationId::System.canonical(owner));
                    if appended
                        .get(&key)
                        .is_some_and(|message| is_first(message.seq))
                    {
                        arrivals.push((owner.to_string(), key, Seq::ZERO));
                    }
                }
            }
        }
        if arrivals.is_empty() {
            return Ok(());
        }
        let values = self.dialect.row_values(vec![
            Column::Texts(arrivals.iter().map(|(user, ..)| user.clone()).collect()),
            Column::Keys(arrivals.iter().map(|(_, key, _)| *key).collect()),
            Column::Integers(arrivals.iter().map(|(.., read)| read.to_stored()).collect()),
        ]);
        let statement = self.statement(&self.statements.append.arrive, values);
        transaction
            .execute_raw(statement)
            .await
            .map_err(StoreError::from)?;
        Ok(())
    }

    /// Marks a group read for the sender of its newest message, who has to be a member. The head is
    /// locked, so nobody can leave at the same time.
    async fn read_own(
        &self,
        transaction: &DatabaseTransaction,
        sender: &UserId,
        key: ConversationKey,
        seq: Seq,
    ) -> Result<(), AppendError> {
        let values = [
            sender.as_str().into(),
            key.to_bytes().into(),
            seq.to_stored().into(),
        ];
        let statement = self.statement(&self.statements.append.read_own, values);
        match transaction
            .query_one_raw(statement)
            .await
            .map_err(StoreError::from)?
        {
            Some(_) => Ok(()),
            None => Err(AppendError::NotAGroupMember),
        }
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
