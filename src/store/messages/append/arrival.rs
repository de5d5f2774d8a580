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

/// The newest message of a batch that reaches a user in a conversation.
pub(super) struct Arrival {
    user: UserId,
    key: ConversationKey,
    kind: ConversationKind,
    /// How far the user has read by what they sent.
    read_through: Seq,
    /// The copy of the head that the user gets; the members of large groups have none.
    copy: Option<Appended>,
}

impl InputRow for Arrival {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |arrival| arrival.user.to_string()),
        InputColumn::key("conversation_key", |arrival| arrival.key),
        InputColumn::integer("kind", |arrival| stored_kind(arrival.kind).into()),
        InputColumn::integer("read_through", |arrival| arrival.read_through.to_stored()),
        InputColumn::optional_integer("last_seq", |arrival| {
            arrival.copy.map(|copy| copy.seq.to_stored())
        }),
        InputColumn::optional_integer("last_time", |arrival| {
            arrival.copy.map(|copy| copy.send_time.as_micros())
        }),
    ];
}

/// The users whom the messages of a batch reach.
#[derive(Default)]
struct Arrivals(BTreeMap<(UserId, ConversationKey), Arrival>);

impl Arrivals {
    fn of(messages: &[(&Incoming, Fresh)], members: &MembersOf) -> Self {
        let mut arrivals = Self::default();
        for (message, fresh) in messages {
            arrivals.add(message, *fresh, members);
        }
        arrivals
    }

    /// Positions rise in the order of a batch, so the last message of a conversation is its newest.
    fn add(&mut self, message: &Incoming, fresh: Fresh, members: &MembersOf) {
        use ConversationKind::{C2c, Group, System};
        let (key, appended) = (message.key, fresh.appended);
        let newest = Some(appended);
        match &message.append.to {
            Audience::C2c { sender, recipient } => {
                self.reach(sender, (key, C2c), appended.seq, newest);
                if sender != recipient {
                    self.reach(recipient, (key, C2c), Seq::ZERO, newest);
                }
            }
            Audience::System { owners } => {
                let mut owners = owners.iter();
                let owner =
                    owners.find(|owner| ConversationKey::of(&ConversationId::System, owner) == key);
                if let Some(owner) = owner {
                    self.reach(owner, (key, System), Seq::ZERO, newest);
                }
            }
            Audience::Group { sender, .. } => {
                if fresh.in_large_group {
                    self.reach(sender, (key, Group), appended.seq, None);
                    return;
                }
                for member in members.get(&key).into_iter().flatten() {
                    let is_sender = member == sender;
                    let read_through = if is_sender { appended.seq } else { Seq::ZERO };
                    self.reach(member, (key, Group), read_through, newest);
                }
            }
        }
    }

    fn reach(
        &mut self,
        user: &UserId,
        (key, kind): (ConversationKey, ConversationKind),
        read_through: Seq,
        copy: Option<Appended>,
    ) {
        let arrival = self.0.entry((user.clone(), key));
        let arrival = arrival.or_insert_with(|| Arrival {
            user: user.clone(),
            key,
            kind,
            read_through,
            copy,
        });
        arrival.read_through = arrival.read_through.max(read_through);
        arrival.copy = copy;
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
        let Arrivals(arrivals) = Arrivals::of(messages, members);
        let rows = Input::of(&arrivals.values());
        let values = self.database.dialect.row_values(rows.columns());
        let arrive = self
            .database
            .statement(&self.statements.append.arrive, values);
        transaction.execute_raw(arrive).await?;
        Ok(())
    }
}
