//! Ending the undo of deletions whose time is over, for good.
//!
//! The deletions of a conversation that can be undone form a stack; each one's record names the one
//! beneath it. Ending the undo of one ends that of all beneath it: they could only be undone after it. So
//! the stack is walked from its top to the first deletion that is due, or that the log has forgotten. A
//! deletion that is not met on the way was undone, and its end changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use sea_orm::{ConnectionTrait, FromQueryResult, Value};

use super::{DueChange, DueConversation, Erasure};
use crate::{
    domain::{ConversationKey, Revision, Seq, Timestamp, UserId},
    store::{
        changes::deletions::{self, Before},
        database::{
            dialect::{Column, ColumnType, Dialect},
            error::StoreError,
            input::{Input, InputColumn, InputRow, Shape},
            observed::DatabaseTransaction,
            row::{Row, read_all},
        },
        entity::{changes, columns, members},
        log::{self, RECORDED, Recorded},
        users,
    },
};

#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    stacks: String,
    records: String,
    end: String,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        use ColumnType::{Integer, Key};
        let user = dialect.after_rows("$1");
        let [routed, change_routed] =
            ["m.user_id", "c.user_id"].map(|column| dialect.routed(column, "$1"));
        let (keys, _) = dialect.rows("i", 2, &[("conversation_key", Key)]);
        let (revisions, _) = dialect.rows("i", 2, &[("revision", Integer)]);
        let (ended, _) = dialect.rows("i", 2, Shape::of::<EndedRow>().columns());
        Self {
            stacks: format!(
                "SELECT m.conversation_key, m.taken_by, m.undo_ended, m.cleared_through \
                 FROM {keys} CROSS JOIN members AS m \
                 WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key{routed}"
            ),
            records: format!(
                "SELECT {} FROM {revisions} CROSS JOIN changes AS c \
                 WHERE c.user_id = {user} AND c.revision = i.revision{change_routed}",
                columns("c.", RECORDED)
            ),
            end: format!(
                "UPDATE members AS m SET undo_ended = i.ended, \
                     taken_by = CASE WHEN m.taken_by > i.ended THEN m.taken_by END, \
                     kept_after = CASE WHEN i.cleared < m.cleared_through THEN i.cleared END \
                 FROM {ended} \
                 WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key{routed}"
            ),
        }
    }
}

/// The deletions that lie on a conversation, as the row of `members` knows them.
#[derive(FromQueryResult)]
struct Top {
    conversation_key: ConversationKey,
    taken_by: Option<Revision>,
    undo_ended: Option<Revision>,
    cleared_through: Seq,
}

/// The stack of one conversation, as far as it was walked.
#[derive(Debug, PartialEq, Eq)]
struct Stack {
    /// The deletion that lies next.
    next: Option<Revision>,
    /// The position that is cleared when everything above the next deletion has been undone.
    cleared: Seq,
    /// Nothing up to here can be undone.
    ended: Revision,
    /// The first of the due deletions that have taken something from the conversation.
    first_due: Revision,
}

/// A conversation some of whose deletions can no longer be undone, as its row is to say.
struct EndedRow {
    key: ConversationKey,
    ended: Revision,
    cleared: Seq,
}

impl InputRow for EndedRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::integer("ended", |row| row.ended.to_stored()),
        InputColumn::integer("cleared", |row| row.cleared.to_stored()),
    ];
}

/// The state of a change that lies on a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lying {
    /// It can never be undone again.
    Over,
    /// It may still be undone. How the conversation stood before it, unless a former version has
    /// recorded it: then nothing beneath it can be undone.
    Open(Option<Before>),
}

impl Stack {
    /// The deletion that lies next, if it is of interest: nothing below the first due deletion is.
    fn to_look_at(&self) -> Option<Revision> {
        self.next
            .filter(|next| *next > self.ended && *next >= self.first_due)
    }

    fn step(&mut self, lying: Lying) {
        match lying {
            Lying::Over => self.ended = self.next.take().unwrap_or(self.ended),
            Lying::Open(Some(before)) => {
                self.next = before.taken_by;
                self.cleared = before.cleared_through;
            }
            Lying::Open(None) => self.next = None,
        }
    }
}

