//! A change of a user's view, made and recorded at once.
//!
//! Every change is the same five steps: look whether its request was carried out before; raise the
//! user's revision, which also takes the user's lock; update the user's rows of `members`; work out
//! what happened to each conversation; record all that in `changes`. On PostgreSQL the five are one
//! statement, so one round trip; on SQLite they are four statements of one transaction. Both are
//! made here from one [`ChangeRule`], so a rule is written once.
//!
//! The recorded row is at once the response to a retry, the event for the user's other clients and
//! the audit trail. The first response is read back from it too: a retry cannot tell the difference.

use sea_orm::{ConnectionTrait, QueryResult, Value};

use super::{
    Store, StoreError,
    dialect::{Column, ColumnType, Dialect},
    log::{self, RECORDED, Recorded},
    row::Row,
    transaction::AsStoreError,
};
use crate::domain::{Origin, Revision, Synchronisation, Timestamp};

/// What distinguishes one kind of change: SQL over `m`, the user's row of `members`, `i`, the row of
/// the request, and `{revision}`, the revision that the change makes.
pub(super) struct ChangeRule<'a> {
    /// The columns of `i`. The first is `conversation_key`.
    pub(super) input: &'a [(&'a str, ColumnType)],
    /// The `SET` list of the update of `m`.
    pub(super) assignments: String,
    /// What is recorded of each conversation, worked out after the update.
    pub(super) results: &'a [ResultField<'a>],
}

/// One number that is recorded for each conversation of a change.
pub(super) struct ResultField<'a> {
    pub(super) name: &'a str,
    /// Worked out from `m` as it is after the update, `i` and `{revision}`.
    pub(super) sql: String,
    /// The value where the user has no such row.
    pub(super) absent: i64,
}

/// The statements of one kind of change, made once from its rule.
pub(super) enum ChangeStatement {
    OneStatement(String),
    Steps(Box<Steps>),
}

pub(super) struct Steps {
    earlier: String,
    raise: String,
    apply: String,
    record: String,
}

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
    /// The text forms of the conversations, in the order of the request.
    pub(super) conversations: Vec<String>,
    /// The columns of [`ChangeRule::input`].
    pub(super) input: Vec<Column>,
}

/// The kinds of change, as they are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub(super) enum StoredKind {
    Delete = 1,
    DeleteAndClear = 2,
    Clear = 3,
    Restore = 4,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// The request's ID was used for another request before.
    #[error("the request ID was used for another request")]
    RequestIdReused,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Parameters `$1` to `$11` are the user and the columns that every change has.
const FIRST_INPUT: usize = 12;

impl ChangeStatement {
    pub(super) fn new(dialect: Dialect, rule: &ChangeRule<'_>) -> Self {
        let (rows, next) = dialect.rows(FIRST_INPUT, rule.input);
        match dialect {
            Dialect::Postgres => Self::OneStatement(one_statement(&rows, rule)),
            Dialect::Sqlite => Self::Steps(Box::new(steps(&rows, next, rule))),
        }
    }
}

fn one_statement(rows: &str, rule: &ChangeRule<'_>) -> String {
    let of_bumped = |sql: &str| sql.replace("{revision}", "b.revision");
    let returning: Vec<_> = rule
        .results
        .iter()
        .map(|field| format!("{} AS {}", of_bumped(&field.sql), field.name))
        .collect();
    let recorded: Vec<_> = rule
        .results
        .iter()
        .map(|field| format!("COALESCE(a.{}, {})", field.name, field.absent))
        .collect();
    let recorded: Vec<_> = recorded.iter().map(String::as_str).collect();
    format!(
        "WITH earlier AS ({earlier}), \
         input AS (SELECT * FROM {rows}), \
         raised AS ( \
             INSERT INTO users (user_id, revision) SELECT $1, 1 WHERE NOT EXISTS (SELECT 1 FROM earlier) \
             ON CONFLICT (user_id) DO UPDATE SET revision = users.revision + 1 \
             RETURNING revision), \
         applied AS ( \
             UPDATE members AS m SET {assignments} FROM input AS i CROSS JOIN raised AS b \
             WHERE m.user_id = $1 AND m.conversation_key = i.conversation_key \
             RETURNING i.ord, {returning}), \
         recorded AS ( \
             INSERT INTO changes (user_id, revision, request_id, request_digest, client_id, kind, \
                 changed_at, synced, restorable_until, erasable_from, undoes, conversations, results) \
             SELECT $1, b.revision, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, {results} FROM raised AS b \
             RETURNING {RECORDED}) \
         SELECT {RECORDED} FROM recorded UNION ALL SELECT {RECORDED} FROM earlier",
        earlier = log::of_request(),
        assignments = of_bumped(&rule.assignments),
        returning = returning.join(", "),
        results =
            Dialect::Postgres.json_rows(&recorded, "input AS i LEFT JOIN applied AS a USING (ord)"),
    )
}

