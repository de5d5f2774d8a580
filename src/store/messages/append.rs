//! Storing messages: a message takes the next position of its conversation and reaches its members.
//!
//! The members of a conversation that has few of them get a copy of the new head into their rows, so
//! that a user's list can be read from an index, in its order. That bounds what a message writes: the
//! members of a larger group (more than [`COPIES`] at once, ever) have no copy and read the head. Head
//! and copies change in one transaction, while the head is locked, so they cannot differ.
//!
//! Messages that come at once are stored in one transaction ([`crate::store::database::coalesce`]), also several of one
//! conversation, which take consecutive positions. So a busy group is not bound to one commit a message.
//! A transaction has two sides: the conversations' ([`placing`]), which also says who may send and who gets a
//! copy, and the users' ([`arrival`]), whose rows are written by their whole keys. A message
//! that may not be stored fails alone: the transaction is rolled back and run again without it.
//!
//! On one PostgreSQL most messages need no transaction: one statement writes both sides ([`at_once`]), and the
//! transaction stores what the statement has left.

mod arrival;
mod at_once;
mod locked;
mod placing;
mod rows;
mod statements;

use std::{collections::BTreeMap, sync::Arc};

use sea_orm::FromQueryResult;

use super::remembered;
use crate::{
    domain::{
        Batch, CanonicalId, ClientMessageId, Clock, ConversationId, ConversationKey,
        ConversationKind, GroupId, MessageBody, PayloadType, Seq, Timestamp, UserId,
    },
    store::{
        database::{
            coalesce::{Coalescer, Request, Users},
            error::StoreError,
        },
        entity::conversations,
        messages::Messages,
    },
};

use placing::Placed;
use rows::{Incoming, incoming};
pub(in crate::store) use statements::Statements;

/// The most members of a group who get a copy of its head with each message.
pub(in crate::store) const COPIES: usize = 8;

/// The messages that wait to be stored. One without an outcome is to be stored by itself.
pub(in crate::store) type Waiting = Coalescer<Append, Option<Outcome>, StoreError>;

/// Where and when a message was stored, in each of its conversations, or why it was not.
pub(in crate::store) type Outcome = Result<Vec<Appended>, AppendError>;

/// A message to store, in one or several conversations.
#[derive(Debug)]
pub(crate) struct Append {
    /// The sender and where the message goes.
    pub(crate) to: Audience,
    /// The content.
    pub(crate) body: MessageBody,
    /// The ID by which a retry is recognised, in each conversation and for each sender.
    pub(crate) client_message_id: Option<ClientMessageId>,
}

/// Where a message goes.
#[derive(Debug)]
pub(crate) enum Audience {
    /// To one other user, or to oneself.
    C2c {
        /// The sender.
        sender: UserId,
        /// The recipient.
        recipient: UserId,
    },
    /// To the members of a group.
    Group {
        /// The sender, who has to be a member.
        sender: UserId,
        /// The group.
        group: GroupId,
    },
    /// From the system, to each of these users in their own conversation.
    System {
        /// The users, without duplicates.
        owners: Batch<UserId>,
    },
}

/// Where and when a message was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Appended {
    /// Its position.
    pub(crate) seq: Seq,
    /// When it was stored.
    pub(crate) send_time: Timestamp,
}

/// Why a message was not stored.
#[derive(Debug, Clone, thiserror::Error)]
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

/// The requests of a batch that may not be carried out, by their places in it.
type Refused = BTreeMap<usize, AppendError>;

/// The end of one try to store a batch.
enum Tried {
    /// All of it is stored: where, in the order of its messages.
    Stored(Vec<Appended>),
    /// Nothing is stored, because of these.
    Refused(Refused),
}

impl Append {
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

impl Request for Append {
    fn rows(&self) -> usize {
        match &self.to {
            Audience::C2c { .. } | Audience::Group { .. } => 1,
            Audience::System { owners } => owners.len(),
        }
    }

    /// Two messages of one name may be the same: the second has to find the first.
    fn excludes(&self) -> Option<&str> {
        self.client_message_id.as_ref().map(ClientMessageId::as_str)
    }

    fn users(&self) -> Users<'_> {
        match &self.to {
            Audience::C2c { sender, recipient } => {
                Users::These(vec![sender.as_str(), recipient.as_str()])
            }
            Audience::Group { group, .. } => Users::MembersOf(group.as_str()),
            Audience::System { owners } => {
                Users::These(owners.iter().map(UserId::as_str).collect())
            }
        }
    }
}

impl Audience {
    /// The conversations, as all their members share them.
    fn canonical_ids(&self) -> Vec<CanonicalId> {
        match self {
            Self::C2c { sender, recipient } => {
                vec![ConversationId::C2c(recipient.clone()).canonical(sender)]
            }
            Self::Group { sender, group } => {
                vec![ConversationId::Group(group.clone()).canonical(sender)]
            }
            Self::System { owners } => owners
                .iter()
                .map(|owner| ConversationId::System.canonical(owner))
                .collect(),
        }
    }

