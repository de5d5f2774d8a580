//! The members of a group chat: the bounds of each member's view.
//!
//! Joining and leaving hold the lock of the group's head, so that a membership begins and ends between
//! two messages and never in the midst of one. Each is a change of every user whose membership it
//! changes: it takes their locks after the head's, raises their revisions, changes their rows and records
//! one change for each, in one transaction. Nobody's membership changes without the head's lock, so what
//! was found under it stays true.
//!
//! A group that gets more members than [`COPIES`] is large from then on, and its members lose their copies
//! of the head: see [`crate::store::messages::append`]. A member who has left has a copy for good, since nothing newer
//! reaches them.

mod record;
pub(in crate::store) mod statements;

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, Value};

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
            observed::DatabaseTransaction,
            row::{Row, read_all},
        },
        entity::{conversations, kind::StoredKind, members, users},
        heads::{self, Head, keyed_head},
        log,
        messages::append::COPIES,
        users::Raised,
    },
};

pub(in crate::store) use record::recorded_membership;
use record::{Changed, ChangedRow};
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
        let raised = self.raise(transaction, request, key).await?;
        if !raised.is_empty() {
            let changed = match request.membership {
                Membership::Member => self.join(transaction, key, &head, &raised).await?,
                Membership::Left => self.leave(transaction, key, &head, &raised).await?,
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
            self.remember_members(transaction, key, of_request, now, raised.len())
                .await?;
        }
        Ok(MembershipsChanged {
            count: raised.len(),
            revisions: raised
                .into_iter()
                .map(|one| (one.user_id, one.revision))
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
            self.database.built(&heads::lock_or_create(key, id, now))
        } else {
            self.database.built(&heads::lock_and_read(key))
        };
        let row = transaction.query_one_raw(statement).await?;
        row.map(|row| Ok(keyed_head(&Row::of(conversations::Entity, &row))?.1))
            .transpose()
    }

    /// Raises the revisions of those of the users whose membership is to change, and takes their locks. Returns
    /// them in the order of the users.
    async fn raise(
        &self,
        transaction: &DatabaseTransaction,
        request: &MembershipRequest,
        key: ConversationKey,
    ) -> Result<Vec<Raised>, StoreError> {
        let statements = &self.statements;
        let sql = match request.membership {
            Membership::Member => &statements.join.raise,
            Membership::Left => &statements.leave.raise,
        };
        let asked = request.users.iter().map(ToString::to_string).collect();
        let mut values = vec![key.to_bytes().into()];
        values.extend(self.database.dialect.row_values(&[Column::Texts(asked)]));
        let rows = transaction
            .query_all_raw(self.database.statement(sql, values))
            .await?;
        let mut raised: Vec<Raised> = read_all(users::Entity, &rows)?;
        raised.sort_unstable();
        Ok(raised)
    }

    async fn join(
        &self,
        transaction: &DatabaseTransaction,
        key: ConversationKey,
        head: &Head,
        raised: &[Raised],
    ) -> Result<Vec<Changed>, StoreError> {
        let is_large = head.is_large.0 || self.grows_large(transaction, key, raised).await?;
        let copy = (!is_large).then_some(head);
        let values = vec![
            key.to_bytes().into(),
            head.last_seq.to_stored().into(),
            copy.map(|head| head.last_seq.to_stored()).into(),
            copy.map(|head| head.last_time.as_micros()).into(),
        ];
        let sql = &self.statements.join.apply;
        self.apply(transaction, sql, values, raised).await
    }

    async fn leave(
        &self,
        transaction: &DatabaseTransaction,
        key: ConversationKey,
        head: &Head,
        raised: &[Raised],
    ) -> Result<Vec<Changed>, StoreError> {
        let values = vec![
            key.to_bytes().into(),
            head.last_seq.to_stored().into(),
            head.last_time.as_micros().into(),
        ];
        let sql = &self.statements.leave.apply;
        self.apply(transaction, sql, values, raised).await
    }

    /// Runs a statement on the rows of these users.
    async fn apply(
        &self,
        transaction: &DatabaseTransaction,
        sql: &str,
        mut values: Vec<Value>,
        raised: &[Raised],
    ) -> Result<Vec<Changed>, StoreError> {
        let users = raised.iter().map(|one| one.user_id.to_string()).collect();
        let revisions = raised.iter().map(|one| one.revision.to_stored());
        values.extend(
            self.database
                .dialect
                .row_values(&[Column::Texts(users), Column::Integers(revisions.collect())]),
        );
        let rows = transaction
            .query_all_raw(self.database.statement(sql, values))
            .await?;
        let revisions: HashMap<_, _> = raised
            .iter()
            .map(|one| (&one.user_id, one.revision))
            .collect();
        rows.iter()
            .map(|row| {
                let row = Row::of(members::Entity, row);
                let member: ChangedRow = row.read()?;
                let revision = revisions.get(&member.user_id);
                let revision = revision.ok_or_else(|| row.inconsistent("user_id"))?;
                Ok(Changed::of(member, *revision))
            })
            .collect()
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
        let group = ConversationId::Group(request.group.clone());
        let mut values: Vec<Value> = vec![
            (kind as i16).into(),
            now.as_micros().into(),
            now.saturating_add(self.database.retention)
                .as_micros()
                .into(),
            log::conversation_ids(&[group]).into(),
            request.caller.as_ref().map(ToString::to_string).into(),
        ];
        let users = changed.iter().map(|one| one.user.to_string()).collect();
        let revisions = changed.iter().map(|one| one.revision.to_stored()).collect();
        let results = changed.iter().map(|one| one.results(head.last_seq));
        values.extend(self.database.dialect.row_values(&[
            Column::Texts(users),
            Column::Integers(revisions),
            Column::Texts(results.collect()),
        ]));
        let record = self.database.statement(&self.statements.record, values);
        transaction.execute_raw(record).await?;
        Ok(())
    }

    /// Makes a group large if it is going to have too many members.
    async fn grows_large(
        &self,
        transaction: &DatabaseTransaction,
        key: ConversationKey,
        joining: &[Raised],
    ) -> Result<bool, StoreError> {
        let sql = &self.statements.some_members;
        let some = self.database.statement(sql, [key.to_bytes().into()]);
        let rows = transaction.query_all_raw(some).await?;
        let mut known = rows
            .iter()
            .map(|row| Row::of(members::Entity, row).get("user_id"))
            .collect::<Result<HashSet<UserId>, _>>()?;
        known.extend(joining.iter().map(|one| one.user_id.clone()));
        if known.len() <= COPIES {
            return Ok(false);
        }
        let lock = self.database.built(&statements::lock_members(key));
        transaction.query_all_raw(lock).await?;
        statements::make_large(key).exec(transaction).await?;
        statements::forget_copies(key).exec(transaction).await?;
        Ok(true)
    }
}