fn steps(rows: &str, revision: usize, rule: &ChangeRule<'_>) -> Steps {
    let of_parameter = |sql: &str| sql.replace("{revision}", &format!("${revision}"));
    let fields: Vec<_> = rule
        .results
        .iter()
        .map(|field| {
            format!(
                "CASE WHEN m.user_id IS NULL THEN {} ELSE {} END AS {}",
                field.absent,
                of_parameter(&field.sql),
                field.name
            )
        })
        .collect();
    let names: Vec<_> = rule.results.iter().map(|field| field.name).collect();
    let results = Dialect::Sqlite.json_rows(
        &names,
        &format!(
            "(SELECT i.ord, {} FROM {rows} LEFT JOIN members AS m \
              ON m.user_id = $1 AND m.conversation_key = i.conversation_key)",
            fields.join(", ")
        ),
    );
    Steps {
        earlier: log::of_request(),
        raise: "INSERT INTO users (user_id, revision) VALUES ($1, 1) \
                ON CONFLICT (user_id) DO UPDATE SET revision = users.revision + 1 \
                RETURNING revision"
            .to_owned(),
        apply: format!(
            "UPDATE members AS m SET {} FROM {rows} \
             WHERE m.user_id = $1 AND m.conversation_key = i.conversation_key",
            of_parameter(&rule.assignments)
        ),
        record: format!(
            "INSERT INTO changes (user_id, revision, request_id, request_digest, client_id, kind, \
                 changed_at, synced, restorable_until, erasable_from, undoes, conversations, results) \
             VALUES ($1, ${revision}, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, {results}) \
             RETURNING {RECORDED}"
        ),
    }
}

impl Store {
    /// Makes and records a change, or returns what was recorded when its request came first.
    pub(super) async fn change(
        &self,
        name: &'static str,
        statement: &ChangeStatement,
        change: Change<'_>,
    ) -> Result<Recorded, ChangeError> {
        let digest = change.origin.request.map(|request| request.digest);
        let values = self.change_values(change);
        let row = match statement {
            ChangeStatement::OneStatement(sql) => {
                let statement = self.statement(sql, values);
                self.retrying(name, || async {
                    let row = self.pool().query_one_raw(statement.clone()).await?;
                    row.ok_or_else(|| missing("recorded change"))
                })
                .await?
            }
            ChangeStatement::Steps(steps) => {
                self.retrying(name, || async {
                    let transaction = self.begin().await?;
                    let row = self.change_in_steps(&*transaction, steps, &values).await?;
                    transaction.commit().await?;
                    Ok::<_, StoreError>(row)
                })
                .await?
            }
        };
        let row = Row::new(log::TABLE, &row);
        match digest {
            Some(digest) => log::recorded_as(&row, digest),
            None => Ok(log::recorded(&row)?),
        }
    }

    async fn change_in_steps(
        &self,
        transaction: &impl ConnectionTrait,
        steps: &Steps,
        values: &[Value],
    ) -> Result<QueryResult, StoreError> {
        let of_values = |sql: &str| self.statement(sql, values.to_vec());
        if let Some(earlier) = transaction.query_one_raw(of_values(&steps.earlier)).await? {
            return Ok(earlier);
        }
        let raised = transaction.query_one_raw(of_values(&steps.raise)).await?;
        let raised = raised.ok_or_else(|| missing("raised revision"))?;
        let revision = Row::new("users", &raised).revision("revision")?;

        let mut values = values.to_vec();
        values.push(revision.to_stored().into());
        let with_revision = |sql: &str| self.statement(sql, values.clone());
        transaction.execute_raw(with_revision(&steps.apply)).await?;
        let recorded = transaction
            .query_one_raw(with_revision(&steps.record))
            .await?;
        recorded.ok_or_else(|| missing("recorded change"))
    }

    fn change_values(&self, change: Change<'_>) -> Vec<Value> {
        let Origin {
            user,
            client,
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
        ];
        values.extend(self.dialect.row_values(change.input));
        values
    }
}

impl StoredKind {
    pub(super) const fn from_stored(number: i16) -> Option<Self> {
        match number {
            1 => Some(Self::Delete),
            2 => Some(Self::DeleteAndClear),
            3 => Some(Self::Clear),
            4 => Some(Self::Restore),
            _ => None,
        }
    }
}

/// The error for a statement that returned no row although it always returns one.
fn missing(what: &str) -> StoreError {
    StoreError::Statement(sea_orm::DbErr::RecordNotFound(what.to_owned()))
}

impl AsStoreError for ChangeError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::RequestIdReused => None,
            Self::Store(error) => Some(error),
        }
    }
}
