//! A change of a user's view, made and recorded at once.
//!
//! Every change is the same five steps: raise the user's revision, which also takes the user's lock;
//! look whether its request was carried out before; update the user's rows of `members`; work out
//! what happened to each conversation; record all that in `changes`. On one PostgreSQL the five are one
//! statement, so one round trip; on SQLite and on a cluster they are statements of one transaction. Both are
//! made here from one [`ChangeRule`], so a rule is written once; and both can make the changes of
//! several users at once, when many come at once: see [`crate::store::database::coalesce`].
//!
//! The one statement makes a change or does nothing. It does nothing for a request that was carried out before, and
//! where the limit of pins may not leave room; then the change goes through the steps, whose transaction says
//! what becomes of it. A single statement sees the database as it was when it began; if it then waits for the
//! user's lock, it may not see that its request was just carried out. Then the request's name, which is unique,
//! stops it, and it is run again.
//!
//! The recorded row is at once the response to a retry, the event for the user's other clients and
//! the audit trail.

mod begun;
pub(super) mod deletions;
pub(super) mod folders;
mod in_steps;
mod parameters;
mod rule;
pub(super) mod settings;

use std::{collections::HashMap, sync::Arc, time::Duration};

use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult, Statement, Value};

use crate::{
    domain::{ConversationId, Origin, Revision, Synchronisation, Timestamp, UserId},
    store::{
        database::{
            Database,
            coalesce::Request,
            error::StoreError,
            input::{Input, InputRow},
            observed::DatabaseTransaction,
            row::Row,
            transaction::AsStoreError,
        },
        entity::{self, kind::StoredKind},
        log::{self, Recorded, RequestError},
    },
};

pub(in crate::store) use begun::BegunOne;
use parameters::{Raised, Results, changes, owned, sorted};
use rule::{AtOnce, Form, OfRows};
pub(in crate::store) use rule::{ChangeKind, ChangeRule, ResultField, Statements, Surplus};

/// One change to make.
#[derive(Debug, Clone)]
pub(in crate::store) struct Change {
    pub(in crate::store) origin: Origin,
    pub(in crate::store) kind: StoredKind,
    pub(in crate::store) time: Timestamp,
    pub(in crate::store) synchronisation: Synchronisation,
    pub(in crate::store) restorable_until: Option<Timestamp>,
    /// From when on the histories of the conversations may have something to erase.
    pub(in crate::store) erasable_from: Option<Timestamp>,
    /// The deletion that this change undoes.
    pub(in crate::store) undoes: Option<Revision>,
    /// The data of the change beside its conversations.
    pub(in crate::store) detail: Option<String>,
    /// In the order of the request.
    pub(in crate::store) conversations: Vec<ConversationId>,
    /// The input of its kind for each conversation: a row for each.
    pub(in crate::store) input: Input,
    /// The most pins that the user may have.
    pub(in crate::store) pin_limit: u32,
}

impl Change {
    /// Until when it is kept: for its retries, and to be undone, even if the settings change meanwhile.
    fn kept_until(&self, retention: Duration) -> Timestamp {
        let kept_until = self.time.saturating_add(retention);
        self.restorable_until
            .map_or(kept_until, |until| until.max(kept_until))
    }
}

impl Change {
    /// Its record, now that it was made.
    fn recorded(&self, revision: Revision, results: &str) -> Result<Recorded, StoreError> {
        let recorded = Recorded {
            revision,
            kind: self.kind,
            restorable_until: self.restorable_until,
            conversations: Vec::new(),
            detail: self.detail.clone(),
        };
        recorded.with_results(self.conversations.clone(), results)
    }
}

impl Request for Change {
    fn rows(&self) -> usize {
        self.conversations.len()
    }

    /// Each takes its user's lock.
    fn excludes(&self) -> Option<&str> {
        Some(self.origin.user.as_str())
    }
}

/// The result of making a change.
#[derive(Debug)]
pub(in crate::store) enum Made {
    /// It was made and has this revision and, as JSON, these results.
    Now(Revision, String),
    /// Its request was carried out before, and this was recorded.
    Earlier(QueryResult),
}

/// The outcome of one of several changes.
pub(in crate::store) type Outcome = Result<Made, ChangeError>;

/// Why a change was not made.
#[derive(Debug, Clone, thiserror::Error)]
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

/// Making changes, of whatever kind.
#[derive(Clone)]
pub(in crate::store) struct Changes {
    database: Database,
    statements: Arc<Statements>,
}

impl Changes {
    pub(in crate::store) fn of(database: &Database) -> Self {
        Self {
            database: database.clone(),
            statements: Arc::new(Statements::new(database.dialect)),
        }
    }

    /// Makes and records a change of these rows, or returns what was recorded when its request came
    /// first. `name` is what an operator knows the operation by.
    pub(in crate::store) async fn change<R: InputRow>(
        &self,
        name: &'static str,
        kind: &ChangeKind<R>,
        change: Change,
        rows: &[R],
    ) -> Result<Recorded, ChangeError> {
        let input = Input::of(&rows.iter());
        self.change_of_rows(name, &kind.of_rows, Change { input, ..change })
            .await
    }

