//! The messages that are in no user's view.

use sea_orm::FromQueryResult;

use super::Erasure;
use crate::{
    domain::{ConversationKey, Seq},
    store::{
        database::{
            dialect::{Column, ColumnType, Dialect},
            error::StoreError,
            row::read_all,
        },
        entity::members,
        heads::Head,
        lists::members::ANY_KIND,
    },
};

/// Messages of a conversation that are in nobody's view: after `after`, through `through`.
#[derive(Debug, Clone, Copy, FromQueryResult)]
pub(crate) struct Unseen {
    #[sea_orm(from_alias = "conversation_key")]
    pub(crate) key: ConversationKey,
    #[sea_orm(from_alias = "unseen_after")]
    pub(crate) after: Seq,
    #[sea_orm(from_alias = "unseen_through")]
    pub(crate) through: Seq,
}

/// The gaps between the views of a conversation's members, each view an interval of positions.
///
/// A former version has left what its deletion took in the row alone (`prev_cleared_through`), and kept
/// nothing in `kept_after`. The value that the present one leaves there is never below `kept_after`.
pub(super) fn unseen(dialect: Dialect) -> String {
    let (heads, _) = dialect.rows(
        "i",
        1,
        &[
            ("conversation_key", ColumnType::Key),
            ("head", ColumnType::Integer),
        ],
    );
    let readable_after = dialect.least(&[
        "m.cleared_through",
        "COALESCE(m.kept_after, m.cleared_through)",
        "CASE WHEN m.taken_by > COALESCE(m.undo_ended, 0) \
              THEN COALESCE(m.prev_cleared_through, m.cleared_through) ELSE m.cleared_through END",
    ]);
    format!(
        "WITH views AS ( \
             SELECT conversation_key, \
                 CASE WHEN joined_after > readable_after THEN joined_after ELSE readable_after END AS lower_end, \
                 upper_end \
             FROM (SELECT m.conversation_key, m.joined_after, {readable_after} AS readable_after, \
                       CASE WHEN m.left_at < i.head THEN m.left_at ELSE i.head END AS upper_end \
                   FROM {heads} CROSS JOIN members AS m \
                   WHERE m.conversation_key = i.conversation_key AND {ANY_KIND}) AS bounds), \
         visible AS (SELECT * FROM views WHERE upper_end > lower_end), \
         covered AS ( \
             SELECT conversation_key, lower_end, COALESCE(MAX(upper_end) OVER ( \
                 PARTITION BY conversation_key ORDER BY lower_end \
                 ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS through \
             FROM visible), \
         tops AS (SELECT conversation_key, MAX(upper_end) AS upper_end FROM visible \
                  GROUP BY conversation_key) \
         SELECT conversation_key, through AS unseen_after, lower_end AS unseen_through \
         FROM covered WHERE lower_end > through \
         UNION ALL \
         SELECT i.conversation_key, COALESCE(t.upper_end, 0), i.head \
         FROM {heads} LEFT JOIN tops AS t ON t.conversation_key = i.conversation_key \
         WHERE i.head > COALESCE(t.upper_end, 0)"
    )
}

impl Erasure {
    /// The messages that lie in nobody's view of these conversations. Their heads have to be read before
    /// this is called: a user who joins after that sees nothing up to them.
    pub(crate) async fn unseen(
        &self,
        heads: impl IntoIterator<Item = (ConversationKey, Head)>,
    ) -> Result<Vec<Unseen>, StoreError> {
        let (keys, heads): (Vec<_>, Vec<_>) = heads
            .into_iter()
            .map(|(key, head)| (key, head.last_seq.to_stored()))
            .unzip();
        let values = self
            .database
            .dialect
            .row_values(&[Column::Keys(keys), Column::Integers(heads)]);
        let statement = self.database.statement(&self.statements.views, values);
        self.database
            .read("unseen", statement, |rows| read_all(members::Entity, rows))
            .await
    }
}
