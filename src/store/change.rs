//! A change of a user's view, made and recorded at once.
//!
//! Every change is the same five steps: raise the user's revision, which also takes the user's lock;
//! look whether its request was carried out before; update the user's rows of `members`; work out
//! what happened to each conversation; record all that in `changes`. On PostgreSQL the five are one
//! statement, so one round trip; on SQLite they are four statements of one transaction. Both are
//! made here from one [`ChangeRule`], so a rule is written once.
//!
//! A change that the limit of pins applies to is a transaction on PostgreSQL, too. A single statement
//! sees the database as it was when it began; if it then waits for the user's lock, it would count the
//! pins as they were before the change that it has waited for. For the same reason it may not see that
//! its request was just carried out; then the request's name, which is unique, stops it, and it is run
//! again.
//!
//! The recorded row is at once the response to a retry, the event for the user's other clients and
//! the audit trail. The first response is read back from it too: a retry cannot tell the difference.

mod rule;

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{
    Store, StoreError,
    dialect::Column,
    kind::StoredKind,
    log::{self, Recorded},
    observed::DatabaseTransaction,
    row::Row,
    transaction::{AsStoreError, Transaction},
};
use crate::domain::{Origin, Revision, Synchronisation, Timestamp, UserId};

use rule::Steps;
pub(super) use rule::{
    ChangeRule, ChangeStatement, FIRST_SCALAR, ResultField, Statements, Surplus,
};

/// One change to make.
pub(super) struct Change<'a> {
    pub(super) origin: &'a Origin,
    pub(super) kind: StoredKind,
    pub(super) time: Timestamp,
    pub(super) synchronisation: Synchronisation,
    pub(super) restorable_until: Option<Timestamp>,
    /// From when on the histories of the conversations may have something to erase.
    pub(super) erasable_from: Option<Timestamp>,
    /// The deletion that this change undoes.
    pub(super) undoes: Option<Revision>,
    /// What the change has beside its conversations.
    pub(super) detail: Option<String>,
    /// The text forms of the conversations, in the order of the request.
    pub(super) conversations: Vec<String>,
    /// The [`ChangeRule::scalars`].
    pub(super) scalars: Vec<Value>,
    /// The columns of [`ChangeRule::input`].
    pub(super) input: Vec<Column>,
    /// The most pins that the user may have.
    pub(super) pin_limit: u32,
}

/// A change that is to be made in a transaction.
pub(super) enum Begun {
    /// It is under way, and makes this revision.
    Now(Transaction, Revision),
    /// Its request was carried out before, and this was recorded.
    Earlier(QueryResult),
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// The request's ID was used for another request before.
    #[error("the request ID was used for another request")]
    RequestIdReused,
    /// The user would have more pins than the limit allows.
    #[error("the limit of {0} pins is reached")]
    PinLimitReached(u32),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes and records a change, or returns what was recorded when its request came first.
    pub(super) async fn change(
        &self,
        name: &'static str,
        statement: &ChangeStatement,
        change: Change<'_>,
    ) -> Result<Recorded, ChangeError> {
        let (origin, kind) = (change.origin, change.kind);
        let pin_limit = change.pin_limit;
        let values = self.change_values(change);
        let (row, is_new) = match statement {
            ChangeStatement::OneStatement(sql) => {
                let statement = self.statement(sql, values);
                self.retrying(name, || async {
                    let row = self.pool().query_one_raw(statement.clone()).await?;
                    let row = row.ok_or_else(missing)?;
                    let is_new: bool = Row::new(log::TABLE, &row).get("is_new")?;
                    Ok::<_, StoreError>((row, is_new))
                })
                .await?
            }
            ChangeStatement::Steps(steps) => {
                self.retrying(name, || {
                    self.change_in_steps(origin, steps, &values, pin_limit)
                })
                .await?
            }
        };
        if is_new {
            self.metrics.changed(kind.name());
        }
        log::recorded_for(&Row::new(log::TABLE, &row), origin)
    }