impl Erasure {
    /// Ends for good the undo of claimed changes of one user, which are due. Returns the
    /// conversations whose views have shrunk by that or by an earlier try.
    pub(crate) async fn end_undo(
        &self,
        user: &UserId,
        changes: &[DueChange],
    ) -> Result<Vec<DueConversation>, StoreError> {
        let taken = taken(changes)?;
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let due: HashSet<_> = changes
            .iter()
            .map(|change| change.recorded.revision)
            .collect();
        let statements = &self.statements.undo;
        self.database
            .retrying("end_undo", || async {
                let transaction = self.database.begin().await?;
                users::lock(user).exec(&*transaction).await?;
                let mut stacks = self.stacks(&transaction, user, &taken).await?;
                let ended_before: HashMap<_, _> = stacks
                    .iter()
                    .map(|(key, stack)| (*key, stack.ended))
                    .collect();
                self.walk(&transaction, user, &mut stacks, &due).await?;
                let ended: Vec<_> = stacks
                    .iter()
                    .filter(|(key, stack)| ended_before.get(key) != Some(&stack.ended))
                    .map(|(key, stack)| EndedRow {
                        key: *key,
                        ended: stack.ended,
                        cleared: stack.cleared,
                    })
                    .collect();
                if !ended.is_empty() {
                    let ended = Input::of(&ended.iter());
                    let mut values: Vec<Value> = vec![user.as_str().into()];
                    values.extend(self.database.dialect.row_values(ended.columns()));
                    let end = self.database.statement(&statements.end, values);
                    transaction.execute_raw(end).await?;
                }
                transaction.commit().await?;
                let shrunk = stacks
                    .iter()
                    .filter(|(_, stack)| stack.ended >= stack.first_due);
                let shrunk = shrunk.filter_map(|(key, _)| {
                    let (_, due) = taken.get(key)?;
                    Some(DueConversation {
                        key: *key,
                        due: *due,
                    })
                });
                Ok::<_, StoreError>(shrunk.collect())
            })
            .await
    }

    /// The stacks of the user's conversations.
    async fn stacks(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        taken: &BTreeMap<ConversationKey, (Revision, Timestamp)>,
    ) -> Result<HashMap<ConversationKey, Stack>, StoreError> {
        let mut values: Vec<Value> = vec![user.as_str().into()];
        let keys = Column::Keys(taken.keys().copied().collect());
        values.extend(self.database.dialect.row_values(&[keys]));
        let stacks = self
            .database
            .statement(&self.statements.undo.stacks, values);
        let rows = transaction.query_all_raw(stacks).await?;
        let tops: Vec<Top> = read_all(members::Entity, &rows)?;
        let stacks = tops.into_iter().filter_map(|top| {
            let (first_due, _) = taken.get(&top.conversation_key)?;
            let stack = Stack {
                next: top.taken_by,
                cleared: top.cleared_through,
                ended: top.undo_ended.unwrap_or_default(),
                first_due: *first_due,
            };
            Some((top.conversation_key, stack))
        });
        Ok(stacks.collect())
    }

    /// Walks down the stacks, all of them at the same time, until something on them is `due`.
    async fn walk(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        stacks: &mut HashMap<ConversationKey, Stack>,
        due: &HashSet<Revision>,
    ) -> Result<(), StoreError> {
        let mut known: HashMap<Revision, HashMap<ConversationKey, Lying>> = HashMap::new();
        loop {
            let next: HashSet<_> = stacks.values().filter_map(Stack::to_look_at).collect();
            if next.is_empty() {
                return Ok(());
            }
            let unknown = next.into_iter().filter(|next| !known.contains_key(next));
            let unknown: Vec<_> = unknown.collect();
            let mut records = self.records(transaction, user, &unknown).await?;
            for revision in unknown {
                let lying = match records.remove(&revision) {
                    Some(change) if !due.contains(&revision) => open(user, &change)?,
                    // It is due, or the log has forgotten it.
                    _ => HashMap::new(),
                };
                known.insert(revision, lying);
            }
            for (key, stack) in &mut *stacks {
                if let Some(next) = stack.to_look_at() {
                    let lying = known.get(&next).and_then(|change| change.get(key));
                    stack.step(lying.copied().unwrap_or(Lying::Over));
                }
            }
        }
    }

