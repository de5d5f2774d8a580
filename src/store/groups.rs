//! The members of a group chat: the bounds of each member's view.
//!
//! Joining and leaving hold the lock of the group's head, so that a membership begins and ends between
//! two messages and never in the midst of one. One transaction writes both sides. With the group it notes who
//! is a member now (`group_members`), which tells whose membership changes. For each of these users it is a
//! change: it takes their locks after the head's, raises their revisions, changes their rows in `members` and
//! records one change for each. Nobody's membership changes without the head's lock, so what was found under it
//! stays true.
//!
//! A group that gets more members than [`COPIES`] is large from then on, and its members lose their copies
//! of the head: see [`crate::store::messages::append`]. A member who has left has a copy for good, since nothing newer
//! reaches them.

mod parameters;
mod record;
pub(in crate::store) mod statements;

use std::{collections::HashMap, iter::once};

use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::{
    domain::{
        CanonicalId, ConversationId, ConversationKey, Membership, MembershipRequest,
        MembershipsChanged, Timestamp, UserId,
    },
    store::{
        changes::ChangeError,
        database::{
            Database,
            dialect::Column,
            error::StoreError,
            input::Input,
            observed::DatabaseTransaction,
            row::{Row, read_all},
        },
        entity::{conversations, group_members, kind::StoredKind, users},
        heads::{self, Head, keyed_head},
        messages::append::COPIES,
        users::Raised,
    },
};

use parameters::{Joining, Leaving, OfRequest, OfUser};
use record::Changed;
pub(in crate::store) use record::recorded_membership;
pub(in crate::store) use statements::Statements;

/// The memberships of groups.
pub(crate) struct Groups {
    database: Database,
    statements: Statements,
}

impl Groups {
    pub(in crate::store) fn of(database: &Database) -> Self {
        Self {
            database: database.clone(),
            statements: Statements::new(database.dialect),
        }
    }

    /// Makes users members of a group from its newest message on, or ends their membership there; or
    /// returns what was remembered when the request came first.
    ///
    /// # Errors
    ///
    /// A [`ChangeError`]; nothing is changed then.
    pub(crate) async fn change_members(
        &self,
        request: &MembershipRequest,
        now: Timestamp,
    ) -> Result<MembershipsChanged, ChangeError> {
        let kind = match request.membership {
            Membership::Member => StoredKind::Join,
            Membership::Left => StoredKind::Leave,
        };
        let changed = self
            .database
            .retrying(kind.name(), || async {
                let transaction = self.database.begin().await?;
                let changed = self
                    .change_members_in(&transaction, request, kind, now)
                    .await?;
                transaction.commit().await?;
                Ok::<_, ChangeError>(changed)
            })
            .await?;
        for _ in &changed.revisions {
            self.database.metrics.changed(kind.name());
        }
        Ok(changed)
    }

    async fn change_members_in(
        &self,
        transaction: &DatabaseTransaction,
        request: &MembershipRequest,
        kind: StoredKind,
        now: Timestamp,
    ) -> Result<MembershipsChanged, ChangeError> {
        let id = CanonicalId::of_group(&request.group);
        let key = ConversationKey::from(&id);
        let nothing = MembershipsChanged {
            count: 0,
            revisions: Vec::new(),
        };
        let Some(head) = self.locked_head(transaction, request, &id, now).await? else {
            return Ok(nothing);
        };
        if let Some(of_request) = request.request {
            let earlier = self.earlier_members(transaction, key, of_request).await?;
            if let Some(count) = earlier {
                return Ok(MembershipsChanged { count, ..nothing });
            }
        }
        let users = self.note(transaction, request, key).await?;
        let mut changed = Vec::new();
        if !users.is_empty() {
            changed = match request.membership {
                Membership::Member => self.join(transaction, key, &head, users).await?,
                Membership::Left => self.leave(transaction, key, &head, users).await?,
            };
            self.record_members(transaction, request, kind, now, &head, &changed)
                .await?;
            let rejoined = |changed: &Changed| changed.appeared_before;
            if request.membership == Membership::Member && changed.iter().any(rejoined) {
                let lost_sight = statements::lost_sight(key, now).exec(transaction);
                lost_sight.await.map_err(StoreError::from)?;
            }
        }
        if let Some(of_request) = request.request {
            self.remember_members(transaction, key, of_request, now, changed.len())
                .await?;
        }
        Ok(MembershipsChanged {
            count: changed.len(),
            revisions: changed
                .into_iter()
                .map(|one| (one.user, one.revision))
                .collect(),
        })
    }

    /// The head of the group, locked. A group that nobody has used yet gets one, unless there is nobody
    /// to leave it and nothing to remember.
    async fn locked_head(
        &self,
        transaction: &DatabaseTransaction,
        request: &MembershipRequest,
        id: &CanonicalId,
        now: Timestamp,
    ) -> Result<Option<Head>, StoreError> {
        let key = ConversationKey::from(id);
        let needs_one = request.membership == Membership::Member || request.request.is_some();
        let statement = if needs_one {
            self.database
                .built(&heads::lock_or_create_group(key, id, now))
        } else {
            self.database.built(&heads::lock_group(key))
        };
        let row = transaction.query_one_raw(statement).await?;
        row.map(|row| Ok(keyed_head(&Row::of(conversations::Entity, &row))?.1))
            .transpose()
    }

    /// Notes with the group who is a member now. Returns the users for whom that is new.
    async fn note(
        &self,
        transaction: &DatabaseTransaction,
        request: &MembershipRequest,
        key: ConversationKey,
    ) -> Result<Vec<UserId>, StoreError> {
        let statements = &self.statements;
        let sql = match request.membership {
            Membership::Member => &statements.join.note,
            Membership::Left => &statements.leave.note,
        };
        let values = self.of_users(key, request.users.iter());
        let note = self.database.statement(sql, values);
        users_of(&transaction.query_all_raw(note).await?)
    }

