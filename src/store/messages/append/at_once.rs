//! Storing messages in one statement and one round trip, on one PostgreSQL.
//!
//! The statement writes both sides. It is for messages that name all whom they reach: one-to-one, and from the system
//! to one user; and that are the only ones of their conversations in the batch. It leaves out a message, if
//!
//! - it was stored before: its name is found;
//! - the head was raised while the statement waited for it. A message that was stored and erased meanwhile would
//!   escape the look-up of names ([`super::placing`]);
//! - the head is of another conversation;
//! - the statement is late, because this process or the network stood still ([`super::super::under_way`]).
//!
//! The transaction stores what is left. So it alone knows how to answer retries, to refuse, and to look again.

use std::{collections::BTreeMap, sync::Arc};

use sea_orm::{ConnectionTrait as _, FromQueryResult, Value};

use super::{
    Append, Appended, Audience,
    arrival::Arrivals,
    rows::{Incoming, Number, incoming, raises},
};
use crate::{
    domain::Clock,
    store::{
        database::{IDLE_TRANSACTION, error::StoreError, input::Input, row::Row},
        entity::messages,
        messages::Messages,
    },
};

/// Where messages were stored at once, by the places of their requests in the batch.
pub(super) type StoredAtOnce = BTreeMap<usize, Appended>;

/// A message that was stored, as the statement returns it.
#[derive(FromQueryResult)]
struct StoredRow {
    number: Number,
    #[sea_orm(nested)]
    appended: Appended,
}

impl Audience {
    /// Whether it is one conversation whose members it names.
    fn names_members(&self) -> bool {
        match self {
            Self::C2c { .. } => true,
            Self::System { owners } => owners.len() == 1,
            Self::Group { .. } => false,
        }
    }
}

impl Messages {
    /// Stores those messages of a batch that one statement can store.
    pub(super) async fn append_at_once(
        &self,
        batch: &[Arc<Append>],
        clock: &Clock,
    ) -> Result<StoredAtOnce, StoreError> {
        let Some(sql) = &self.statements.append.at_once else {
            return Ok(StoredAtOnce::new());
        };
        let mut messages = incoming(batch, |_, append| append.to.names_members());
        let of_conversations = raises(messages.iter());
        messages.retain(|message| {
            let of_conversation = of_conversations.get(&message.key);
            of_conversation.is_some_and(|raise| raise.messages == 1)
        });
        if messages.is_empty() {
            return Ok(StoredAtOnce::new());
        }
        let stored = self
            .database
            .retrying("append", || self.store_at_once(sql, &messages, clock))
            .await?;
        self.database.metrics.stored(stored.len());
        Ok(stored)
    }

    async fn store_at_once(
        &self,
        sql: &str,
        messages: &[Incoming],
        clock: &Clock,
    ) -> Result<StoredAtOnce, StoreError> {
        // Before the time is taken: waiting for a connection does not make the message older.
        let _turn = self.database.turn().await?;
        let now = clock.now();
        // A clock that is turned by hand says nothing of the database's.
        let in_time = if clock.follows_database() {
            now.saturating_add(IDLE_TRANSACTION).as_micros()
        } else {
            i64::MAX
        };
        let mut values: Vec<Value> = vec![
            now.as_micros().into(),
            self.database.retention_micros().into(),
            in_time.into(),
        ];
        let rows = Input::of(&messages.iter());
        values.extend(self.database.dialect.row_values(rows.columns()));
        let arrivals = Arrivals::named(messages).rows();
        values.extend(self.database.dialect.row_values(arrivals.columns()));
        let statement = self.database.statement(sql, values);
        let rows = self.database.pool().query_all_raw(statement).await?;
        let stored = rows.iter().map(|row| {
            let row = Row::of(messages::Entity, row);
            let StoredRow { number, appended } = row.read()?;
            // Their numbers rise.
            let index = messages.binary_search_by_key(&number, |message| message.number);
            let message = index.ok().and_then(|index| messages.get(index));
            let message = message.ok_or_else(|| row.inconsistent("number"))?;
            Ok((message.request, appended))
        });
        stored.collect()
    }
}
