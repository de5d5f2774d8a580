//! Transactions that hold the locks of the users whose changes they make.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait as _, QueryResult};

use super::{Change, ChangeError, Changes, missing, parameters::asked};
use crate::{
    domain::{Revision, UserId},
    metrics::DatabaseMetrics,
    store::{
        database::{error::StoreError, row::Row, transaction::Transaction},
        log::{self, Recorded, kind::StoredKind},
    },
};

/// A transaction in which changes are to be made.
pub(super) struct Begun {
    pub(super) transaction: Transaction,
    /// Of those to be made, by their users.
    revisions: HashMap<String, Revision>,
    /// The records of those that were made before, by their users.
    pub(super) earlier: HashMap<String, QueryResult>,
}

impl Begun {
    /// The revision that the change of this user makes.
    pub(super) fn revision(&self, user: &UserId) -> Result<Revision, StoreError> {
        let revision = self.revisions.get(user.as_str());
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
    pub(super) async fn begin(&self, changes: &[&Change]) -> Result<Begun, StoreError> {
        let transaction = self.database.begin().await?;
        let statements = &self.statements;
        let requests = self.database.dialect.row_values(asked(changes).columns());
        let raise = self.database.statement(&statements.raise, requests.clone());
        let mut revisions = HashMap::new();
        for row in transaction.query_all_raw(raise).await? {
            let row = Row::new("users", &row);
            revisions.insert(row.get("user_id")?, row.revision("revision")?);
        }
        let mut earlier = HashMap::new();
        if changes.iter().any(|change| change.origin.request.is_some()) {
            let statement = self.database.statement(&statements.earlier, requests);
            for row in transaction.query_all_raw(statement).await? {
                earlier.insert(Row::new(log::TABLE, &row).get("user_id")?, row);
            }
        }
        Ok(Begun {
            transaction,
            revisions,
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
        if let Some(row) = begun.earlier.get(user.as_str()) {
            let earlier = log::recorded_for(&Row::new(log::TABLE, row), &change.origin)?;
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