    async fn change_of_rows(
        &self,
        name: &'static str,
        kind: &Arc<OfRows>,
        change: Change,
    ) -> Result<Recorded, ChangeError> {
        debug_assert!(change.input.is_of(&kind.shape), "the rows fit");
        let change = Arc::new(change);
        let run = {
            let (making, kind) = (self.clone(), Arc::clone(kind));
            move |batch: Vec<Arc<Change>>| {
                let (making, kind) = (making.clone(), Arc::clone(&kind));
                async move { making.make(name, &kind, &batch).await }
            }
        };
        let made = if kind.is_coalesced() {
            kind.queue.carry_out(Arc::clone(&change), run).await?
        } else {
            let mut made = run(vec![Arc::clone(&change)]).await?;
            made.pop().ok_or_else(missing)?
        };
        match made? {
            Made::Now(revision, results) => Ok(change.recorded(revision, &results)?),
            Made::Earlier(row) => Ok(log::recorded_for(
                &Row::of(entity::changes::Entity, &row),
                &change.origin,
            )?),
        }
    }

    /// Makes changes, each all or nothing. No two are of one user. If it fails as a whole, none of them is made.
    async fn make(
        &self,
        name: &'static str,
        kind: &OfRows,
        batch: &[Arc<Change>],
    ) -> Result<Vec<Outcome>, ChangeError> {
        let sorted = sorted(batch);
        let mut made = self
            .database
            .retrying(name, || self.make_at_once(&kind.form, &sorted))
            .await?;
        let left = sorted.iter().copied();
        let left: Vec<_> = left
            .filter(|change| !made.contains_key(&change.origin.user))
            .collect();
        let mut failed = None;
        if !left.is_empty() {
            let in_steps = || self.make_in_steps(&kind.form.steps, &left);
            match self.database.retrying(name, in_steps).await {
                Ok(in_steps) => made.extend(in_steps),
                Err(error) if made.is_empty() => return Err(error),
                Err(error) => failed = Some(error),
            }
        }
        let outcomes = batch.iter().map(|change| {
            let made = made.remove(&change.origin.user);
            let made = made.ok_or_else(|| failed.clone().unwrap_or_else(|| missing().into()))?;
            if matches!(made, Made::Now(..)) {
                self.database.metrics.changed(change.kind.name());
            }
            Ok(made)
        });
        Ok(outcomes.collect())
    }

    /// Makes those changes that are one statement, alone or together.
    async fn make_at_once(
        &self,
        form: &Form,
        changes: &[&Change],
    ) -> Result<HashMap<UserId, Made>, StoreError> {
        let statement = match (form.at_once.as_ref(), changes) {
            (None, _) => None,
            (Some(AtOnce { alone, .. }), [change]) => self.alone(alone, form.steps.surplus, change),
            (Some(AtOnce { together, .. }), changes) => {
                let together = together.as_ref();
                together.map(|together| self.together(together, changes))
            }
        };
        let Some(statement) = statement else {
            return Ok(HashMap::new());
        };
        let rows = self.database.pool().query_all_raw(statement).await?;
        rows.iter().map(now).collect()
    }

    /// The statement that makes a change by itself; `None` if there cannot be room for it, whatever is pinned.
    fn alone(&self, sql: &str, surplus: Option<Surplus>, change: &Change) -> Option<Statement> {
        let mut values = self.parameters_alone(change);
        if surplus.is_some() {
            let limit = change.pin_limit;
            if u32::try_from(change.conversations.len()).is_ok_and(|count| count > limit) {
                return None;
            }
            values.push(i64::from(limit).into());
        }
        Some(self.database.statement(sql, values))
    }

    fn together(&self, sql: &str, sorted: &[&Change]) -> Statement {
        let dialect = self.database.dialect;
        let mut values = dialect.row_values(changes(sorted, self.database.retention).columns());
        values.extend(dialect.row_values(owned(sorted).columns()));
        self.database.statement(sql, values)
    }

    fn parameters_alone(&self, change: &Change) -> Vec<Value> {
        let mut values = changes(&[change], self.database.retention).into_scalars();
        values.extend(self.database.dialect.row_values(change.input.columns()));
        values
    }

    /// Records a change whose results were worked out by the caller.
    pub(in crate::store) async fn record(
        &self,
        transaction: &DatabaseTransaction,
        change: &Change,
        revision: Revision,
        results: &str,
    ) -> Result<Recorded, StoreError> {
        let row = changes(&[change], self.database.retention)
            .beside(Input::of(&[Raised(revision.to_stored())].iter()))
            .beside(Input::of(&[Results(results.to_owned())].iter()));
        let statement = self
            .database
            .statement(&self.statements.record, row.into_scalars());
        transaction.execute_raw(statement).await?;
        change.recorded(revision, results)
    }
}

/// Reads what is returned of a change that was just made, with its user.
fn now(row: &QueryResult) -> Result<(UserId, Made), StoreError> {
    let news: News = Row::of(entity::changes::Entity, row).read()?;
    Ok((news.user_id, Made::Now(news.revision, news.results)))
}

/// The news of a change that was just made: the rest is known.
#[derive(FromQueryResult)]
struct News {
    user_id: UserId,
    revision: Revision,
    results: String,
}

/// The error for a statement that returned no row although it always returns one.
fn missing() -> StoreError {
    StoreError::Statement(sea_orm::DbErr::RecordNotFound(
        "the row of a change".to_owned(),
    ))
}

impl From<RequestError> for ChangeError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::IdReused => Self::RequestIdReused,
            RequestError::Store(error) => Self::Store(error),
        }
    }
}

impl AsStoreError for ChangeError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::RequestIdReused | Self::PinLimitReached(_) => None,
            Self::Store(error) => Some(error),
        }
    }

    fn is_refusal(&self) -> bool {
        match self {
            Self::RequestIdReused | Self::PinLimitReached(_) => true,
            Self::Store(error) => error.is_refusal(),
        }
    }
}
