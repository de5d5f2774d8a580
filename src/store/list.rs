//! A user's list: a page of it, and what is unread in all of it.
//!
//! Where a user's row has a copy of the conversation's head, the list is read from an index in its
//! order, as far as the page needs, and unread messages are added up in place. The members of large
//! groups have no copy; their rows are returned, and the caller reads the heads. The SQL here says of
//! one row what [`crate::domain::View`] says.

use sea_orm::{ConnectionTrait, Value};

use super::{
    Store, StoreError,
    dialect::Dialect,
    incarnation::{self, BASE, Revisions},
    key::ConversationKey,
    members::{self, Member},
    row::{Row, revisions_of},
};
use crate::domain::{ConversationKind, ListFilter, Timestamp, UserId};

/// Which part of a user's list is read.
#[derive(Debug)]
pub(crate) struct Part {
    /// Besides the part, everything that was active later than this; `None` for nothing.
    pub(crate) active_after: Option<Timestamp>,
    /// The part begins after this place, or with everything of that time where no key is given; `None`
    /// for the top of the list. Pins do not count.
    pub(crate) after: Option<(Timestamp, Option<ConversationKey>)>,
    /// How many conversations the part has at most.
    pub(crate) limit: usize,
}

/// What is unread, as far as the database can tell.
#[derive(Debug)]
pub(crate) struct Unread {
    /// The sum where the user's row has a copy of the head.
    pub(crate) counted: u64,
    /// The rows that have none.
    pub(crate) uncounted: Vec<Member>,
}

/// The same statement for the whole list and for one folder.
#[cfg_attr(test, derive(serde::Serialize))]
struct Scoped {
    whole: String,
    folder: String,
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    part: Scoped,
    unread: Scoped,
}

/// The user's rows, as `m`. The tables are joined in this order, and the first finds the fewest rows.
struct Scope {
    from: &'static str,
    condition: String,
    /// Whether they are all the rows of a user, so that an index matters by which they are read.
    is_whole: bool,
}

impl Scoped {
    /// `folder` is the parameter that has the folder's name.
    fn new(dialect: Dialect, folder: usize, statement: impl Fn(&Scope) -> String) -> Self {
        let user = dialect.after("f.ord", "$1");
        Self {
            whole: statement(&Scope {
                from: "members AS m",
                condition: format!("m.user_id = $1 AND {}", members::ANY_KIND),
                is_whole: true,
            }),
            folder: statement(&Scope {
                from: "folders AS d CROSS JOIN folder_conversations AS f CROSS JOIN members AS m",
                condition: format!(
                    "d.user_id = $1 AND d.name = ${folder} \
                     AND f.user_id = $1 AND f.folder_id = d.folder_id \
                     AND m.user_id = {user} AND m.conversation_key = f.conversation_key"
                ),
                is_whole: false,
            }),
        }
    }
}

impl Scope {
    /// The rows and the condition for them, read by this index where there may be many.
    fn by_index(&self, dialect: Dialect, index: &str) -> String {
        let Self {
            from, condition, ..
        } = self;
        let by_index = if self.is_whole {
            dialect.by_index(index)
        } else {
            String::new()
        };
        format!("{from}{by_index} WHERE {condition}")
    }
}

/// Listed, of a row with a copy of the head.
pub(super) const LISTED: &str = "m.last_seq > m.hidden_through AND m.last_seq > m.joined_after";
/// What a listed row has to be, too, to have something unread.
const UNREAD: &str = "m.last_seq > m.read_through AND m.last_seq > m.cleared_through";
/// What the filter in `$2` and `$3` says of every row.
const CHOSEN: &str = "(m.kind & $2) <> 0 AND ($3 = 0 OR (m.marks & $3) <> 0)";

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let columns = members::columns(dialect);
        let present = incarnation::present(dialect);
        let chosen =
            format!("{CHOSEN} AND (m.last_seq IS NULL OR ({LISTED} AND ($4 = 0 OR ({UNREAD}))))");
        // PostgreSQL takes all these conditions together for so rare that it would read and sort every
        // row of the user before it applies the limit. Of a CASE it knows nothing, and follows the index.
        let in_part = format!(
            "m.pinned_at IS NULL AND (m.last_time < $6 OR m.conversation_key > $7) AND {chosen}"
        );
        let part = |scope: &Scope| {
            let pinned = scope.by_index(dialect, "members_pinned");
            let active = scope.by_index(dialect, "members_by_activity");
            let unpinned = format!("{active} AND {chosen} AND m.pinned_at IS NULL");
            // One statement, so that the revision and the rows are of one moment.
            format!(
                "SELECT {BASE} AS base, {present} AS revision, p.* FROM (SELECT $1 AS user_id) AS me \
                 LEFT JOIN users AS u ON u.user_id = me.user_id \
                 LEFT JOIN ( \
                     SELECT {columns} FROM {pinned} AND {chosen} AND m.pinned_at IS NOT NULL \
                     UNION ALL SELECT {columns} FROM {unpinned} AND m.last_time IS NULL \
                     UNION ALL SELECT {columns} FROM {unpinned} AND m.last_time > $5 \
                     UNION ALL SELECT * FROM ( \
                         SELECT {columns} FROM {active} AND m.last_time <= $6 \
                         AND CASE WHEN {in_part} THEN TRUE ELSE FALSE END \
                         ORDER BY m.last_time DESC, m.conversation_key LIMIT $8) AS part \
                 ) AS p ON TRUE"
            )
        };
        let seen = dialect.greatest(&[
            "m.read_through",
            "m.hidden_through",
            "m.cleared_through",
            "m.joined_after",
        ]);
        let unread = |scope: &Scope| {
            let Scope {
                from, condition, ..
            } = scope;
            let counted = format!("{CHOSEN} AND m.muted = 0");
            let active = scope.by_index(dialect, "members_by_activity");
            let columns = members::columns_without_folders();
            format!(
                "SELECT t.unread, p.* FROM ( \
                     SELECT CAST(COALESCE(SUM(m.last_seq - {seen}), 0) AS bigint) AS unread \
                     FROM {from} WHERE {condition} AND {counted} AND {LISTED} AND {UNREAD}) AS t \
                 LEFT JOIN ( \
                     SELECT {columns} FROM {active} AND {counted} AND m.last_time IS NULL) AS p ON TRUE"
            )
        };
        Self {
            part: Scoped::new(dialect, 9, part),
            unread: Scoped::new(dialect, 4, unread),
        }
    }
}