    const fn kind(&self) -> ConversationKind {
        match self {
            Self::C2c { .. } => ConversationKind::C2c,
            Self::Group { .. } => ConversationKind::Group,
            Self::System { .. } => ConversationKind::System,
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

impl Messages {
    /// Stores a message at the next position of each of its conversations, makes the conversations known to
    /// users that have not had them, and marks them read for the sender. A retry, known by its client
    /// message ID, stores nothing. `clock` tells the time of the message once it need not wait for a connection:
    /// see [`super::under_way`].
    ///
    /// The lock of a head makes the order of positions the order of commits, so every message up to a head
    /// that was read is committed.
    ///
    /// # Errors
    ///
    /// An [`AppendError`]; nothing is stored then.
    pub(crate) async fn append(
        &self,
        append: Append,
        clock: &Clock,
    ) -> Result<Vec<Appended>, AppendError> {
        let run = {
            let (messages, clock) = (self.clone(), clock.clone());
            move |batch: Vec<Arc<Append>>| {
                let (messages, clock) = (messages.clone(), clock.clone());
                async move { messages.append_together(&batch, &clock).await }
            }
        };
        let append = Arc::new(append);
        if let Some(outcome) = self.waiting.carry_out(Arc::clone(&append), run).await? {
            return outcome;
        }
        let mut outcomes = self.append_in_transaction(&[append], clock).await?;
        outcomes
            .pop()
            .unwrap_or_else(|| Err(not_returned("(one message)").into()))
    }

    /// [`Messages::append`] for a message that goes to one conversation.
    pub(crate) async fn append_one(
        &self,
        append: Append,
        clock: &Clock,
    ) -> Result<Appended, AppendError> {
        let appended = self.append(append, clock).await?;
        appended
            .first()
            .copied()
            .ok_or_else(|| not_returned("(one conversation)").into())
    }

    /// Stores the messages of a batch, but for those that may not be stored.
    async fn append_together(
        &self,
        batch: &[Arc<Append>],
        clock: &Clock,
    ) -> Result<Vec<Option<Outcome>>, StoreError> {
        let mut stored = self.append_at_once(batch, clock).await?;
        let rest = batch.iter().enumerate();
        let rest = rest.filter(|(request, _)| !stored.contains_key(request));
        let rest: Vec<_> = rest.map(|(_, append)| Arc::clone(append)).collect();
        let of_rest = match self.append_in_transaction(&rest, clock).await {
            Ok(outcomes) => outcomes.into_iter().map(Some).collect(),
            Err(error) if stored.is_empty() => return Err(error),
            // A part of the batch is stored, so the batch does not fail as a whole.
            Err(error) if error.is_refusal() && rest.len() > 1 => vec![None; rest.len()],
            Err(error) => vec![Some(Err(error.into())); rest.len()],
        };
        let mut of_rest = of_rest.into_iter();
        let outcomes = (0..batch.len()).map(|request| match stored.remove(&request) {
            Some(appended) => Some(Ok(vec![appended])),
            None => of_rest.next().flatten(),
        });
        Ok(outcomes.collect())
    }

    /// [`Messages::append_together`] in one transaction.
    async fn append_in_transaction(
        &self,
        batch: &[Arc<Append>],
        clock: &Clock,
    ) -> Result<Vec<Outcome>, StoreError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let mut refused = Refused::new();
        // Each further try has fewer requests.
        let (incoming, appended) = loop {
            let incoming = incoming(batch, |request, _| !refused.contains_key(&request));
            let tried = self
                .database
                .retrying("append", || self.try_to_append(&incoming, clock))
                .await?;
            match tried {
                Tried::Stored(appended) => break (incoming, appended),
                Tried::Refused(more) => refused.extend(more),
            }
        };
        let mut outcomes: Vec<Outcome> = (0..batch.len())
            .map(|request| refused.remove(&request).map_or(Ok(Vec::new()), Err))
            .collect();
        for (message, appended) in incoming.iter().zip(appended) {
            if let Some(Ok(of_request)) = outcomes.get_mut(message.request) {
                of_request.push(appended);
            }
        }
        Ok(outcomes)
    }

    async fn try_to_append(
        &self,
        incoming: &[Incoming],
        clock: &Clock,
    ) -> Result<Tried, StoreError> {
        if incoming.is_empty() {
            return Ok(Tried::Stored(Vec::new()));
        }
        let transaction = self.database.begin().await?;
        let found = self.place(&transaction, incoming, clock.now()).await?;
        if !found.refused.is_empty() {
            return Ok(Tried::Refused(found.refused));
        }
        let arriving: Vec<_> = incoming
            .iter()
            .zip(&found.placed)
            .filter_map(|(message, placed)| Some((message, placed.as_ref()?.fresh()?)))
            .collect();
        let fresh = arriving.len();
        self.arrive(&transaction, &arriving, &found.members).await?;
        // Retries alone have changed nothing.
        if fresh > 0 {
            transaction.commit().await?;
            self.database.metrics.stored(fresh);
        }
        let appended = incoming.iter().zip(found.placed).map(|(message, placed)| {
            placed
                .as_ref()
                .map(Placed::appended)
                .ok_or_else(|| not_returned(&message.key.to_string()))
        });
        Ok(Tried::Stored(appended.collect::<Result<_, _>>()?))
    }
}

fn not_returned(key: &str) -> StoreError {
    StoreError::inconsistent(conversations::Entity, "conversation_key", key)
}
