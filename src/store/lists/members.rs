//! Each user's view of each conversation: one row of watermarks and settings.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, FromQueryResult, QueryResult};
use serde::Deserialize;

use crate::{
    domain::{
        CanonicalId, ConversationId, ConversationKey, CustomData, FolderName, Marks, Reappearance,
        Revision, Seq, Timestamp, UserId, View,
    },
    store::{
        database::{
            dialect::{Column, ColumnType, Dialect},
            error::StoreError,
            gathered::Returned,
            observed::DatabaseTransaction,
            row::Row,
        },
        entity::{
            conversations,
            members::{self, Column as C},
            value::{Flag, Json},
        },
        heads::Head,
        lists::Lists,
    },
};

/// A user's row of one conversation.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) key: ConversationKey,
    pub(crate) view: View,
    /// The newest message that has reached the user; `None` where the conversation's head says so, as
    /// it does for the members of a large group.
    pub(crate) latest: Option<Latest>,
    pub(crate) pinned_at: Option<Revision>,
    pub(crate) muted: bool,
    pub(crate) marks: Marks,
    pub(crate) custom_data: CustomData,
    /// The folders that it is in, oldest first.
    pub(crate) folders: Vec<FolderName>,
}

/// The newest message that has reached a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Latest {
    pub(crate) seq: Seq,
    pub(crate) time: Timestamp,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    by_keys: String,
    known: String,
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let (rows, _) = dialect.rows("i", 2, &[("conversation_key", ColumnType::Key)]);
        let returned = returned(dialect, "m", "$1");
        let user = dialect.after_rows("$1");
        let routed = dialect.routed("m.user_id", "$1");
        Self {
            by_keys: dialect.select_many(
                &returned,
                &format!(
                    "{rows} CROSS JOIN members AS m \
                     WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key{routed}"
                ),
            ),
            known: format!(
                "SELECT m.conversation_key FROM {rows} CROSS JOIN members AS m \
                 WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key{routed}"
            ),
        }
    }
}

/// The columns of [`Stored`] but for the folders.
const WITHOUT_FOLDERS: [C; 13] = [
    C::ConversationKey,
    C::JoinedAfter,
    C::LeftAt,
    C::LastSeq,
    C::LastTime,
    C::HiddenThrough,
    C::ClearedThrough,
    C::ReadThrough,
    C::StaysAway,
    C::PinnedAt,
    C::Muted,
    C::Marks,
    C::CustomData,
];

/// A row as it stands, with the names of its folders beside it.
#[derive(FromQueryResult, Deserialize)]
struct Stored {
    conversation_key: ConversationKey,
    joined_after: Seq,
    left_at: Option<Seq>,
    last_seq: Option<Seq>,
    last_time: Option<Timestamp>,
    hidden_through: Seq,
    cleared_through: Seq,
    read_through: Seq,
    stays_away: Reappearance,
    pinned_at: Option<Revision>,
    muted: Flag,
    marks: Marks,
    custom_data: Option<CustomData>,
    folders: Json<Vec<[String; 1]>>,
}

/// The columns that [`member`] and [`gathered_members`] read, of rows of `members` that are called `rows` and belong to
/// the user of the parameter `user`. Whether the user has folders at all is looked up once, and not for each row.
pub(in crate::store) fn returned(dialect: Dialect, rows: &str, user: &str) -> Returned {
    let folders = dialect.json_rows(
        &["d.name"],
        "d.folder_id",
        &format!(
            "folder_conversations AS f CROSS JOIN folders AS d \
             WHERE f.user_id = {rows}.user_id AND f.conversation_key = {rows}.conversation_key \
             AND d.user_id = f.user_id AND d.folder_id = f.folder_id{}{}",
            dialect.routed("f.user_id", user),
            dialect.routed("d.user_id", user),
        ),
    );
    let folders = format!(
        "CASE WHEN EXISTS (SELECT 1 FROM folders AS own WHERE own.user_id = {user}) \
         THEN {folders} ELSE '[]' END"
    );
    Returned::of(rows, WITHOUT_FOLDERS).with_json("folders", folders)
}

/// The same for a reader that does not look at the folders.
pub(in crate::store) fn returned_without_folders(rows: &str) -> Returned {
    Returned::of(rows, WITHOUT_FOLDERS).with_json("folders", "'[]'".to_owned())
}

impl Member {
    /// The newest message that has reached the user, by the copy or by one of these heads.
    pub(crate) fn latest_in(
        &self,
        heads: &HashMap<ConversationKey, Head>,
    ) -> Result<Latest, StoreError> {
        if let Some(latest) = self.latest {
            return Ok(latest);
        }
        let head = heads.get(&self.key).ok_or_else(|| self.without_head())?;
        Ok(Latest {
            seq: head.last_seq,
            time: head.last_time,
        })
    }

    /// The conversation, as the row's user sees it; its head is one of these.
    pub(crate) fn id_in(
        &self,
        user: &UserId,
        heads: &HashMap<ConversationKey, Head>,
    ) -> Result<ConversationId, StoreError> {
        let head = heads.get(&self.key);
        self.id_by(user, head.map(|head| &head.canonical_id))
    }

