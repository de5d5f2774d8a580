//! Erasing what nobody can ever see again.
//!
//! A message can be erased when it lies in no member's view. A view is an interval of positions. Its
//! lower end is how far its member has cleared the history or, while clearings can be undone, how far
//! undoing all of them would bring it back (`kept_after`); it never lies before the membership. Its upper
//! end is where the membership ended, or the head.
//!
//! Erasing needs no lock on views: of the positions up to a head that was read before, none ever comes
//! into a view that it is not in.
//!
//! - *Clearing* raises `cleared_through`. `kept_after` stays, or becomes what was cleared before, so the
//!   lower end stays where it is.
//! - *Undoing* takes the top from the stack of deletions, and `cleared_through` falls to what it was
//!   before that one. `kept_after` is what was cleared before the lowest of them, so the lower end stays
//!   where it is, too.
//! - *Ending the undo* of a deletion, for good, raises `kept_after` to what that deletion has cleared:
//!   what is above it on the stack brings back nothing below that. It holds the user's lock, as undoing
//!   does, and undoing minds `undo_ended` under that lock. So a deletion is undone before, and is not on
//!   the stack any more, or never.
//! - *Leaving* sets the upper end to the head. *Joining*, also again, begins a view at the head, which is
//!   not below the one that was read before.
//!
//! So the views of a conversation need not be of one moment. They are read one after the other, from shards that
//! know nothing of each other, and a position that was in no view when that view was read is in none for good. No
//! view is missing: the users of a conversation stand in its ID or in `group_members`, which is read after the head
//! and loses nobody, and whoever joins later begins at that head or above.
//!
//! Two queues stand in `erasable_from`, each in its order:
//!
//! - A *change* that cleared something waits until it cannot be undone any more. Its claim ends its undo
//!   (see [`undo`]) and passes on the conversations whose views have shrunk.
//! - A *conversation* some of whose views have shrunk, by that or by joining again, waits for one look
//!   at all of them (see [`views`]), however often that has happened since the last one.
//!
//! Due rows are looked for without a lock, and a bounded number of them is claimed by their keys. Claiming moves
//! `erasable_from` into the future if it is still as it was read, so of several jobs one gets each row: another job
//! leaves it alone, and takes it over if this one dies. A view that shrinks meanwhile moves it back, so it is looked at
//! again. Each claim goes on from
//! the last one of its round: beginning at the oldest each time would pass over all claims before, again
//! and again, while some long transaction keeps PostgreSQL from forgetting them.

mod backlog;
mod claims;
pub(in crate::store) mod erase;
mod seen;
mod trim;
mod undo;
pub(in crate::store) mod unlisting;
mod views;

use sea_orm::{
    ColumnTrait as _, EntityTrait as _, FromQueryResult, QueryFilter as _, UpdateMany, Value,
    sea_query::Keyword,
};

use crate::{
    domain::{ConversationKey, Timestamp, UserId},
    store::{
        database::{
            Database,
            dialect::Dialect,
            error::StoreError,
            input::{Input, InputColumn, InputRow, Shape},
        },
        entity::{columns, conversations},
        log::{RECORDED, Recorded},
        messages::Messages,
    },
};

use claims::DueName;
pub(in crate::store) use views::Unseen;

/// How many changes are claimed at a time.
const CHANGES: u16 = 100;
/// How many conversations are claimed at a time.
const CONVERSATIONS: u16 = 16;
/// How many conversations are passed on at a time, in the order in which messages lock their heads.
const HEADS: usize = 100;

/// The numbers of rows that one round of the background jobs has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Messages that nobody could ever see again.
    pub messages: u64,
    /// Changes that were kept for as long as was promised.
    pub changes: u64,
}

/// A change that cleared something and cannot be undone any more, claimed by one job.
#[derive(Debug)]
pub(crate) struct DueChange {
    pub(crate) user: UserId,
    pub(crate) due: Timestamp,
    pub(in crate::store) recorded: Recorded,
}

/// The key of its row.
impl InputRow for DueChange {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |change| change.user.to_string()),
        InputColumn::integer("revision", |change| change.recorded.revision.to_stored()),
    ];
}

/// A conversation some of whose views have shrunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromQueryResult)]
pub(crate) struct DueConversation {
    #[sea_orm(from_alias = "conversation_key")]
    pub(crate) key: ConversationKey,
    #[sea_orm(from_alias = "erasable_from")]
    pub(crate) due: Timestamp,
}

impl InputRow for DueConversation {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |one| one.key),
        InputColumn::integer("due", |one| one.due.as_micros()),
    ];
}

