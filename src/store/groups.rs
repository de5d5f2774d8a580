//! Who is in a group chat: the bounds of each member's view.
//!
//! Both changes hold the lock of the group's head, so that a membership begins and ends between two
//! messages and never in the midst of one.
//!
//! A group that gets more members than [`COPIES`] is large from then on, and its members lose their
//! copies of the head: see [`super::append`]. Who has left has a copy for good, since nothing newer
//! reaches them.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, Value};

use super::{
    Store, StoreError,
    append::COPIES,
    conversations::{COLUMNS, Head, keyed_head},
    dialect::{Column, ColumnType, Dialect},
    key::ConversationKey,
    members::{ANY_KIND, stored_kind},
    observed::DatabaseTransaction,
    row::Row,
};
use crate::domain::{CanonicalId, ConversationKind, GroupId, Timestamp, UserId};

/// The kind of a group's rows.
const GROUP: i16 = stored_kind(ConversationKind::Group);

pub(super) struct Statements {
    lock_or_create_head: String,
    lock_head: String,
    some_members: String,
    lock_members: String,
    make_large: String,
    forget_copies: String,
    join: String,
    leave: String,
    lost_sight: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let users = |first| dialect.rows("i", first, &[("user_id", ColumnType::Text)]).0;
        let head = format!("RETURNING {COLUMNS}");
        Self {
            lock_or_create_head: format!(
                "INSERT INTO conversations (conversation_key, canonical_id, last_seq, last_time) \
                 VALUES ($1, $2, 0, $3) \
                 ON CONFLICT (conversation_key) DO UPDATE SET last_seq = conversations.last_seq {head}"
            ),
            lock_head: format!(
                "UPDATE conversations SET last_seq = last_seq WHERE conversation_key = $1 {head}"
            ),
            // Enough to tell whether there are too many.
            some_members: format!(
                "SELECT m.user_id FROM members AS m \
                 WHERE m.conversation_key = $1 AND {ANY_KIND} AND m.left_at IS NULL LIMIT {}",
                COPIES + 1
            ),
            // In the order in which messages and other members' changes take them.
            lock_members: format!(
                "SELECT m.user_id FROM members AS m \
                 WHERE m.conversation_key = $1 AND {ANY_KIND} ORDER BY m.user_id {}",
                dialect.lock()
            ),
            make_large: "UPDATE conversations SET is_large = 1 WHERE conversation_key = $1"
                .to_owned(),
            forget_copies: format!(
                "UPDATE members AS m SET last_seq = NULL, last_time = NULL \
                 WHERE m.conversation_key = $1 AND {ANY_KIND} AND m.left_at IS NULL"
            ),
            // Joining again ends the stay before, which is remembered if it showed the user anything.
            // The conversation leaves the list until the next message, and so loses its pin. What was
            // deleted during the stay before cannot be undone any more.
            join: format!(
                "INSERT INTO members \
                     (user_id, conversation_key, kind, joined_after, last_seq, last_time) \
                 SELECT i.user_id, $1, {GROUP}, $2, $3, $4 FROM {} WHERE TRUE ORDER BY i.user_id \
                 ON CONFLICT (user_id, conversation_key) DO UPDATE SET \
                     appeared_before = CASE WHEN members.left_at > members.joined_after THEN 1 \
                                       ELSE members.appeared_before END, \
                     joined_after = excluded.joined_after, left_at = NULL, \
                     last_seq = excluded.last_seq, last_time = excluded.last_time, \
                     pinned_at = NULL, kept_after = NULL, \
                     undo_ended = (SELECT u.revision FROM users AS u \
                                   WHERE u.user_id = excluded.user_id) \
                 WHERE members.left_at IS NOT NULL \
                 RETURNING appeared_before",
                users(5)
            ),
            // Somebody no longer sees what was before: some of it may be for nobody now.
            lost_sight: "UPDATE conversations SET erasable_from = $2 WHERE conversation_key = $1"
                .to_owned(),
            // An insertion that always conflicts: it locks the rows in order, which an update does not
            // promise.
            leave: format!(
                "INSERT INTO members (user_id, conversation_key, left_at, last_seq, last_time) \
                 SELECT i.user_id, $1, $2, $2, $3 FROM {} WHERE EXISTS \
                     (SELECT 1 FROM members AS m \
                      WHERE m.user_id = i.user_id AND m.conversation_key = $1) \
                 ORDER BY i.user_id \
                 ON CONFLICT (user_id, conversation_key) DO UPDATE SET \
                     left_at = excluded.left_at, \
                     last_seq = excluded.last_seq, last_time = excluded.last_time \
                 WHERE members.left_at IS NULL \
                 RETURNING appeared_before",
                users(4)
            ),
        }
    }
}