    async fn records(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        revisions: &[Revision],
    ) -> Result<HashMap<Revision, Recorded>, StoreError> {
        if revisions.is_empty() {
            return Ok(HashMap::new());
        }
        let mut values: Vec<Value> = vec![user.as_str().into()];
        let revisions = revisions.iter().map(|revision| revision.to_stored());
        values.extend(
            self.database
                .dialect
                .row_values(&[Column::Integers(revisions.collect())]),
        );
        let records = self
            .database
            .statement(&self.statements.undo.records, values);
        let rows = transaction.query_all_raw(records).await?;
        rows.iter()
            .map(|row| {
                let recorded = log::recorded(&Row::of(changes::Entity, row))?;
                Ok((recorded.revision, recorded))
            })
            .collect()
    }
}

/// How a change that may still be undone lies on the stacks of its conversations.
fn open(user: &UserId, change: &Recorded) -> Result<HashMap<ConversationKey, Lying>, StoreError> {
    change
        .conversations
        .iter()
        .map(|conversation| {
            let before = deletions::before(conversation);
            let before = before.ok_or_else(|| change.inconsistent("results"))?;
            Ok((
                ConversationKey::of(&conversation.id, user),
                Lying::Open(before),
            ))
        })
        .collect()
}

/// The conversations from which these changes have taken something, each with the first of them that has,
/// and since when that has been due.
fn taken(
    changes: &[DueChange],
) -> Result<BTreeMap<ConversationKey, (Revision, Timestamp)>, StoreError> {
    let mut taken: BTreeMap<ConversationKey, (Revision, Timestamp)> = BTreeMap::new();
    for DueChange {
        user,
        due,
        recorded,
    } in changes
    {
        for conversation in &recorded.conversations {
            let after = deletions::after(conversation);
            let after = after.ok_or_else(|| recorded.inconsistent("results"))?;
            if after.has_changed {
                let one = (recorded.revision, *due);
                taken
                    .entry(ConversationKey::of(&conversation.id, user))
                    .and_modify(|first| {
                        *first = (first.0.min(one.0), first.1.min(one.1));
                    })
                    .or_insert(one);
            }
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(number: i64) -> Revision {
        Revision::from_stored(number).expect("a revision")
    }

    fn seq(number: i64) -> Seq {
        Seq::from_stored(number).expect("a position")
    }

    fn open(cleared_before: i64, beneath: Option<i64>) -> Lying {
        Lying::Open(Some(Before {
            hidden_through: Seq::ZERO,
            cleared_through: seq(cleared_before),
            pinned_at: None,
            taken_by: beneath.map(revision),
            reappearance: None,
        }))
    }

    fn stack(next: i64, first_due: i64) -> Stack {
        Stack {
            next: Some(revision(next)),
            cleared: seq(30),
            ended: Revision::default(),
            first_due: revision(first_due),
        }
    }

    #[test]
    fn what_lies_above_a_deletion_that_is_over_keeps_what_it_may_bring_back() {
        let mut stack = stack(9, 4);
        stack.step(open(20, Some(6)));
        stack.step(open(10, Some(4)));
        assert_eq!(stack.to_look_at(), Some(revision(4)));
        stack.step(Lying::Over);
        assert_eq!((stack.ended, stack.cleared), (revision(4), seq(10)));
        assert_eq!(stack.to_look_at(), None);
    }

    #[test]
    fn a_deletion_that_was_undone_is_not_met() {
        let mut stack = stack(9, 4);
        stack.step(open(20, Some(3)));
        assert_eq!(stack.to_look_at(), None);
        assert_eq!(stack.ended, Revision::default());
    }

    #[test]
    fn beneath_what_a_former_version_has_recorded_nothing_is_looked_at() {
        let mut stack = stack(9, 4);
        stack.step(Lying::Open(None));
        assert_eq!((stack.to_look_at(), stack.cleared), (None, seq(30)));
    }
}
