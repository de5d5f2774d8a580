//! What each user sees of each conversation: one row of watermarks and settings.

use sea_orm::{ConnectionTrait, QueryResult};

use super::{
    Store, StoreError,
    dialect::{Column, ColumnType, Dialect},
    key::ConversationKey,
    row::Row,
};
use crate::domain::{Marks, Revision, Timestamp, UserId, View};

const COLUMNS: &str = "m.conversation_key, m.joined_after, m.left_at, m.left_time, \
    m.hidden_through, m.cleared_through, m.read_through, m.pinned_at, m.muted, m.marks, m.custom_data";

/// A user's row of one conversation.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) key: ConversationKey,
    pub(crate) view: View,
    /// When the newest message that reached a member who has left was stored.
    pub(crate) left_time: Option<Timestamp>,
    pub(crate) pinned_at: Option<Revision>,
    pub(crate) muted: bool,
    pub(crate) marks: Marks,
    pub(crate) custom_data: Vec<u8>,
}

pub(super) struct Statements {
    of_user: String,
    by_keys: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let (rows, _) = dialect.rows(2, &[("conversation_key", ColumnType::Key)]);
        Self {
            // One statement, so that the revision and the rows are of one moment.
            of_user: format!(
                "SELECT u.revision, {COLUMNS} FROM (SELECT $1 AS user_id) AS me \
                 LEFT JOIN users AS u ON u.user_id = me.user_id \
                 LEFT JOIN members AS m ON m.user_id = me.user_id"
            ),
            by_keys: format!(
                "SELECT {COLUMNS} FROM {rows} CROSS JOIN members AS m \
                 WHERE m.user_id = $1 AND m.conversation_key = i.conversation_key"
            ),
        }
    }
}

impl Store {
    /// All rows of a user, and the revision that they reflect.
    pub(crate) async fn members_of(
        &self,
        user: &UserId,
    ) -> Result<(Revision, Vec<Member>), StoreError> {
        let statement = self.statement(&self.statements.members.of_user, [user.as_str().into()]);
        self.retrying("members_of", || async {
            let rows = self.pool().query_all_raw(statement.clone()).await?;
            let revision = match rows.first() {
                Some(first) => Row::new("users", first).optional_revision("revision")?,
                None => None,
            };
            let members = rows
                .iter()
                .filter_map(|row| member(row).transpose())
                .collect::<Result<_, _>>()?;
            Ok((revision.unwrap_or_default(), members))
        })
        .await
    }

    /// Those of a user's rows that exist among these conversations.
    pub(crate) async fn members(
        &self,
        user: &UserId,
        keys: Vec<ConversationKey>,
    ) -> Result<Vec<Member>, StoreError> {
        let mut values = vec![user.as_str().into()];
        values.extend(self.dialect.row_values(vec![Column::Keys(keys)]));
        let statement = self.statement(&self.statements.members.by_keys, values);
        self.retrying("members", || async {
            let rows = self.pool().query_all_raw(statement.clone()).await?;
            rows.iter()
                .filter_map(|row| member(row).transpose())
                .collect()
        })
        .await
    }
}

/// Reads [`COLUMNS`]; `None` for the row of a user who has no conversation.
fn member(row: &QueryResult) -> Result<Option<Member>, StoreError> {
    let row = Row::new("members", row);
    if row.get::<Option<Vec<u8>>>("conversation_key")?.is_none() {
        return Ok(None);
    }
    Ok(Some(Member {
        key: row.key()?,
        view: View {
            joined_after: row.seq("joined_after")?,
            left_at: row.optional_seq("left_at")?,
            hidden_through: row.seq("hidden_through")?,
            cleared_through: row.seq("cleared_through")?,
            read_through: row.seq("read_through")?,
        },
        left_time: row.optional_time("left_time")?,
        pinned_at: row.optional_revision("pinned_at")?,
        muted: row.get::<i16>("muted")? != 0,
        marks: Marks::from_bits(row.get::<i64>("marks")?.cast_unsigned()),
        custom_data: row
            .get::<Option<Vec<u8>>>("custom_data")?
            .unwrap_or_default(),
    }))
}
