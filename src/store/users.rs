//! The revision of each user: it counts the user's changes, and its row is the lock that they take.
//!
//! A revision is never given out twice, also if the database is restored from a backup. The backup does not
//! hold the revisions that were given out after it was made. If they were given out again, for other changes,
//! a client that knows one of them would pass over what it has not seen. So
//! restoring a backup begins a new *incarnation*: its base lies above every revision that was ever given out,
//! and every user, known or not, has come to the base at least. Nothing is written to the users' rows for
//! that; the statements that raise a revision or read one take the base into account, so an incarnation
//! begins for all users and all replicas at once.
//!
//! A base is the time at which the incarnation began, in microseconds. No user makes a change each
//! microsecond, so revisions stay below the time, and so below the next base: also if the same backup
//! is restored twice.

use std::collections::HashMap;

use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, FromQueryResult, QueryFilter as _,
    QueryResult, UpdateMany, sea_query::Expr,
};

use crate::{
    domain::{Clock, Revision, UserId},
    store::{
        database::{
            Database,
            dialect::{Column, ColumnType, Dialect},
            error::StoreError,
            row::{Row, read_all},
        },
        entity::{incarnations, users},
    },
};

/// The base of the present incarnation.
pub(in crate::store) const BASE: &str = "(SELECT COALESCE(MAX(base), 0) FROM incarnations)";

/// Takes the lock that every change of the user's rows takes first, and changes nothing.
pub(in crate::store) fn lock(user: &UserId) -> UpdateMany<users::Entity> {
    let revision = users::Column::Revision;
    users::Entity::update_many()
        .col_expr(revision, Expr::col(revision))
        .filter(users::Column::UserId.eq(user.clone()))
}

/// The revisions of a user that mean something: what is outside of them belongs to a history that was
/// given up when a backup was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromQueryResult)]
pub(crate) struct Revisions {
    /// The base of the present incarnation.
    pub(crate) base: Revision,
    /// The user's revision.
    #[sea_orm(from_alias = "revision")]
    pub(crate) present: Revision,
}

/// The revisions of one of several users.
#[derive(FromQueryResult)]
struct OfUser {
    user_id: UserId,
    #[sea_orm(nested)]
    revisions: Revisions,
}

/// A user whose revision was raised.
#[derive(FromQueryResult, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Raised {
    pub(in crate::store) user_id: UserId,
    pub(in crate::store) revision: Revision,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    begin: String,
    known: String,
    revisions: String,
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let (users, _) = dialect.rows("i", 1, &[("user_id", ColumnType::Text)]);
        let present = present(dialect);
        let highest = dialect.greatest(&[
            "$1",
            "(SELECT COALESCE(MAX(revision), 0) FROM users) + 1",
            &format!("{BASE} + 1"),
        ]);
        Self {
            begin: format!(
                "INSERT INTO incarnations (base, began_at) SELECT {highest}, $1 RETURNING base"
            ),
            known: format!(
                "SELECT {BASE} AS base, {present} AS revision FROM (SELECT $1 AS user_id) AS me \
                 LEFT JOIN users AS u ON u.user_id = me.user_id"
            ),
            revisions: format!(
                "SELECT i.user_id, {BASE} AS base, {present} AS revision FROM {users} \
                 LEFT JOIN users AS u ON u.user_id = i.user_id{}",
                dialect.routed_to_any("u.user_id", 1)
            ),
        }
    }
}

/// An expression of what the user of the row `u` of `users` has come to; `u` may be missing.
pub(in crate::store) fn present(dialect: Dialect) -> String {
    dialect.greatest(&["COALESCE(u.revision, 0)", BASE])
}

/// The clause that raises the revision of a user in an insertion into `users` of [`first`].
pub(in crate::store) fn raise(dialect: Dialect) -> String {
    let next = dialect.greatest(&["users.revision + 1", "excluded.revision"]);
    format!("ON CONFLICT (user_id) DO UPDATE SET revision = {next}")
}

/// An expression of the first revision of a user who is not in `users`.
pub(in crate::store) fn first() -> String {
    format!("{BASE} + 1")
}

impl Revisions {
    /// Whether the user has been at this revision in the present incarnation.
    pub(crate) fn contain(&self, revision: Revision) -> bool {
        (self.base..=self.present).contains(&revision)
    }
}

/// The revisions of users.
pub struct Users {
    database: Database,
    statements: Statements,
}

impl Users {
    pub(super) fn of(database: &Database) -> Self {
        Self {
            database: database.clone(),
            statements: Statements::new(database.dialect),
        }
    }

    /// The revisions of a user that mean something at present.
    pub(crate) async fn revisions_of(&self, user: &UserId) -> Result<Revisions, StoreError> {
        let statement = self
            .database
            .statement(&self.statements.known, [user.as_str().into()]);
        self.database
            .read("revision", statement, revisions_of)
            .await
    }

    /// The same of each of these users.
    pub(crate) async fn revisions(
        &self,
        users: &[UserId],
    ) -> Result<HashMap<UserId, Revisions>, StoreError> {
        let asked = users.iter().map(ToString::to_string).collect();
        let values = self.database.dialect.row_values(&[Column::Texts(asked)]);
        let statement = self.database.statement(&self.statements.revisions, values);
        self.database
            .read("revisions", statement, |rows| {
                let rows: Vec<OfUser> = read_all(users::Entity, rows)?;
                let of_users = rows.into_iter().map(|row| (row.user_id, row.revisions));
                Ok(of_users.collect())
            })
            .await
    }

    /// Begins a new incarnation; returns its base. To be done once the database was restored from a
    /// backup, before it is served from. Doing it again is harmless: clients list once more. So is doing
    /// it while other replicas serve.
    ///
    /// # Errors
    ///
    /// A [`StoreError`]; nothing has changed then.
    pub async fn begin_incarnation(&self, clock: &Clock) -> Result<Revision, StoreError> {
        let now = self.database.time(clock).await?;
        let values = [now.as_micros().into()];
        let begin = self.database.statement(&self.statements.begin, values);
        let once = || async {
            let transaction = self.database.begin().await?;
            // It looks at every user.
            self.database.at_length(&transaction).await?;
            let row = transaction.query_one_raw(begin.clone()).await?;
            let base = row.map(|row| Row::of(incarnations::Entity, &row).get("base"));
            transaction.commit().await?;
            base.ok_or_else(|| StoreError::inconsistent(incarnations::Entity, "base", "(new)"))?
        };
        self.database
            .retrying_at_length("begin_incarnation", || Box::pin(once()))
            .await
    }
}

/// The user's revisions in the rows of a statement that returns them beside other columns.
pub(in crate::store) fn revisions_of(rows: &[QueryResult]) -> Result<Revisions, StoreError> {
    match rows.first() {
        Some(first) => Row::of(users::Entity, first).read(),
        None => Err(StoreError::inconsistent(
            users::Entity,
            "revision",
            "(no row)",
        )),
    }
}
