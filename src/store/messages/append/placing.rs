//! The conversations' side of storing messages: each takes the next position of its conversation, unless
//! an earlier try of it is found.
//!
//! On SQLite this is three statements, on PostgreSQL one, which sees the database as it was when it began.
//! If it has waited for a head, a message that was stored and erased meanwhile escapes it: erasing moves
//! names under the lock of the head. So where a head was no longer as the statement saw it, the names are
//! looked up once more among those of erased messages. (One that was stored and not erased cannot be stored
//! twice: its name is unique.)

mod members;

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Value};

use super::{
    AppendError, Appended, Refused,
    rows::{Incoming, Position, Raise, named, raises},
    statements::{LookUps, Placing, Steps},
};
use crate::{
    domain::{CanonicalId, ConversationKey, Seq, Timestamp},
    store::{
        database::{error::StoreError, input::Input, observed::DatabaseTransaction, row::Row},
        entity::{conversations, messages, value::Flag},
        heads::{Head, keyed_head},
        messages::{Messages, history::message},
    },
};

pub(super) use members::{MembersOf, ToGroup};

/// Where a message is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Placed {
    /// An earlier try has stored it there.
    Earlier(Appended),
    /// It was stored now.
    Now(Fresh),
}

/// Where a message was stored, and whether its group is too large for copies of the head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fresh {
    pub(super) appended: Appended,
    pub(super) in_large_group: bool,
}

/// Where the messages of a batch are, in their order; without those of which the database said nothing.
pub(super) struct Places {
    pub(super) placed: Vec<Option<Placed>>,
    pub(super) refused: Refused,
    pub(super) members: MembersOf,
}

/// The place of a message that was stored now, as the one statement returns it.
#[derive(FromQueryResult)]
struct PlacedRow {
    #[sea_orm(nested)]
    appended: Appended,
    canonical_id: CanonicalId,
    is_large: Flag,
    /// Whether the head was no longer as the statement saw it.
    has_waited: bool,
    /// Whether somebody may have joined or left since then.
    members_changed: bool,
}

impl Placed {
    pub(super) const fn appended(&self) -> Appended {
        match *self {
            Self::Earlier(appended) | Self::Now(Fresh { appended, .. }) => appended,
        }
    }

    pub(super) const fn fresh(&self) -> Option<Fresh> {
        match *self {
            Self::Earlier(_) => None,
            Self::Now(fresh) => Some(fresh),
        }
    }
}

impl Incoming {
    /// Reads a message that has the name of this one; `None` if it says something else.
    fn earlier(&self, row: &QueryResult) -> Result<Option<Appended>, StoreError> {
        let of_row = Row::of(messages::Entity, row);
        let is_same = match of_row.get::<Option<i64>>("fingerprint")? {
            None => message(row)?.body == self.append.body,
            Some(print) => {
                let id = self.append.client_message_id.as_ref();
                id.is_some_and(|id| self.append.fingerprint(self.key, id) == print)
            }
        };
        let appended: Appended = of_row.read()?;
        Ok(is_same.then_some(appended))
    }
}

impl Places {
    fn of(incoming: &[Incoming]) -> Self {
        Self {
            placed: vec![None; incoming.len()],
            refused: Refused::new(),
            members: MembersOf::new(),
        }
    }

    /// The messages that were stored now, each with its place.
    pub(super) fn stored<'m>(&self, incoming: &'m [Incoming]) -> Vec<(&'m Incoming, Fresh)> {
        let all = incoming.iter().zip(&self.placed);
        all.filter_map(|(message, placed)| Some((message, placed.as_ref()?.fresh()?)))
            .collect()
    }

    /// The message that a row is about, and where its place is noted.
    fn of_row<'p, 'm>(
        &'p mut self,
        incoming: &'m [Incoming],
        row: &Row<'_>,
    ) -> Result<(&'m Incoming, &'p mut Option<Placed>), StoreError> {
        let number: i64 = row.get("number")?;
        let number = usize::try_from(number).ok();
        let placed = number.and_then(|number| self.placed.get_mut(number));
        let message = number.and_then(|number| incoming.get(number));
        message
            .zip(placed)
            .ok_or_else(|| row.inconsistent("number"))
    }

    /// Notes a message that was found by its name.
    fn note(&mut self, incoming: &[Incoming], row: &QueryResult) -> Result<(), StoreError> {
        let (message, placed) = self.of_row(incoming, &Row::of(messages::Entity, row))?;
        let request = message.request;
        match message.earlier(row)? {
            Some(appended) => *placed = Some(Placed::Earlier(appended)),
            None => {
                self.refused
                    .insert(request, AppendError::ClientMessageIdReused);
            }
        }
        Ok(())
    }
}

impl Messages {
    /// Places the messages in their conversations.
    pub(super) async fn place(
        &self,
        transaction: &DatabaseTransaction,
        incoming: &[Incoming],
        now: Timestamp,
    ) -> Result<Places, StoreError> {
        let mut found = match &self.statements.append.placing {
            Placing::OneStatement { place, look_ups } => {
                self.place_in_one(transaction, (place, look_ups), incoming, now)
                    .await
            }
            Placing::InSteps(steps) => self.place_in_steps(transaction, steps, incoming, now).await,
            Placing::InStepsWithLookUps { steps, look_ups } => {
                self.place_and_look_up(transaction, (steps, look_ups), incoming, now)
                    .await
            }
        }?;
        found.refuse_strangers(incoming);
        Ok(found)
    }