impl Store {
    /// Part of what the filter leaves of a user's list, and the user's revisions; it reflects the
    /// present one. Returned in no order: what is pinned; what is in a large group, listed or not; what was active after the
    /// given time; and the part.
    pub(crate) async fn list(
        &self,
        user: &UserId,
        filter: &ListFilter,
        part: &Part,
    ) -> Result<(Revisions, Vec<Member>), StoreError> {
        let (time, key) = match part.after {
            Some((time, key)) => (time.as_micros(), key.map(ConversationKey::to_bytes)),
            None => (i64::MAX, None),
        };
        // No key comes before the empty one.
        let key = key.unwrap_or_default();
        let mut values = filter_values(user, filter, &filter.kinds);
        values.extend([
            i64::from(filter.unread_only).into(),
            part.active_after
                .map_or(i64::MAX, Timestamp::as_micros)
                .into(),
            time.into(),
            key.into(),
            i64::try_from(part.limit).unwrap_or(i64::MAX).into(),
        ]);
        let statement = self.scoped(&self.statements.list.part, filter, values);
        self.retrying("list", || async {
            let rows = self.pool().query_all_raw(statement.clone()).await?;
            Ok((revisions_of(&rows)?, members::members(&rows)?))
        })
        .await
    }

    /// What is unread in what the filter leaves of a user's list, without muted and system
    /// conversations.
    pub(crate) async fn unread(
        &self,
        user: &UserId,
        filter: &ListFilter,
    ) -> Result<Unread, StoreError> {
        const COUNTED: [ConversationKind; 2] = [ConversationKind::C2c, ConversationKind::Group];
        let kinds: Vec<_> = COUNTED
            .into_iter()
            .filter(|kind| filter.kinds.is_empty() || filter.kinds.contains(kind))
            .collect();
        if kinds.is_empty() {
            return Ok(Unread {
                counted: 0,
                uncounted: Vec::new(),
            });
        }
        let values = filter_values(user, filter, &kinds);
        let statement = self.scoped(&self.statements.list.unread, filter, values);
        self.retrying("unread", || async {
            let rows = self.pool().query_all_raw(statement.clone()).await?;
            let counted: i64 = match rows.first() {
                Some(first) => Row::new(members::TABLE, first).get("unread")?,
                None => 0,
            };
            Ok(Unread {
                counted: counted.unsigned_abs(),
                uncounted: members::members(&rows)?,
            })
        })
        .await
    }

    fn scoped(
        &self,
        scoped: &Scoped,
        filter: &ListFilter,
        mut values: Vec<Value>,
    ) -> sea_orm::Statement {
        let sql = match &filter.folder {
            None => &scoped.whole,
            Some(name) => {
                values.push(name.as_str().into());
                &scoped.folder
            }
        };
        self.statement(sql, values)
    }
}

/// `$1` to `$3`: the user, the kinds and the mark.
fn filter_values(user: &UserId, filter: &ListFilter, kinds: &[ConversationKind]) -> Vec<Value> {
    let all = [
        ConversationKind::C2c,
        ConversationKind::Group,
        ConversationKind::System,
    ];
    let kinds = if kinds.is_empty() { &all[..] } else { kinds };
    let mask = kinds.iter().fold(0, |mask, kind| {
        mask | i64::from(members::stored_kind(*kind))
    });
    vec![
        user.as_str().into(),
        mask.into(),
        filter
            .mark
            .map_or(0, |mark| mark.alone().to_stored())
            .into(),
    ]
}
