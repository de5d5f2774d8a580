//! Erasing what nobody can ever see again.
//!
//! A message can be erased when it lies in no member's view: above what the member has cleared (or,
//! while a clearing can be undone, above what was cleared before it) and within the membership. Views
//! only ever shrink: clearing and joining again move their lower end up, leaving fixes their upper
//! end, a new membership begins at the head. Undoing lowers the lower end no further than what counts
//! as visible here, and the undo of a claimed change is made impossible before anything is looked at.
//! So what is found to be out of every view stays so, and erasing needs no lock on anything.
//!
//! A change that cleared something, and a group that somebody has joined again, wait for their turn
//! in `erasable_from`. Claiming one moves it into the future: another job leaves it alone, and takes
//! it over if this one dies.

use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

use super::{
    Store, StoreError,
    conversations::Head,
    dialect::{Column, ColumnType, Dialect},
    key::ConversationKey,
    log,
    members::ANY_KIND,
    row::Row,
};
use crate::domain::{ConversationId, Revision, Seq, Timestamp, UserId};

/// What one round of the background jobs has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Messages that nobody could ever see again.
    pub messages: u64,
    /// Changes that were older than the retention of the log.
    pub changes: u64,
}

/// Something whose messages may be erasable, claimed by one job.
#[derive(Debug)]
pub(crate) enum Claim {
    /// What a user has cleared, and can no longer get back.
    Cleared {
        user: UserId,
        revision: Revision,
        conversations: Vec<ConversationKey>,
    },
    /// A group that a member has joined again.
    Rejoined(ConversationKey),
}

/// Messages of a conversation that are in nobody's view: after `after`, through `through`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unseen {
    pub(crate) key: ConversationKey,
    pub(crate) after: Seq,
    pub(crate) through: Seq,
}

pub(super) struct Statements {
    claim_change: String,
    claim_group: String,
    lock_user: String,
    end_undo: String,
    unseen: String,
    oldest: String,
    erase: String,
    finish_change: String,
    finish_group: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        let skip_locked = dialect.skip_locked();
        let (cleared, _) = dialect.rows("i", 3, &[("conversation_key", ColumnType::Key)]);
        let user = dialect.after_rows("$1");
        let (heads, _) = dialect.rows(
            "i",
            1,
            &[
                ("conversation_key", ColumnType::Key),
                ("head", ColumnType::Integer),
            ],
        );
        Self {
            claim_change: format!(
                "UPDATE changes SET erasable_from = $2 WHERE (user_id, revision) = ( \
                     SELECT user_id, revision FROM changes WHERE erasable_from <= $1 \
                     ORDER BY erasable_from LIMIT 1 {skip_locked}) \
                 RETURNING user_id, revision, conversations"
            ),
            claim_group: format!(
                "UPDATE conversations SET erasable_from = $2 WHERE conversation_key = ( \
                     SELECT conversation_key FROM conversations WHERE erasable_from <= $1 \
                     ORDER BY erasable_from LIMIT 1 {skip_locked}) \
                 RETURNING conversation_key"
            ),
            // As every change of the user's rows does first.
            lock_user: "UPDATE users SET revision = revision WHERE user_id = $1".to_owned(),
            // Of what lies beneath the deletion, too. What lies on it keeps what it may bring back.
            end_undo: format!(
                "UPDATE members AS m SET undo_ended = $2, \
                     kept_after = CASE WHEN m.taken_by = $2 THEN NULL ELSE m.kept_after END \
                 FROM {cleared} \
                 WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key \
                 AND m.taken_by >= $2 AND $2 > COALESCE(m.undo_ended, 0)"
            ),
            unseen: unseen(&heads),
            oldest: "SELECT MIN(seq) AS seq FROM messages \
                     WHERE conversation_key = $1 AND seq > $2 AND seq <= $3"
                .to_owned(),
            erase: "DELETE FROM messages WHERE conversation_key = $1 AND seq >= $2 AND seq <= $3"
                .to_owned(),
            finish_change: "UPDATE changes SET erasable_from = NULL \
                            WHERE user_id = $1 AND revision = $2"
                .to_owned(),
            // Not if it was joined again meanwhile.
            finish_group: "UPDATE conversations SET erasable_from = NULL \
                           WHERE conversation_key = $1 AND erasable_from = $2"
                .to_owned(),
        }
    }
}

