//! The records of joining and leaving: for each user a change like any other, and for the group the
//! request, if its caller wants retries to be exact.
//!
//! The request belongs to the conversation and not to any of its users, whose own requests it must not
//! meet. It is looked for and written while the head is locked, so of two deliveries one comes first.

use sea_orm::ConnectionTrait;

use crate::{
    domain::{
        Change, ConversationKey, GroupRequest, Membership, Revision, Seq, Settings, Timestamp,
        Watermarks,
    },
    store::{
        changes::ChangeError,
        database::{error::StoreError, observed::DatabaseTransaction, row::Row},
        groups::Groups,
        lists::members,
        log::{CHANGED, Recorded},
    },
};

/// The table of the requests.
const TABLE: &str = "group_requests";

/// A user's row as joining or leaving has left it, and the change that it is.
pub(super) struct Changed {
    pub(super) user: String,
    pub(super) revision: Revision,
    hidden_through: i64,
    cleared_through: i64,
    is_pinned: bool,
    stays_away: i16,
    /// Whether the user had seen something in an earlier stay.
    pub(super) appeared_before: bool,
}

impl Changed {
    /// Reads what the statements of joining and leaving return.
    pub(super) fn read(row: &Row<'_>, revision: Revision) -> Result<Self, StoreError> {
        // Rows of old have watermarks below the beginning of their membership.
        let joined_after: i64 = row.get("joined_after")?;
        Ok(Self {
            user: row.get("user_id")?,
            revision,
            hidden_through: joined_after.max(row.get("hidden_through")?),
            cleared_through: joined_after.max(row.get("cleared_through")?),
            is_pinned: row.get::<Option<i64>>("pinned_at")?.is_some(),
            stays_away: row.get("stays_away")?,
            appeared_before: row.get::<i16>("appeared_before")? != 0,
        })
    }

    /// Its record, as JSON; [`recorded_membership`] reads it.
    pub(super) fn results(&self, last: Seq) -> String {
        let of_conversation = [
            CHANGED,
            self.hidden_through,
            self.cleared_through,
            i64::from(self.is_pinned),
            last.to_stored(),
            self.stays_away.into(),
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
                reappearance: members::reappearance(
                    further.first().copied().flatten().unwrap_or(0),
                ),
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
        let values = [key.to_bytes().into(), request.id.0.to_vec().into()];
        let statement = self.database.statement(&self.statements.earlier, values);
        let row = transaction.query_one_raw(statement).await;
        let Some(row) = row.map_err(StoreError::from)? else {
            return Ok(None);
        };
        let row = Row::new(TABLE, &row);
        if row.get::<Vec<u8>>("request_digest")? != request.digest.0 {
            return Err(ChangeError::RequestIdReused);
        }
        let count = usize::try_from(row.get::<i64>("changed_count")?);
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
        let values = [
            key.to_bytes().into(),
            request.id.0.to_vec().into(),
            request.digest.0.to_vec().into(),
            now.saturating_add(self.database.retention)
                .as_micros()
                .into(),
            i64::try_from(count).unwrap_or(i64::MAX).into(),
        ];
        let statement = self.database.statement(&self.statements.remember, values);
        transaction.execute_raw(statement).await?;
        Ok(())
    }
}