#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    due_changes: String,
    claim_changes: String,
    finish_changes: String,
    due_conversations: String,
    claim_conversations: String,
    pass_on: String,
    undo: undo::Statements,
    views: views::Statements,
    trim: trim::Statements,
    unlisting: unlisting::Statements,
    backlog: backlog::Statements,
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let (claimed, _) = dialect.rows("i", 2, Shape::of::<DueChange>().columns());
        let (changes, _) = dialect.rows("i", 2, Shape::of::<DueName>().columns());
        let shape = Shape::of::<DueConversation>();
        let [due, conversations] = [1, 2].map(|first| dialect.rows("i", first, shape.columns()).0);
        let due_from = |table, columns, limit| {
            format!(
                "SELECT {columns} FROM {table} \
                 WHERE erasable_from >= $1 AND erasable_from <= $2 \
                 ORDER BY erasable_from LIMIT {limit}"
            )
        };
        Self {
            due_changes: due_from(
                "changes",
                format!("user_id, erasable_from, {}", columns("", RECORDED)),
                CHANGES,
            ),
            // With an equals sign, SQLite would believe that the index of what is due is for this.
            claim_changes: format!(
                "UPDATE changes SET erasable_from = $1 FROM {changes} \
                 WHERE changes.user_id = i.user_id AND changes.revision = i.revision \
                 AND changes.erasable_from IS NOT DISTINCT FROM i.due \
                 RETURNING changes.user_id, changes.revision"
            ),
            finish_changes: format!(
                "UPDATE changes AS c SET erasable_from = NULL FROM {claimed} \
                 WHERE c.user_id = i.user_id AND c.revision = i.revision AND c.erasable_from = $1"
            ),
            due_conversations: due_from(
                "conversations",
                "conversation_key, erasable_from".to_owned(),
                CONVERSATIONS,
            ),
            claim_conversations: format!(
                "UPDATE conversations SET erasable_from = $1 FROM {conversations} \
                 WHERE conversations.conversation_key = i.conversation_key \
                 AND conversations.erasable_from IS NOT DISTINCT FROM i.due \
                 RETURNING conversations.conversation_key"
            ),
            pass_on: format!(
                "UPDATE conversations AS c SET erasable_from = i.due FROM {due} \
                 WHERE c.conversation_key = i.conversation_key \
                 AND (c.erasable_from IS NULL OR c.erasable_from > i.due)"
            ),
            undo: undo::Statements::new(dialect),
            views: views::Statements::new(dialect),
            trim: trim::Statements::new(dialect),
            unlisting: unlisting::Statements::new(dialect),
            backlog: backlog::Statements::new(),
        }
    }
}

/// Marks a conversation as seen to, unless a view of it has shrunk since it was claimed.
pub(in crate::store) fn finish_conversation(
    key: ConversationKey,
    lease: Timestamp,
) -> UpdateMany<conversations::Entity> {
    use conversations::Column as C;
    conversations::Entity::update_many()
        .col_expr(C::ErasableFrom, Keyword::Null.into())
        .filter(C::ConversationKey.eq(key))
        .filter(C::ErasableFrom.eq(lease))
}

/// Passes over a row that does not parse, so that the others go on: it waits until somebody has mended it.
/// `consequence` tells the operator what that means meanwhile.
pub(crate) fn unless_inconsistent<T>(
    result: Result<T, StoreError>,
    consequence: &'static str,
) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error @ StoreError::Inconsistent { .. }) => {
            tracing::error!(%error, "{consequence}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The work of the background jobs.
pub struct Erasure {
    database: Database,
    messages: Messages,
    statements: Statements,
}

impl Erasure {
    pub(in crate::store) fn of(database: &Database, messages: &Messages) -> Self {
        Self {
            database: database.clone(),
            messages: messages.clone(),
            statements: Statements::new(database.dialect),
        }
    }

    /// Marks changes that were claimed until `lease` as seen to.
    pub(crate) async fn finish_changes(
        &self,
        claimed: &[&DueChange],
        lease: Timestamp,
    ) -> Result<(), StoreError> {
        if claimed.is_empty() {
            return Ok(());
        }
        let rows = Input::of(&claimed.iter().copied());
        let mut values: Vec<Value> = vec![lease.as_micros().into()];
        values.extend(self.database.dialect.row_values(rows.columns()));
        let finish = self
            .database
            .statement(&self.statements.finish_changes, values);
        self.database.execute_one("finish_changes", finish).await?;
        Ok(())
    }

    /// Lets the views of these conversations be looked at, if that is not due anyway.
    pub(crate) async fn pass_on(&self, mut due: Vec<DueConversation>) -> Result<(), StoreError> {
        due.sort_unstable_by_key(|one| (one.key, one.due));
        due.dedup_by_key(|one| one.key);
        for due in due.chunks(HEADS) {
            let rows = Input::of(&due.iter());
            let values = self.database.dialect.row_values(rows.columns());
            let pass_on = self.database.statement(&self.statements.pass_on, values);
            self.database.execute_one("pass_on", pass_on).await?;
        }
        Ok(())
    }

    /// Marks a conversation that was claimed until `lease` as seen to.
    pub(crate) async fn finish_conversation(
        &self,
        key: ConversationKey,
        lease: Timestamp,
    ) -> Result<(), StoreError> {
        let finish = self.database.built(&finish_conversation(key, lease));
        self.database
            .execute_one("finish_conversation", finish)
            .await?;
        Ok(())
    }
}
