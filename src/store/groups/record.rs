//! The records of joining and leaving: for each user a change like any other, and for the group the
//! request, if its caller wants retries to be exact.
//!
//! The request belongs to the conversation and not to any of its users, whose own requests it must not
//! meet. It is looked for and written while the head is locked, so of two deliveries one comes first.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult};

use crate::{
    domain::{
        Change, ConversationKey, GroupRequest, Membership, Reappearance, RequestDigest, Revision,
        Seq, Settings, Timestamp, UserId, Watermarks,
    },
    store::{
        changes::ChangeError,
        database::{error::StoreError, observed::DatabaseTransaction, row::Row},
        entity::{
            group_requests, members, users,
            value::{Flag, reappearance, stored_reappearance},
        },
        groups::{Groups, statements},
        log::{CHANGED, Recorded},
    },
};

/// A user's row as joining or leaving has left it, and the change that it is.
pub(super) struct Changed {
    pub(super) user: UserId,
    pub(super) revision: Revision,
    hidden_through: Seq,
    cleared_through: Seq,
    is_pinned: bool,
    reappearance: Reappearance,
    /// Whether the user had seen something in an earlier stay.
    pub(super) appeared_before: bool,
}

/// The columns of it that joining and leaving return.
#[derive(FromQueryResult)]
struct ChangedRow {
    user_id: UserId,
    joined_after: Seq,
    hidden_through: Seq,
    cleared_through: Seq,
    pinned_at: Option<Revision>,
    stays_away: Reappearance,
    appeared_before: Flag,
}

/// The memory of a request.
#[derive(FromQueryResult)]
struct Remembered {
    request_digest: RequestDigest,
    changed_count: i64,
}

impl Changed {
    /// Of a row that comes with the revision.
    pub(super) fn of_its_own(row: &QueryResult) -> Result<Self, StoreError> {
        let revision = Row::of(users::Entity, row).get("revision")?;
        Ok(Self::of(Row::of(members::Entity, row).read()?, revision))
    }

    /// Of a row whose revision is among these.
    pub(super) fn of_these(
        row: &QueryResult,
        revisions: &HashMap<UserId, Revision>,
    ) -> Result<Self, StoreError> {
        let row = Row::of(members::Entity, row);
        let member: ChangedRow = row.read()?;
        let revision = revisions.get(&member.user_id);
        let revision = revision.ok_or_else(|| row.inconsistent("user_id"))?;
        Ok(Self::of(member, *revision))
    }

    fn of(row: ChangedRow, revision: Revision) -> Self {
        // Rows of old have watermarks below the beginning of their membership.
        let joined_after = row.joined_after;
        Self {
            user: row.user_id,
            revision,
            hidden_through: joined_after.max(row.hidden_through),
            cleared_through: joined_after.max(row.cleared_through),
            is_pinned: row.pinned_at.is_some(),
            reappearance: row.stays_away,
            appeared_before: row.appeared_before.0,
        }
    }

    /// Its record, as JSON; [`recorded_membership`] reads it.
    pub(super) fn results(&self, last: Seq) -> String {
        let of_conversation = [
            CHANGED,
            self.hidden_through.to_stored(),
            self.cleared_through.to_stored(),
            i64::from(self.is_pinned),
            last.to_stored(),
            stored_reappearance(self.reappearance).into(),
        ];
        serde_json::json!([of_conversation]).to_string()
    }
}

/// Reads the record of joining or leaving a group.
pub(in crate::store) fn recorded_membership(
    recorded: Recorded,
    membership: Membership,
) -> Result<Change, StoreError> {
    let error = recorded.inconsistent("results");
    let read = || {
        let conversation = recorded.conversations.into_iter().next()?;
        let [
            Some(hidden_through),
            Some(cleared_through),
            Some(is_pinned),
            Some(last),
            ref further @ ..,
        ] = conversation.numbers[..]
        else {
            return None;
        };
        Some(Change::MembershipChanged {
            membership,
            conversation: Watermarks {
                conversation_id: conversation.id,
                hidden_through: Seq::from_stored(hidden_through)?,
                cleared_through: Seq::from_stored(cleared_through)?,
                is_pinned: is_pinned != 0,
                // The first records ended before it.
                reappearance: reappearance(further.first().copied().flatten().unwrap_or(0)),
                settings: Settings::Keep,
            },
            last: Seq::from_stored(last)?,
        })
    };
    read().ok_or(error)
}

impl Groups {
    /// How many members an earlier run of this request has changed, if there was one.
    pub(super) async fn earlier_members(
        &self,
        transaction: &DatabaseTransaction,
        key: ConversationKey,
        request: GroupRequest,
    ) -> Result<Option<usize>, ChangeError> {
        let earlier = self.database.built(&statements::earlier(key, request));
        let row = transaction.query_one_raw(earlier).await;
        let Some(row) = row.map_err(StoreError::from)? else {
            return Ok(None);
        };
        let row = Row::of(group_requests::Entity, &row);
        let remembered: Remembered = row.read()?;
        if remembered.request_digest != request.digest {
            return Err(ChangeError::RequestIdReused);
        }
        let count = usize::try_from(remembered.changed_count);
        Ok(Some(count.map_err(|_| row.inconsistent("changed_count"))?))
    }

    /// Remembers how many members a request has changed.
    pub(super) async fn remember_members(
        &self,
        transaction: &DatabaseTransaction,
        key: ConversationKey,
        request: GroupRequest,
        now: Timestamp,
        count: usize,
    ) -> Result<(), StoreError> {
        let kept_until = now.saturating_add(self.database.retention);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        statements::remember(key, request, kept_until, count)
            .exec_without_returning(transaction)
            .await?;
        Ok(())
    }
}