    async fn join(
        &self,
        transaction: &DatabaseTransaction,
        key: ConversationKey,
        head: &Head,
        joining: Vec<UserId>,
    ) -> Result<Vec<Changed>, StoreError> {
        let mut having_copies = Vec::new();
        let mut is_large = head.is_large.0;
        if !is_large {
            let members = self.members_of_small(transaction, key).await?;
            if members.len() > COPIES {
                statements::make_large(key).exec(transaction).await?;
                (is_large, having_copies) = (true, members);
            }
        }
        let common = Joining {
            key,
            joined_after: head.last_seq,
            copy: (!is_large).then(|| head.clone()),
        };
        let change = Changing {
            statements: &self.statements.join,
            values: Input::of(&once(&common)).into_scalars(),
            users: joining,
            key,
        };
        self.change_rows(transaction, change, &having_copies).await
    }

    async fn leave(
        &self,
        transaction: &DatabaseTransaction,
        key: ConversationKey,
        head: &Head,
        leaving: Vec<UserId>,
    ) -> Result<Vec<Changed>, StoreError> {
        let common = Leaving {
            key,
            head: head.clone(),
        };
        let change = Changing {
            statements: &self.statements.leave,
            values: Input::of(&once(&common)).into_scalars(),
            users: leaving,
            key,
        };
        self.change_rows(transaction, change, &[]).await
    }

    /// Raises the revisions of the users, takes their copies of the head from others, and changes the users' rows.
    async fn change_rows(
        &self,
        transaction: &DatabaseTransaction,
        change: Changing<'_>,
        having_copies: &[UserId],
    ) -> Result<Vec<Changed>, StoreError> {
        let Changing {
            statements,
            mut values,
            users,
            key,
        } = change;
        let names = || Column::Texts(users.iter().map(ToString::to_string).collect());
        let dialect = self.database.dialect;
        if let Some(at_once) = statements
            .at_once
            .as_ref()
            .filter(|_| having_copies.is_empty())
        {
            values.extend(dialect.row_values(&[names()]));
            let at_once = self.database.statement(at_once, values);
            let rows = transaction.query_all_raw(at_once).await?;
            return rows.iter().map(Changed::of_its_own).collect();
        }
        let raise = dialect.row_values(&[names()]);
        let raise = self.database.statement(&self.statements.raise, raise);
        let rows = transaction.query_all_raw(raise).await?;
        let raised: Vec<Raised> = read_all(users::Entity, &rows)?;
        if !having_copies.is_empty() {
            let forget = self.of_users(key, having_copies.iter());
            let sql = &self.statements.forget_copies;
            let forget = self.database.statement(sql, forget);
            transaction.execute_raw(forget).await?;
        }
        values.extend(dialect.row_values(Input::of(&raised.iter()).columns()));
        let apply = self.database.statement(&statements.apply, values);
        let rows = transaction.query_all_raw(apply).await?;
        let revisions = raised.into_iter().map(|one| (one.user_id, one.revision));
        let revisions: HashMap<_, _> = revisions.collect();
        rows.iter()
            .map(|row| Changed::of_these(row, &revisions))
            .collect()
    }

    /// The parameters of a statement on these users' rows that belong to a group.
    fn of_users<'a>(
        &self,
        key: ConversationKey,
        users: impl Iterator<Item = &'a UserId>,
    ) -> Vec<Value> {
        let users = Column::Texts(users.map(ToString::to_string).collect());
        let mut values = vec![key.to_bytes().into()];
        values.extend(self.database.dialect.row_values(&[users]));
        values
    }

    /// Records a change for each user.
    async fn record_members(
        &self,
        transaction: &DatabaseTransaction,
        request: &MembershipRequest,
        kind: StoredKind,
        now: Timestamp,
        head: &Head,
        changed: &[Changed],
    ) -> Result<(), StoreError> {
        let of_request = OfRequest {
            kind,
            time: now,
            kept_until: now.saturating_add(self.database.retention),
            group: ConversationId::Group(request.group.clone()),
            caller: request.caller.clone(),
        };
        let of_users = changed.iter().map(|one| OfUser {
            user: one.user.clone(),
            revision: one.revision,
            results: one.results(head.last_seq),
        });
        let of_users: Vec<_> = of_users.collect();
        let of_users = Input::of(&of_users.iter());
        let mut values = Input::of(&once(&of_request)).into_scalars();
        values.extend(self.database.dialect.row_values(of_users.columns()));
        let record = self.database.statement(&self.statements.record, values);
        transaction.execute_raw(record).await?;
        Ok(())
    }

    /// All members of a group that was small until now, those included who are about to join.
    async fn members_of_small(
        &self,
        transaction: &DatabaseTransaction,
        key: ConversationKey,
    ) -> Result<Vec<UserId>, StoreError> {
        let sql = &self.statements.members_of_small;
        let some = self.database.statement(sql, [key.to_bytes().into()]);
        users_of(&transaction.query_all_raw(some).await?)
    }
}

/// A change of the rows of some users.
struct Changing<'a> {
    statements: &'a statements::Change,
    /// The parameters before those of the users.
    values: Vec<Value>,
    users: Vec<UserId>,
    key: ConversationKey,
}

fn users_of(rows: &[QueryResult]) -> Result<Vec<UserId>, StoreError> {
    rows.iter()
        .map(|row| Row::of(group_members::Entity, row).get("user_id"))
        .collect()
}