    /// The same by the ID that its members share.
    pub(in crate::store) fn id_by(
        &self,
        user: &UserId,
        shared: Option<&CanonicalId>,
    ) -> Result<ConversationId, StoreError> {
        let shared = shared.ok_or_else(|| self.without_head())?;
        shared.seen_by(user).ok_or_else(|| {
            StoreError::inconsistent(conversations::Entity, "canonical_id", self.key.to_string())
        })
    }

    fn without_head(&self) -> StoreError {
        StoreError::inconsistent(members::Entity, "conversation_key", self.key.to_string())
    }
}

/// The conversations of those of a user's rows that are listed, as the user sees them.
pub(in crate::store) fn listed_ids(
    user: &UserId,
    members: &[Member],
    heads: &HashMap<ConversationKey, Head>,
) -> Result<Vec<ConversationId>, StoreError> {
    let mut ids = Vec::with_capacity(members.len());
    for member in members {
        if member.view.is_listed(member.latest_in(heads)?.seq) {
            ids.push(member.id_in(user, heads)?);
        }
    }
    Ok(ids)
}

impl Lists {
    /// Those of these conversations that the user has.
    pub(in crate::store) async fn known(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        keys: &[ConversationKey],
    ) -> Result<HashSet<ConversationKey>, StoreError> {
        let mut values = vec![user.as_str().into()];
        values.extend(
            self.database
                .dialect
                .row_values(&[Column::Keys(keys.to_vec())]),
        );
        let known = self
            .database
            .statement(&self.statements.members.known, values);
        let rows = transaction.query_all_raw(known).await?;
        rows.iter()
            .map(|row| Row::of(members::Entity, row).get("conversation_key"))
            .collect()
    }

    /// Those of a user's rows that exist among these conversations.
    pub(super) async fn members(
        &self,
        user: &UserId,
        keys: Vec<ConversationKey>,
    ) -> Result<Vec<Member>, StoreError> {
        self.database
            .retrying("members", || async {
                let connection = self.database.pool();
                self.members_through(&connection, user, keys.clone()).await
            })
            .await
    }

    /// The same, on a connection that is at hand.
    pub(in crate::store) async fn members_through(
        &self,
        connection: &impl ConnectionTrait,
        user: &UserId,
        keys: Vec<ConversationKey>,
    ) -> Result<Vec<Member>, StoreError> {
        let mut values = vec![user.as_str().into()];
        values.extend(self.database.dialect.row_values(&[Column::Keys(keys)]));
        let by_keys = self
            .database
            .statement(&self.statements.members.by_keys, values);
        let rows = connection.query_all_raw(by_keys).await?;
        gathered_members(self.database.dialect, &rows)
    }
}

/// Reads what a statement returns of many rows that have the columns [`returned`].
pub(in crate::store) fn gathered_members(
    dialect: Dialect,
    rows: &[QueryResult],
) -> Result<Vec<Member>, StoreError> {
    let stored: Vec<Stored> = dialect.read_many(members::Entity, rows)?;
    stored.into_iter().map(Member::try_from).collect()
}

/// Reads [`returned`] of all rows that have them.
pub(in crate::store) fn members(rows: &[QueryResult]) -> Result<Vec<Member>, StoreError> {
    rows.iter()
        .filter_map(|row| member(row).transpose())
        .collect()
}

/// Reads [`returned`]; `None` where an outer join has found no row.
pub(in crate::store) fn member(row: &QueryResult) -> Result<Option<Member>, StoreError> {
    let row = Row::of(members::Entity, row);
    let key: Option<ConversationKey> = row.get("conversation_key")?;
    if key.is_none() {
        return Ok(None);
    }
    row.read::<Stored>()?.try_into().map(Some)
}

impl TryFrom<Stored> for Member {
    type Error = StoreError;

    fn try_from(stored: Stored) -> Result<Self, StoreError> {
        let latest = stored.last_seq.zip(stored.last_time);
        let key = stored.conversation_key;
        let Json(folders) = stored.folders;
        let unnamed = || {
            StoreError::inconsistent(
                members::Entity,
                "folders",
                format!("conversation_key {key}"),
            )
        };
        Ok(Self {
            key,
            view: View {
                joined_after: stored.joined_after,
                left_at: stored.left_at,
                hidden_through: stored.hidden_through,
                cleared_through: stored.cleared_through,
                read_through: stored.read_through,
                reappearance: stored.stays_away,
            },
            latest: latest.map(|(seq, time)| Latest { seq, time }),
            pinned_at: stored.pinned_at,
            muted: stored.muted.0,
            marks: stored.marks,
            custom_data: stored.custom_data.unwrap_or_default(),
            folders: folders
                .iter()
                .map(|[name]| FolderName::new(name).map_err(|_| unnamed()))
                .collect::<Result<_, _>>()?,
        })
    }
}