impl Store {
    /// Makes users members of a group from its newest message on; returns how many were not before.
    ///
    /// # Errors
    ///
    /// A [`StoreError`]; nothing is changed then.
    pub async fn join(
        &self,
        group: &GroupId,
        users: &[UserId],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let id = CanonicalId::of_group(group);
        let key = ConversationKey::from(&id);
        self.retrying("join", || async {
            let transaction = self.begin().await?;
            let values = [
                key.to_bytes().into(),
                id.as_str().into(),
                now.as_micros().into(),
            ];
            let statement = &self.statements.groups.lock_or_create_head;
            let head = self.head(&transaction, statement, values).await?;
            let Some(head) = head else { return Ok(0) };
            let is_large = head.is_large || self.grows_large(&transaction, key, users).await?;
            let copy = (!is_large).then_some(&head);
            let values = vec![
                key.to_bytes().into(),
                head.last_seq.to_stored().into(),
                copy.map(|head| head.last_seq.to_stored()).into(),
                copy.map(|head| head.last_time.as_micros()).into(),
            ];
            let joined = self
                .change_members(&transaction, &self.statements.groups.join, values, users)
                .await?;
            if joined.contains(&1) {
                let values = [key.to_bytes().into(), now.as_micros().into()];
                let statement = self.statement(&self.statements.groups.lost_sight, values);
                transaction.execute_raw(statement).await?;
            }
            transaction.commit().await?;
            Ok(joined.len())
        })
        .await
    }

    /// Ends users' membership of a group at its newest message; returns how many were members.
    ///
    /// # Errors
    ///
    /// A [`StoreError`]; nothing is changed then.
    pub async fn leave(&self, group: &GroupId, users: &[UserId]) -> Result<usize, StoreError> {
        let key = ConversationKey::from(&CanonicalId::of_group(group));
        self.retrying("leave", || async {
            let transaction = self.begin().await?;
            let statement = &self.statements.groups.lock_head;
            let head = self
                .head(&transaction, statement, [key.to_bytes().into()])
                .await?;
            let Some(head) = head else { return Ok(0) };
            let values = vec![
                key.to_bytes().into(),
                head.last_seq.to_stored().into(),
                head.last_time.as_micros().into(),
            ];
            let left = self
                .change_members(&transaction, &self.statements.groups.leave, values, users)
                .await?;
            transaction.commit().await?;
            Ok(left.len())
        })
        .await
    }

    /// Makes a group large if it is going to have too many members.
    async fn grows_large(
        &self,
        transaction: &DatabaseTransaction,
        key: ConversationKey,
        joining: &[UserId],
    ) -> Result<bool, StoreError> {
        let statements = &self.statements.groups;
        let of_key = |sql: &str| self.statement(sql, [key.to_bytes().into()]);
        let rows = transaction.query_all_raw(of_key(&statements.some_members));
        let mut members = rows
            .await?
            .iter()
            .map(|row| Row::new("members", row).get("user_id"))
            .collect::<Result<HashSet<String>, _>>()?;
        members.extend(joining.iter().map(ToString::to_string));
        if members.len() <= COPIES {
            return Ok(false);
        }
        transaction
            .query_all_raw(of_key(&statements.lock_members))
            .await?;
        transaction
            .execute_raw(of_key(&statements.make_large))
            .await?;
        transaction
            .execute_raw(of_key(&statements.forget_copies))
            .await?;
        Ok(true)
    }

    async fn head(
        &self,
        transaction: &DatabaseTransaction,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Option<Head>, StoreError> {
        let row = transaction
            .query_one_raw(self.statement(sql, values))
            .await?;
        row.map(|row| Ok(keyed_head(&Row::new("conversations", &row))?.1))
            .transpose()
    }

    /// Runs a statement on the rows of members; returns for each that it changed whether the member
    /// had seen something in an earlier stay.
    async fn change_members(
        &self,
        transaction: &DatabaseTransaction,
        sql: &str,
        mut values: Vec<Value>,
        users: &[UserId],
    ) -> Result<Vec<i16>, StoreError> {
        let users = users.iter().map(ToString::to_string).collect();
        values.extend(self.dialect.row_values(&[Column::Texts(users)]));
        let rows = transaction
            .query_all_raw(self.statement(sql, values))
            .await?;
        rows.iter()
            .map(|row| Row::new("members", row).get("appeared_before"))
            .collect()
    }
}
