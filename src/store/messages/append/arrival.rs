//! The users' side of storing messages: the rows of those whom they reach.

use std::collections::BTreeMap;

use sea_orm::ConnectionTrait;

use super::{
    Appended, Audience,
    placing::{Fresh, MembersOf},
    rows::Incoming,
};
use crate::{
    domain::{ConversationId, ConversationKey, ConversationKind, Seq, UserId},
    store::{
        database::{
            error::StoreError,
            input::{Input, InputColumn, InputRow},
            observed::DatabaseTransaction,
        },
        entity::value::stored_kind,
        messages::Messages,
    },
};

/// The newest messages of a batch that reach a user in a conversation. `P` says where they are: their positions, or
/// nothing as long as they have none and there is only one.
pub(super) struct Arrival<P> {
    user: UserId,
    key: ConversationKey,
    kind: ConversationKind,
    /// The newest one that the user has sent: it marks the conversation read.
    own: Option<P>,
    /// The newest one, of which the user gets a copy of the head; the members of large groups have none.
    newest: Option<P>,
}

impl<P: 'static> Arrival<P> {
    const USER: InputColumn<Self> =
        InputColumn::text("user_id", |arrival| arrival.user.to_string());
    const KEY: InputColumn<Self> = InputColumn::key("conversation_key", |arrival| arrival.key);
    const KIND: InputColumn<Self> =
        InputColumn::integer("kind", |arrival| stored_kind(arrival.kind).into());
}

impl InputRow for Arrival<Appended> {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        Self::USER,
        Self::KEY,
        Self::KIND,
        InputColumn::integer("read_through", |arrival| {
            arrival.own.map_or(Seq::ZERO, |own| own.seq).to_stored()
        }),
        InputColumn::optional_integer("last_seq", |arrival| {
            arrival.newest.map(|newest| newest.seq.to_stored())
        }),
        InputColumn::optional_integer("last_time", |arrival| {
            arrival.newest.map(|newest| newest.send_time.as_micros())
        }),
    ];
}

impl InputRow for Arrival<()> {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        Self::USER,
        Self::KEY,
        Self::KIND,
        InputColumn::integer("is_own", |arrival| arrival.own.is_some().into()),
    ];
}

/// The users whom the messages of a batch reach, in the order in which their rows are locked.
pub(super) struct Arrivals<P>(BTreeMap<(UserId, ConversationKey), Arrival<P>>);

impl Arrivals<()> {
    /// Those whom the messages name themselves.
    pub(super) fn named(messages: &[Incoming]) -> Self {
        let mut arrivals = Self(BTreeMap::new());
        for message in messages {
            arrivals.add(message, ());
        }
        arrivals
    }
}

impl Arrivals<Appended> {
    fn of(messages: &[(&Incoming, Fresh)], members: &MembersOf) -> Self {
        let mut arrivals = Self(BTreeMap::new());
        for (message, fresh) in messages {
            match &message.append.to {
                Audience::Group { sender, .. } => {
                    arrivals.add_group(message.key, sender, *fresh, members);
                }
                Audience::C2c { .. } | Audience::System { .. } => {
                    arrivals.add(message, fresh.appended);
                }
            }
        }
        arrivals
    }

    fn add_group(
        &mut self,
        key: ConversationKey,
        sender: &UserId,
        fresh: Fresh,
        members: &MembersOf,
    ) {
        let (of, at) = ((key, ConversationKind::Group), fresh.appended);
        if fresh.in_large_group {
            self.reach(sender, of, Some(at), None);
            return;
        }
        for member in members.get(&key).into_iter().flatten() {
            self.reach(member, of, (member == sender).then_some(at), Some(at));
        }
    }
}

impl<P: Copy> Arrivals<P> {
    /// Adds those whom a message names itself. A group's members are not among them.
    fn add(&mut self, message: &Incoming, at: P) {
        let key = message.key;
        match &message.append.to {
            Audience::C2c { sender, recipient } => {
                let of = (key, ConversationKind::C2c);
                self.reach(sender, of, Some(at), Some(at));
                if sender != recipient {
                    self.reach(recipient, of, None, Some(at));
                }
            }
            Audience::System { owners } => {
                let mut owners = owners.iter();
                let owner =
                    owners.find(|owner| ConversationKey::of(&ConversationId::System, owner) == key);
                if let Some(owner) = owner {
                    self.reach(owner, (key, ConversationKind::System), None, Some(at));
                }
            }
            Audience::Group { .. } => {}
        }
    }

    /// Positions rise in the order of a batch, so the last message of a conversation is its newest.
    fn reach(
        &mut self,
        user: &UserId,
        (key, kind): (ConversationKey, ConversationKind),
        own: Option<P>,
        newest: Option<P>,
    ) {
        let arrival = self.0.entry((user.clone(), key));
        let arrival = arrival.or_insert_with(|| Arrival {
            user: user.clone(),
            key,
            kind,
            own,
            newest,
        });
        arrival.own = own.or(arrival.own);
        arrival.newest = newest;
    }
}

impl<P: 'static> Arrivals<P>
where
    Arrival<P>: InputRow,
{
    /// The rows for a statement.
    pub(super) fn rows(&self) -> Input {
        Input::of(&self.0.values())
    }
}

impl Messages {
    /// Makes the conversations known to the users whom the messages reach, copies their new heads, and
    /// marks them read for the senders. The heads are locked, so nobody can join or leave at the same time.
    ///
    /// It is one statement: all rows are locked in the order of their users and conversations.
    pub(super) async fn arrive(
        &self,
        transaction: &DatabaseTransaction,
        messages: &[(&Incoming, Fresh)],
        members: &MembersOf,
    ) -> Result<(), StoreError> {
        if messages.is_empty() {
            return Ok(());
        }
        let rows = Arrivals::of(messages, members).rows();
        let values = self.database.dialect.row_values(rows.columns());
        let arrive = self
            .database
            .statement(&self.statements.append.arrive, values);
        transaction.execute_raw(arrive).await?;
        Ok(())
    }
}