/// The gaps between the views of a conversation's members, each view an interval of positions.
fn unseen(heads: &str) -> String {
    let lower = "CASE WHEN m.kept_after < m.cleared_through \
                 THEN m.kept_after ELSE m.cleared_through END";
    format!(
        "WITH views AS ( \
             SELECT conversation_key, \
                 CASE WHEN joined_after > readable_after THEN joined_after ELSE readable_after END AS lower_end, \
                 upper_end \
             FROM (SELECT m.conversation_key, m.joined_after, {lower} AS readable_after, \
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

impl Store {
    /// Claims something that has been due since `now` or before, until `lease`.
    pub(crate) async fn claim_erasure(
        &self,
        now: Timestamp,
        lease: Timestamp,
    ) -> Result<Option<Claim>, StoreError> {
        let statements = &self.statements.erasure;
        let values = [now.as_micros().into(), lease.as_micros().into()];
        let row = self
            .write_one(
                "claim_change",
                self.statement(&statements.claim_change, values.clone()),
            )
            .await?;
        if let Some(row) = row {
            return claim(&row).map(Some);
        }
        let row = self
            .write_one(
                "claim_group",
                self.statement(&statements.claim_group, values),
            )
            .await?;
        row.map(|row| Row::new("conversations", &row).key().map(Claim::Rejoined))
            .transpose()
    }

    /// Ends for good the undo of a claimed change.
    pub(crate) async fn end_undo(
        &self,
        user: &UserId,
        revision: Revision,
        conversations: Vec<ConversationKey>,
    ) -> Result<(), StoreError> {
        let mut values: Vec<Value> = vec![user.as_str().into(), revision.to_stored().into()];
        values.extend(self.dialect.row_values(&[Column::Keys(conversations)]));
        let statements = &self.statements.erasure;
        let lock_user = self.statement(&statements.lock_user, [user.as_str().into()]);
        let end_undo = self.statement(&statements.end_undo, values);
        self.retrying("end_undo", || async {
            let transaction = self.begin().await?;
            transaction.execute_raw(lock_user.clone()).await?;
            transaction.execute_raw(end_undo.clone()).await?;
            transaction.commit().await
        })
        .await
    }

    /// What is in nobody's view of these conversations. Their heads have to be read before this is
    /// called: who joins after that sees nothing up to them.
    pub(crate) async fn unseen(
        &self,
        heads: impl IntoIterator<Item = (ConversationKey, Head)>,
    ) -> Result<Vec<Unseen>, StoreError> {
        let (keys, heads): (Vec<_>, Vec<_>) = heads
            .into_iter()
            .map(|(key, head)| (key, head.last_seq.to_stored()))
            .unzip();
        let values = self
            .dialect
            .row_values(&[Column::Keys(keys), Column::Integers(heads)]);
        let statement = self.statement(&self.statements.erasure.unseen, values);
        self.retrying("unseen", || async {
            let rows = self.pool().query_all_raw(statement.clone()).await?;
            rows.iter()
                .map(|row| {
                    let row = Row::new("members", row);
                    Ok(Unseen {
                        key: row.key()?,
                        after: row.seq("unseen_after")?,
                        through: row.seq("unseen_through")?,
                    })
                })
                .collect()
        })
        .await
    }

    /// Erases the oldest of these messages, at most about `limit` of them. Returns how many were
    /// erased and what is left to look at; `None` when there is nothing more.
    pub(crate) async fn erase(
        &self,
        unseen: Unseen,
        limit: u32,
        now: Timestamp,
    ) -> Result<(u64, Option<Unseen>), StoreError> {
        let statements = &self.statements.erasure;
        let bounds = |from: Seq, through: Seq| -> [Value; 3] {
            [
                unseen.key.to_bytes().into(),
                from.to_stored().into(),
                through.to_stored().into(),
            ]
        };
        let oldest = self.statement(&statements.oldest, bounds(unseen.after, unseen.through));
        let oldest = self
            .retrying("oldest_unseen", || async {
                let row = self.pool().query_one_raw(oldest.clone()).await?;
                match row {
                    Some(row) => Row::new("messages", &row).optional_seq("seq"),
                    None => Ok(None),
                }
            })
            .await?;
        let Some(oldest) = oldest else {
            return Ok((0, None));
        };
        let last = Seq::saturating(oldest.get() + u64::from(limit) - 1).min(unseen.through);
        let named = self.to_remember(unseen, (oldest, last), now).await?;
        let erase = self.statement(&statements.erase, bounds(oldest, last));
        let erased = self
            .retrying("erase", || async {
                let transaction = self.begin().await?;
                if !named.is_empty() {
                    self.remember(&transaction, unseen.key, &named).await?;
                }
                let erased = transaction.execute_raw(erase.clone()).await?;
                let erased = erased.rows_affected();
                if erased > 0 {
                    self.note_erasure(&transaction).await?;
                }
                transaction.commit().await?;
                Ok::<_, StoreError>(erased)
            })
            .await?;
        let rest = (last < unseen.through).then_some(Unseen {
            after: last,
            ..unseen
        });
        Ok((erased, rest))
    }

    /// Marks a claim that was made until `lease` as seen to.
    pub(crate) async fn finish_erasure(
        &self,
        claim: &Claim,
        lease: Timestamp,
    ) -> Result<(), StoreError> {
        let statements = &self.statements.erasure;
        let (sql, values): (_, [Value; 2]) = match claim {
            Claim::Cleared { user, revision, .. } => (
                &statements.finish_change,
                [user.as_str().into(), revision.to_stored().into()],
            ),
            Claim::Rejoined(key) => (
                &statements.finish_group,
                [key.to_bytes().into(), lease.as_micros().into()],
            ),
        };
        self.execute_one("finish_erasure", self.statement(sql, values))
            .await?;
        Ok(())
    }

    /// Runs one statement in a transaction of its own, on SQLite in its turn; returns its row.
    async fn write_one(
        &self,
        name: &'static str,
        statement: Statement,
    ) -> Result<Option<QueryResult>, StoreError> {
        self.retrying(name, || async {
            let transaction = self.begin().await?;
            let row = transaction.query_one_raw(statement.clone()).await?;
            transaction.commit().await?;
            Ok(row)
        })
        .await
    }

    /// As [`Store::write_one`], for a statement that returns none; returns how many rows it changed.
    pub(super) async fn execute_one(
        &self,
        name: &'static str,
        statement: Statement,
    ) -> Result<u64, StoreError> {
        self.retrying(name, || async {
            let transaction = self.begin().await?;
            let changed = transaction.execute_raw(statement.clone()).await?;
            transaction.commit().await?;
            Ok(changed.rows_affected())
        })
        .await
    }
}

fn claim(row: &QueryResult) -> Result<Claim, StoreError> {
    let row = Row::new(log::TABLE, row);
    let user: String = row.get("user_id")?;
    let user = UserId::new(&user).map_err(|_| row.inconsistent("user_id"))?;
    let conversations: Vec<String> = row.json("conversations")?;
    let conversations = conversations
        .iter()
        .map(|text| {
            let id: ConversationId = text.parse().ok()?;
            Some(ConversationKey::from(&id.canonical(&user)))
        })
        .collect::<Option<_>>()
        .ok_or_else(|| row.inconsistent("conversations"))?;
    Ok(Claim::Cleared {
        revision: row.revision("revision")?,
        user,
        conversations,
    })
}
