//! The users' side of storing messages: the rows of those whom they reach.

use std::collections::{BTreeMap, HashSet};

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{
    AppendError, Appended, Audience, Refused,
    placing::{Fresh, Incoming},
};
use crate::{
    domain::{ConversationId, ConversationKey, ConversationKind, Seq, Timestamp, UserId},
    store::{
        database::{
            error::StoreError,
            input::{Input, InputColumn, InputRow},
            observed::DatabaseTransaction,
            row::read_all,
        },
        entity::{members, value::stored_kind},
        messages::Messages,
    },
};

/// The newest message of a batch that reaches a user in a conversation.
pub(super) struct Arrival {
    user: UserId,
    key: ConversationKey,
    kind: ConversationKind,
    /// How far the user has read by what they sent.
    read_through: Seq,
    newest: Appended,
}

/// The newest message of a batch in a group whose members have copies of the head.
pub(super) struct Reached {
    key: ConversationKey,
    seq: Seq,
    time: Timestamp,
}

/// How far a sender has read a group by what they sent.
pub(super) struct Own {
    sender: UserId,
    key: ConversationKey,
    read_through: Seq,
}

/// A row that messages have reached.
#[derive(FromQueryResult, PartialEq, Eq, Hash)]
struct ReachedRow {
    user_id: UserId,
    conversation_key: ConversationKey,
}

impl InputRow for Arrival {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |arrival| arrival.user.to_string()),
        InputColumn::key("conversation_key", |arrival| arrival.key),
        InputColumn::integer("kind", |arrival| stored_kind(arrival.kind).into()),
        InputColumn::integer("read_through", |arrival| arrival.read_through.to_stored()),
        InputColumn::integer("last_seq", |arrival| arrival.newest.seq.to_stored()),
        InputColumn::integer("last_time", |arrival| arrival.newest.send_time.as_micros()),
    ];
}

impl InputRow for Reached {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |reached| reached.key),
        InputColumn::integer("last_seq", |reached| reached.seq.to_stored()),
        InputColumn::integer("last_time", |reached| reached.time.as_micros()),
    ];
}

impl InputRow for Own {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |own| own.sender.to_string()),
        InputColumn::key("conversation_key", |own| own.key),
        InputColumn::integer("read_through", |own| own.read_through.to_stored()),
    ];
}

/// The users whom the messages of a batch reach.
#[derive(Default)]
struct Arrivals {
    /// The two sides of one-to-one chats and the owners of system conversations.
    known: BTreeMap<(UserId, ConversationKey), Arrival>,
    groups: BTreeMap<ConversationKey, Reached>,
    own_in_small: BTreeMap<(UserId, ConversationKey), Own>,
    own_in_large: BTreeMap<(UserId, ConversationKey), Own>,
}

impl Arrivals {
    fn of(messages: &[(&Incoming, Fresh)]) -> Self {
        let mut arrivals = Self::default();
        for (message, fresh) in messages {
            arrivals.add(message, *fresh);
        }
        arrivals
    }

    /// Positions rise in the order of a batch, so the last message of a conversation is its newest.
    fn add(&mut self, message: &Incoming, fresh: Fresh) {
        let (key, appended) = (message.key, fresh.appended);
        match &message.append.to {
            Audience::C2c { sender, recipient } => {
                self.reach(sender, key, ConversationKind::C2c, appended.seq, appended);
                if sender != recipient {
                    self.reach(recipient, key, ConversationKind::C2c, Seq::ZERO, appended);
                }
            }
            Audience::System { owners } => {
                let mut owners = owners.iter();
                let owner =
                    owners.find(|owner| ConversationKey::of(&ConversationId::System, owner) == key);
                if let Some(owner) = owner {
                    self.reach(owner, key, ConversationKind::System, Seq::ZERO, appended);
                }
            }
            Audience::Group { sender, .. } => {
                let own = if fresh.in_large_group {
                    &mut self.own_in_large
                } else {
                    let (seq, time) = (appended.seq, appended.send_time);
                    self.groups.insert(key, Reached { key, seq, time });
                    &mut self.own_in_small
                };
                let one = Own {
                    sender: sender.clone(),
                    key,
                    read_through: appended.seq,
                };
                own.insert((sender.clone(), key), one);
            }
        }
    }

    fn reach(
        &mut self,
        user: &UserId,
        key: ConversationKey,
        kind: ConversationKind,
        read_through: Seq,
        newest: Appended,
    ) {
        let arrival = self.known.entry((user.clone(), key));
        let arrival = arrival.or_insert_with(|| Arrival {
            user: user.clone(),
            key,
            kind,
            read_through,
            newest,
        });
        arrival.read_through = arrival.read_through.max(read_through);
        arrival.newest = newest;
    }
}

impl Messages {
    /// Makes the conversations known to the users whom the messages reach, copies their new heads, and
    /// marks them read for the senders. Returns those whose senders are not members of their groups. The heads are
    /// locked, so nobody can join or leave at the same time.
    ///
    /// It is one statement: all rows are locked in the order of their users and conversations.
    pub(super) async fn arrive(
        &self,
        transaction: &DatabaseTransaction,
        messages: &[(&Incoming, Fresh)],
    ) -> Result<Refused, StoreError> {
        if messages.is_empty() {
            return Ok(Refused::new());
        }
        let Arrivals {
            known,
            groups,
            own_in_small,
            own_in_large,
        } = Arrivals::of(messages);
        let mut values = Vec::new();
        for rows in [
            Input::of(&known.values()),
            Input::of(&groups.values()),
            Input::of(&own_in_small.values()),
            Input::of(&own_in_large.values()),
        ] {
            values.extend(self.database.dialect.row_values(rows.columns()));
        }
        let arrive = self
            .database
            .statement(&self.statements.append.arrive, values);
        let reached = transaction.query_all_raw(arrive).await?;
        let reached: HashSet<ReachedRow> = read_all(members::Entity, &reached)?;
        let mut refused = Refused::new();
        for (message, _) in messages {
            if let Audience::Group { sender, .. } = &message.append.to
                && !reached.contains(&ReachedRow {
                    user_id: sender.clone(),
                    conversation_key: message.key,
                })
            {
                refused.insert(message.request, AppendError::NotAGroupMember);
            }
        }
        Ok(refused)
    }
}