    /// Returns the row, and whether it is new.
    async fn change_in_steps(
        &self,
        origin: &Origin,
        steps: &Steps,
        values: &[Value],
        pin_limit: u32,
    ) -> Result<(QueryResult, bool), ChangeError> {
        let (transaction, revision) = match self.begin_change(origin).await? {
            Begun::Now(transaction, revision) => (transaction, revision),
            Begun::Earlier(recorded) => return Ok((recorded, false)),
        };
        let mut with_revision = values.to_vec();
        with_revision.push(revision.to_stored().into());
        let apply = self.statement(&steps.apply, with_revision.clone());
        transaction
            .execute_raw(apply)
            .await
            .map_err(StoreError::from)?;
        if let Some(surplus) = steps.surplus
            && self
                .has_surplus(&transaction, &origin.user, revision, pin_limit)
                .await?
        {
            match surplus {
                Surplus::Refused => return Err(ChangeError::PinLimitReached(pin_limit)),
                Surplus::LeftOut => {
                    let values = [origin.user.as_str().into(), revision.to_stored().into()];
                    let unpin = self.statement(&self.statements.change.unpin, values);
                    transaction
                        .execute_raw(unpin)
                        .await
                        .map_err(StoreError::from)?;
                }
            }
        }
        let record = self.statement(&steps.record, with_revision);
        let recorded = one(&transaction, record).await?;
        transaction.commit().await?;
        Ok((recorded, true))
    }

    /// Begins the transaction of a change. The user's lock is taken before anything is looked at, so
    /// what is seen has not been changed by others since. If the request was carried out before, the
    /// transaction is rolled back, and the revision with it.
    pub(super) async fn begin_change(&self, origin: &Origin) -> Result<Begun, StoreError> {
        let transaction = self.begin().await?;
        let statements = &self.statements.change;
        let user = || Value::from(origin.user.as_str());
        let raise = self.statement(&statements.raise, [user()]);
        let raised = one(&transaction, raise).await?;
        let revision = Row::new("users", &raised).revision("revision")?;
        if let Some(request) = origin.request {
            let values = [user(), request.id.0.to_vec().into()];
            let earlier = self.statement(&statements.earlier, values);
            if let Some(recorded) = transaction.query_one_raw(earlier).await? {
                return Ok(Begun::Earlier(recorded));
            }
        }
        Ok(Begun::Now(transaction, revision))
    }

    /// Records a change whose results were worked out by the caller.
    pub(super) async fn record(
        &self,
        transaction: &DatabaseTransaction,
        mut values: Vec<Value>,
        revision: Revision,
        results: String,
    ) -> Result<Recorded, StoreError> {
        values.extend([revision.to_stored().into(), results.into()]);
        let statement = self.statement(&self.statements.change.record, values);
        let row = one(transaction, statement).await?;
        log::recorded(&Row::new(log::TABLE, &row))
    }

    /// Whether the change of this revision has pinned something and there are too many pins since.
    async fn has_surplus(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        revision: Revision,
        pin_limit: u32,
    ) -> Result<bool, StoreError> {
        let values = [user.as_str().into(), revision.to_stored().into()];
        let pins = self.statement(&self.statements.change.pins, values);
        let row = one(transaction, pins).await?;
        let row = Row::new("members", &row);
        let (pins, new_pins): (i64, i64) = (row.get("pins")?, row.get("new_pins")?);
        Ok(new_pins > 0 && pins > i64::from(pin_limit))
    }

    /// The parameters of a change: what every change has, its scalars, and its rows if it has any.
    pub(super) fn change_values(&self, change: Change<'_>) -> Vec<Value> {
        let Origin {
            user,
            client,
            caller,
            request,
        } = change.origin;
        let synced = match change.synchronisation {
            Synchronisation::OriginOnly => 0_i16,
            Synchronisation::OtherClients => 1_i16,
        };
        let mut values: Vec<Value> = vec![
            user.as_str().into(),
            request.map(|request| request.id.0.to_vec()).into(),
            request.map(|request| request.digest.0.to_vec()).into(),
            client
                .as_ref()
                .map(|client| client.as_str().to_owned())
                .into(),
            (change.kind as i16).into(),
            change.time.as_micros().into(),
            synced.into(),
            change.restorable_until.map(Timestamp::as_micros).into(),
            change.erasable_from.map(Timestamp::as_micros).into(),
            change.undoes.map(Revision::to_stored).into(),
            serde_json::json!(change.conversations).to_string().into(),
            change.detail.into(),
            caller
                .as_ref()
                .map(|caller| caller.as_str().to_owned())
                .into(),
        ];
        values.extend(change.scalars);
        if !change.input.is_empty() {
            values.extend(self.dialect.row_values(change.input));
        }
        values
    }
}

/// The one row of a statement that always returns one.
async fn one(
    transaction: &DatabaseTransaction,
    statement: Statement,
) -> Result<QueryResult, StoreError> {
    let row = transaction.query_one_raw(statement).await?;
    row.ok_or_else(missing)
}

/// The error for a statement that returned no row although it always returns one.
fn missing() -> StoreError {
    StoreError::Statement(sea_orm::DbErr::RecordNotFound(
        "the row of a change".to_owned(),
    ))
}

impl AsStoreError for ChangeError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::RequestIdReused | Self::PinLimitReached(_) => None,
            Self::Store(error) => Some(error),
        }
    }
}
