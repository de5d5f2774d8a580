//! Look-ups once the heads of messages are locked: on one PostgreSQL for messages that have waited for a head, and on
//! a cluster for all, whose statements are the steps of SQLite. There each statement is for one conversation, and
//! sees the database as it is then.

use sea_orm::{ConnectionTrait as _, DbErr};

use super::{
    Audience,
    placing::{Places, ToGroup},
    rows::{Incoming, named},
    statements::{LookUps, Steps},
};
use crate::{
    domain::Timestamp,
    store::{
        database::{error::StoreError, input::Input, observed::DatabaseTransaction},
        messages::Messages,
    },
};

impl Messages {
    /// Places the messages in their conversations, on a cluster.
    pub(super) async fn place_and_look_up(
        &self,
        transaction: &DatabaseTransaction,
        (steps, look_ups): (&Steps, &LookUps),
        incoming: &[Incoming],
        now: Timestamp,
    ) -> Result<Places, StoreError> {
        let mut found = self
            .place_in_steps(transaction, steps, incoming, now)
            .await?;
        let stored = found.stored(incoming);
        let to_groups: Vec<_> = stored
            .iter()
            .filter(|(message, _)| matches!(message.append.to, Audience::Group { .. }))
            .map(|(message, fresh)| ToGroup::of(message, fresh.in_large_group))
            .collect();
        self.look_up_members(transaction, look_ups, &to_groups, &mut found)
            .await?;
        let stored = stored.into_iter().map(|(message, _)| message).collect();
        self.refuse_erased(transaction, look_ups, stored).await?;
        Ok(found)
    }

    /// Fails if one of these messages was stored and erased since its name was looked up: running again finds it.
    pub(super) async fn refuse_erased(
        &self,
        transaction: &DatabaseTransaction,
        look_ups: &LookUps,
        messages: Vec<&Incoming>,
    ) -> Result<(), StoreError> {
        let names = named(messages);
        if names.is_empty() {
            return Ok(());
        }
        let names = Input::of(&names.iter());
        let values = self.database.dialect.row_values(names.columns());
        let erased = self.database.statement(&look_ups.erased_since, values);
        match transaction.query_one_raw(erased).await? {
            Some(_) => Err(StoreError::Duplicate(DbErr::RecordNotInserted)),
            None => Ok(()),
        }
    }
}
