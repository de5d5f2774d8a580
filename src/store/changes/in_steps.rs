//! Changes that are made in several statements of one transaction: all of them on SQLite and on a cluster; on one
//! PostgreSQL those that may come to a limit, and those that do more than change rows of `members`.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Value};

use super::{
    Change, ChangeError, Changes, Made, missing, now,
    parameters::{Raised, changes, raised},
    rule::{ChangeKind, Steps, Surplus},
};
use crate::{
    domain::{ConversationKey, Revision, UserId},
    store::{
        database::{
            dialect::Column, error::StoreError, input::Input, observed::DatabaseTransaction,
            row::Row,
        },
        entity::{self, members},
        log::Recorded,
    },
};

/// The user's pins, and those of them that the change at hand has made.
#[derive(FromQueryResult)]
struct Pins {
    pins: i64,
    new_pins: i64,
}

impl Changes {
    /// Makes changes of any number of users, all of them or none.
    pub(super) async fn make_in_steps(
        &self,
        steps: &Steps,
        changes: &[&Change],
    ) -> Result<HashMap<UserId, Made>, ChangeError> {
        let mut new = changes.to_vec();
        let begun = self.begin(&new).await?;
        new.retain(|change| !begun.earlier.contains_key(&change.origin.user));
        let revisions: Vec<i64> = new
            .iter()
            .map(|change| Ok(begun.revision(&change.origin.user)?.to_stored()))
            .collect::<Result<_, StoreError>>()?;
        let transaction = begun.transaction;
        let earlier = begun.earlier.into_iter();
        let mut made: HashMap<_, _> = earlier
            .map(|(user, row)| (user, Made::Earlier(row)))
            .collect();
        if new.is_empty() {
            // The transaction is rolled back: on PostgreSQL a revision may have been raised in vain.
            return Ok(made);
        }
        let rows = self
            .apply_all(&transaction, steps, &new, &revisions)
            .await?;
        for row in self
            .record_all(&transaction, steps, &new, &revisions, rows)
            .await?
        {
            let (user, now) = now(&row)?;
            made.insert(user, now);
        }
        transaction.commit().await?;
        Ok(made)
    }

    /// Changes the users' rows, whose revisions have been raised to these. Returns the parameters that stand
    /// for them, for [`Changes::record_all`].
    async fn apply_all(
        &self,
        transaction: &DatabaseTransaction,
        steps: &Steps,
        new: &[&Change],
        revisions: &[i64],
    ) -> Result<Vec<Value>, ChangeError> {
        let rows = self
            .database
            .dialect
            .row_values(raised(new, revisions).columns());
        let apply = self.database.statement(&steps.apply, rows.clone());
        let applied = transaction.execute_raw(apply).await;
        applied.map_err(StoreError::from)?;
        if let Some(surplus) = steps.surplus {
            for (change, revision) in new.iter().zip(revisions) {
                self.keep_limit(transaction, surplus, change, *revision)
                    .await?;
            }
        }
        Ok(rows)
    }

    /// Records changes that were applied to these rows.
    async fn record_all(
        &self,
        transaction: &DatabaseTransaction,
        steps: &Steps,
        new: &[&Change],
        revisions: &[i64],
        rows: Vec<Value>,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let revisions: Vec<_> = revisions.iter().copied().map(Raised).collect();
        let made_now = changes(new, self.database.retention).beside(Input::of(&revisions.iter()));
        let mut values = self.database.dialect.row_values(made_now.columns());
        values.extend(rows);
        let record = self.database.statement(&steps.record, values);
        Ok(transaction.query_all_raw(record).await?)
    }

    /// Changes the user's rows as the first part of a change that does more in its transaction.
    pub(in crate::store) async fn apply_one<R>(
        &self,
        transaction: &DatabaseTransaction,
        kind: &ChangeKind<R>,
        change: &Change,
        revision: Revision,
    ) -> Result<(), ChangeError> {
        let steps = &kind.of_rows.form.steps;
        let revisions = [revision.to_stored()];
        self.apply_all(transaction, steps, &[change], &revisions)
            .await?;
        Ok(())
    }

    /// Records a change that was applied so.
    pub(in crate::store) async fn record_applied<R>(
        &self,
        transaction: &DatabaseTransaction,
        kind: &ChangeKind<R>,
        change: &Change,
        revision: Revision,
    ) -> Result<Recorded, StoreError> {
        let steps = &kind.of_rows.form.steps;
        let revisions = [revision.to_stored()];
        let rows = self
            .database
            .dialect
            .row_values(raised(&[change], &revisions).columns());
        let recorded = self
            .record_all(transaction, steps, &[change], &revisions, rows)
            .await?;
        let row = recorded.first().ok_or_else(missing)?;
        let results: String = Row::of(entity::changes::Entity, row).get("results")?;
        change.recorded(revision, &results)
    }

    /// Sees to it that a change does not leave its user with more pins than the limit allows.
    async fn keep_limit(
        &self,
        transaction: &DatabaseTransaction,
        surplus: Surplus,
        change: &Change,
        revision: i64,
    ) -> Result<(), ChangeError> {
        let values = [change.origin.user.as_str().into(), revision.into()];
        let pins = self.database.statement(&self.statements.pins, values);
        let row = transaction.query_one_raw(pins).await;
        let row = row.map_err(StoreError::from)?.ok_or_else(missing)?;
        let Pins { pins, new_pins } = Row::of(members::Entity, &row).read()?;
        if new_pins == 0 || pins <= i64::from(change.pin_limit) {
            return Ok(());
        }
        match surplus {
            Surplus::Refused => Err(ChangeError::PinLimitReached(change.pin_limit)),
            Surplus::LeftOut => {
                let room = i64::from(change.pin_limit) - (pins - new_pins);
                Ok(self.unpin(transaction, change, revision, room).await?)
            }
        }
    }

    /// Leaves only so many of the pins that a change has made, in its order.
    async fn unpin(
        &self,
        transaction: &DatabaseTransaction,
        change: &Change,
        revision: i64,
        room: i64,
    ) -> Result<(), StoreError> {
        let user = &change.origin.user;
        let keys = change.conversations.iter();
        let keys = keys.map(|id| ConversationKey::of(id, user)).collect();
        let mut values = vec![user.as_str().into(), revision.into(), room.into()];
        values.extend(self.database.dialect.row_values(&[Column::Keys(keys)]));
        let unpin = self.database.statement(&self.statements.unpin, values);
        transaction.execute_raw(unpin).await?;
        Ok(())
    }
}
