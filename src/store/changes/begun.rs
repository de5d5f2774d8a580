//! Transactions that hold the locks of the users whose changes they make.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait as _, QueryResult};

use super::{Change, ChangeError, Changes, missing, parameters::asked};
use crate::{
    domain::{Revision, UserId},
    metrics::DatabaseMetrics,
    store::{
        database::{
            error::StoreError,
            row::{Row, read_all},
            transaction::Transaction,
        },
        entity::{changes, kind::StoredKind, users},
        log::{self, Recorded},
        users::Raised,
    },
};

/// A transaction in which changes are to be made.
pub(super) struct Begun {
    pub(super) transaction: Transaction,
    /// Of those to be made, by their users.
    revisions: HashMap<UserId, Revision>,
    /// The records of those that were made before, by their users.
    pub(super) earlier: HashMap<UserId, QueryResult>,
}

impl Begun {
    /// The revision that the change of this user makes.
    pub(super) fn revision(&self, user: &UserId) -> Result<Revision, StoreError> {
        let revision = self.revisions.get(user);
        revision.copied().ok_or_else(missing)
    }
}

/// A change that is to be made in a transaction of its own, for it does more than change rows of `members`.
pub(in crate::store) enum BegunOne {
    /// Its request was carried out before.
    Earlier(Recorded),
    /// It is to be made.
    New(NewChange),
}

/// A transaction that holds the lock of a user whose change it makes.
pub(in crate::store) struct NewChange {
    pub(in crate::store) transaction: Transaction,
    /// The revision that the change makes.
    pub(in crate::store) revision: Revision,
    kind: StoredKind,
    metrics: DatabaseMetrics,
}

impl NewChange {
    pub(in crate::store) async fn commit(self) -> Result<(), StoreError> {
        self.transaction.commit().await?;
        self.metrics.changed(self.kind.name());
        Ok(())
    }
}

impl Changes {
    /// Begins a transaction of changes. The users' locks are taken before anything is looked at, so
    /// what is seen has not been changed by others since.
    pub(super) async fn begin(&self, new: &[&Change]) -> Result<Begun, StoreError> {
        let transaction = self.database.begin().await?;
        let statements = &self.statements;
        let requests = self.database.dialect.row_values(asked(new).columns());
        let raise = self.database.statement(&statements.raise, requests.clone());
        let raised = transaction.query_all_raw(raise).await?;
        let raised: Vec<Raised> = read_all(users::Entity, &raised)?;
        let revisions = raised.into_iter().map(|one| (one.user_id, one.revision));
        let mut earlier = HashMap::new();
        if new.iter().any(|change| change.origin.request.is_some()) {
            let statement = self.database.statement(&statements.earlier, requests);
            for row in transaction.query_all_raw(statement).await? {
                earlier.insert(Row::of(changes::Entity, &row).get("user_id")?, row);
            }
        }
        Ok(Begun {
            transaction,
            revisions: revisions.collect(),
            earlier,
        })
    }

    /// The same for one change.
    pub(in crate::store) async fn begin_one(
        &self,
        change: &Change,
    ) -> Result<BegunOne, ChangeError> {
        let begun = self.begin(&[change]).await?;
        let user = &change.origin.user;
        if let Some(row) = begun.earlier.get(user) {
            let earlier = log::recorded_for(&Row::of(changes::Entity, row), &change.origin)?;
            return Ok(BegunOne::Earlier(earlier));
        }
        Ok(BegunOne::New(NewChange {
            revision: begun.revision(user)?,
            transaction: begun.transaction,
            kind: change.kind,
            metrics: self.database.metrics.clone(),
        }))
    }
}
