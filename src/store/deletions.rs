//! Deleting and clearing: how a user's watermarks move.
//!
//! A deletion reaches through a position that the caller has read from the conversation's head before:
//! a message that commits later has a higher position, so it can never be hidden. Watermarks are only
//! ever compared with the row as it is when it is written, so they never fall, whatever the order of
//! concurrent requests. Message rows are not touched.

use super::{
    Store,
    change::{Change, ChangeError, ChangeKind, ChangeRule, ChangeStatement, Recorded, ResultField},
    dialect::{Column, ColumnType, Dialect},
    error::StoreError,
    key::ConversationKey,
};
use crate::domain::{
    ConversationDeletion, ConversationId, Deletion, DeletionOutcome, History, Origin, Seq,
    Synchronisation, Timestamp,
};

/// One conversation to delete.
#[derive(Debug, Clone)]
pub(crate) struct DeletionTarget {
    /// The conversation, as its user sees it.
    pub(crate) conversation_id: ConversationId,
    /// Its key.
    pub(crate) key: ConversationKey,
    /// Its newest position, zero if it has none.
    pub(crate) head: Seq,
    /// How far the user had seen it, if the deletion shall reach no further.
    pub(crate) seen_through: Option<Seq>,
}

const DELETED: i64 = 1;
const ALREADY_DELETED: i64 = 2;
const NEWER_MESSAGES_KEPT: i64 = 3;
const NOT_FOUND: i64 = 4;

/// The rule of a deletion. `head` is the conversation's newest position, `hide_through` and
/// `clear_through` how far the list entry and the history shall go; 0 leaves them alone.
///
/// A row that a deletion takes nothing from keeps what an earlier deletion took, so that repeating a
/// deletion does not make it impossible to undo.
pub(super) fn statement(dialect: Dialect) -> ChangeStatement {
    // Nothing beyond the end of a membership has reached the user.
    let within_membership = |column: &str| {
        format!("(CASE WHEN m.left_at < i.{column} THEN m.left_at ELSE i.{column} END)")
    };
    let last = within_membership("head");
    let hide = within_membership("hide_through");
    let clear = within_membership("clear_through");

    let hides = format!("({hide} > m.hidden_through AND {hide} > m.joined_after)");
    let clears = format!("({clear} > m.cleared_through AND {clear} > m.joined_after)");
    let takes = format!("({hides} OR {clears})");
    let assignments = format!(
        "hidden_through = CASE WHEN {hides} THEN {hide} ELSE m.hidden_through END, \
         cleared_through = CASE WHEN {clears} THEN {clear} ELSE m.cleared_through END, \
         pinned_at = CASE WHEN {hides} THEN NULL ELSE m.pinned_at END, \
         taken_by = CASE WHEN {takes} THEN {{revision}} ELSE m.taken_by END, \
         prev_hidden_through = CASE WHEN {takes} THEN m.hidden_through ELSE m.prev_hidden_through END, \
         prev_cleared_through = CASE WHEN {takes} THEN m.cleared_through ELSE m.prev_cleared_through END, \
         prev_pinned_at = CASE WHEN {takes} THEN m.pinned_at ELSE m.prev_pinned_at END"
    );

    // The update has put the watermark as it was into prev_hidden_through, unless it took nothing.
    let hidden_before = "(CASE WHEN m.taken_by = {revision} THEN m.prev_hidden_through \
                          ELSE m.hidden_through END)";
    let outcome = format!(
        "CASE WHEN m.appeared_before = 0 AND {last} <= m.joined_after THEN {NOT_FOUND} \
              WHEN {last} <= {hidden_before} OR {last} <= m.joined_after THEN {ALREADY_DELETED} \
              WHEN {hide} < {last} THEN {NEWER_MESSAGES_KEPT} \
              ELSE {DELETED} END"
    );

    ChangeStatement::new(
        dialect,
        &ChangeRule {
            input: &[
                ("conversation_key", ColumnType::Key),
                ("head", ColumnType::Integer),
                ("hide_through", ColumnType::Integer),
                ("clear_through", ColumnType::Integer),
            ],
            assignments,
            results: &[
                ResultField {
                    name: "outcome",
                    sql: outcome,
                    absent: NOT_FOUND,
                },
                ResultField {
                    name: "hidden_through",
                    sql: "m.hidden_through".to_owned(),
                    absent: 0,
                },
                ResultField {
                    name: "cleared_through",
                    sql: "m.cleared_through".to_owned(),
                    absent: 0,
                },
            ],
        },
    )
}

impl Store {
    /// Deletes conversations of one user, or returns what was recorded when the request came first.
    pub(crate) async fn delete_conversations(
        &self,
        origin: &Origin,
        targets: &[DeletionTarget],
        history: History,
        synchronisation: Synchronisation,
        time: Timestamp,
        restorable_until: Option<Timestamp>,
    ) -> Result<Deletion, ChangeError> {
        let keys = targets.iter().map(|target| target.key).collect();
        let heads = targets
            .iter()
            .map(|target| target.head.to_stored())
            .collect();
        let reach: Vec<i64> = targets
            .iter()
            .map(|target| {
                target
                    .seen_through
                    .map_or(target.head, |seen| seen.min(target.head))
            })
            .map(Seq::to_stored)
            .collect();
        let (kind, clear_through) = match history {
            History::Keep => (ChangeKind::Delete, vec![0; reach.len()]),
            History::Clear => (ChangeKind::DeleteAndClear, reach.clone()),
        };

        let change = Change {
            origin,
            kind,
            time,
            synchronisation,
            restorable_until,
            conversations: targets
                .iter()
                .map(|target| target.conversation_id.to_string())
                .collect(),
            input: vec![
                Column::Keys(keys),
                Column::Integers(heads),
                Column::Integers(reach),
                Column::Integers(clear_through),
            ],
        };
        let recorded = self
            .change("delete_conversations", &self.statements.deletion, change)
            .await?;
        Ok(deletion(&recorded, targets)?)
    }
}

fn deletion(recorded: &Recorded, targets: &[DeletionTarget]) -> Result<Deletion, StoreError> {
    let inconsistent = || StoreError::Inconsistent {
        table: "changes",
        column: "results",
        key: format!("(revision {})", recorded.revision),
    };
    if recorded.results.len() != targets.len() {
        return Err(inconsistent());
    }
    let conversations = recorded
        .results
        .iter()
        .zip(targets)
        .map(|(numbers, target)| {
            let [outcome, hidden_through, cleared_through] = numbers.as_slice() else {
                return None;
            };
            Some(ConversationDeletion {
                conversation_id: target.conversation_id.clone(),
                outcome: outcome_of(*outcome)?,
                hidden_through: Seq::from_stored(*hidden_through)?,
                cleared_through: Seq::from_stored(*cleared_through)?,
            })
        })
        .collect::<Option<_>>()
        .ok_or_else(inconsistent)?;
    Ok(Deletion {
        conversations,
        revision: recorded.revision,
        restorable_until: recorded.restorable_until,
    })
}

const fn outcome_of(number: i64) -> Option<DeletionOutcome> {
    match number {
        DELETED => Some(DeletionOutcome::Deleted),
        ALREADY_DELETED => Some(DeletionOutcome::AlreadyDeleted),
        NEWER_MESSAGES_KEPT => Some(DeletionOutcome::NewerMessagesKept),
        NOT_FOUND => Some(DeletionOutcome::NotFound),
        _ => None,
    }
}