    async fn place_in_one(
        &self,
        transaction: &DatabaseTransaction,
        (place, look_ups): (&str, &LookUps),
        incoming: &[Incoming],
        now: Timestamp,
    ) -> Result<Places, StoreError> {
        let mut values: Vec<Value> = vec![
            now.as_micros().into(),
            self.database.retention_micros().into(),
        ];
        let rows = Input::of(&incoming.iter());
        values.extend(self.database.dialect.row_values(rows.columns()));
        let place = self.database.statement(place, values);
        let mut found = Places::of(incoming);
        let (mut overtaken, mut to_changed) = (Vec::new(), Vec::new());
        for result in transaction.query_all_raw(place).await? {
            let row = Row::of(conversations::Entity, &result);
            if row.get("is_earlier")? {
                found.note(incoming, &result)?;
                continue;
            }
            let (message, placed) = found.of_row(incoming, &row)?;
            let now: PlacedRow = row.read()?;
            if now.canonical_id != message.canonical_id {
                return Err(row.inconsistent("canonical_id"));
            }
            if now.has_waited {
                overtaken.push(message);
            }
            *placed = Some(Placed::Now(Fresh {
                appended: now.appended,
                in_large_group: now.is_large.0,
            }));
            if now.members_changed {
                to_changed.push(ToGroup::of(message, now.is_large.0));
            } else {
                found.note_members(message.key, &row)?;
            }
        }
        self.look_up_members(transaction, look_ups, &to_changed, &mut found)
            .await?;
        self.refuse_erased(transaction, look_ups, overtaken).await?;
        Ok(found)
    }

    pub(super) async fn place_in_steps(
        &self,
        transaction: &DatabaseTransaction,
        statements: &Steps,
        incoming: &[Incoming],
        now: Timestamp,
    ) -> Result<Places, StoreError> {
        let mut found = Places::of(incoming);
        let names = named(incoming);
        if !names.is_empty() {
            let names = Input::of(&names.iter());
            let values = self.database.dialect.row_values(names.columns());
            let earlier = self.database.statement(&statements.earlier, values);
            for row in transaction.query_all_raw(earlier).await? {
                found.note(incoming, &row)?;
            }
        }
        let fresh: Vec<_> = incoming
            .iter()
            .zip(&mut found.placed)
            .filter(|(_, placed)| placed.is_none())
            .collect();
        if fresh.is_empty() || !found.refused.is_empty() {
            return Ok(found);
        }
        let messages = fresh.iter().map(|(message, _)| *message);
        let raises = raises(messages.clone());
        let mut next = self
            .raise_heads(transaction, statements, &raises, now)
            .await?;
        let (mut rows, mut positions) = (Vec::new(), Vec::new());
        for (message, placed) in fresh {
            let place = next
                .get_mut(&message.key)
                .ok_or_else(|| super::not_returned(&message.key.to_string()))?;
            place.appended.seq = place.appended.seq.next();
            *placed = Some(Placed::Now(*place));
            rows.push(message.clone());
            positions.push(Position(place.appended));
        }
        let mut values: Vec<Value> = vec![self.database.retention_micros().into()];
        let rows = Input::of(&rows.iter()).beside(Input::of(&positions.iter()));
        values.extend(self.database.dialect.row_values(rows.columns()));
        let insert = self.database.statement(&statements.insert, values);
        for row in transaction.query_all_raw(insert).await? {
            let row = Row::of(messages::Entity, &row);
            found.note_members(row.get("conversation_key")?, &row)?;
        }
        Ok(found)
    }

    /// Raises the heads; returns of each how it was before, with the time of what comes now.
    async fn raise_heads(
        &self,
        transaction: &DatabaseTransaction,
        statements: &Steps,
        raises: &HashMap<ConversationKey, Raise>,
        now: Timestamp,
    ) -> Result<HashMap<ConversationKey, Fresh>, StoreError> {
        let mut values: Vec<Value> = vec![now.as_micros().into()];
        let rows = Input::of(&raises.values());
        values.extend(self.database.dialect.row_values(rows.columns()));
        let raise = self.database.statement(&statements.raise, values);
        let rows = transaction.query_all_raw(raise).await?;
        rows.iter()
            .map(|row| {
                let row = Row::of(conversations::Entity, row);
                let (key, head) = keyed_head(&row)?;
                let raise = raises.get(&key);
                let raise = raise.filter(|raise| raise.canonical_id == head.canonical_id);
                let raise = raise.ok_or_else(|| row.inconsistent("canonical_id"))?;
                let fresh = raise.before(&head);
                Ok((key, fresh.ok_or_else(|| row.inconsistent("last_seq"))?))
            })
            .collect()
    }
}

impl Raise {
    /// The head as it was before it was raised.
    fn before(&self, head: &Head) -> Option<Fresh> {
        let seq = Seq::from_stored(head.last_seq.to_stored() - self.messages)?;
        Some(Fresh {
            appended: Appended {
                seq,
                send_time: head.last_time,
            },
            in_large_group: head.is_large.0,
        })
    }
}
