//! Deleting and clearing, and undoing it: how a user's watermarks move.
//!
//! A deletion reaches through a position that the caller has read from the conversation's head before:
//! a message that commits later has a higher position, so it can never be hidden. Watermarks are only
//! ever compared with the row as it is when it is written, so they never fall, whatever the order of
//! concurrent requests. Message rows are not touched.
//!
//! What a deletion takes from a row (`prev_…`) stays in that row under the deletion's revision
//! (`taken_by`) until the next deletion takes something. So undoing needs neither locks nor
//! look-ups: it puts back what stands there if the revision is still the same.

use super::{
    Store,
    change::{Change, ChangeError, ChangeRule, ChangeStatement, ResultField, Surplus},
    dialect::{Column, ColumnType, Dialect},
    error::StoreError,
    key::ConversationKey,
    kind::StoredKind,
    log::{Recorded, RecordedConversation},
};
use crate::domain::{
    ConversationDeletion, ConversationId, Deletion, DeletionOutcome, Origin, RequestKey,
    Restoration, RestorationOutcome, Seq, Synchronisation, Taking, Timestamp, UserId,
};

/// A deletion or clearing to carry out.
#[derive(Debug)]
pub(crate) struct Take<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) targets: Vec<DeletionTarget>,
    pub(crate) taking: Taking,
    pub(crate) synchronisation: Synchronisation,
    pub(crate) time: Timestamp,
    /// Until when it can be undone; `None` if it cannot.
    pub(crate) restorable_until: Option<Timestamp>,
}

/// One conversation to delete or clear.
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

const RESTORED: i64 = 1;
const SUPERSEDED: i64 = 2;
const NOTHING_TAKEN: i64 = 3;
/// How a conversation stands after a deletion or its undoing.
pub(super) struct After {
    pub(super) hidden_through: Seq,
    pub(super) cleared_through: Seq,
    /// Whether the change has taken something from it or put something back.
    pub(super) has_changed: bool,
    pub(super) is_pinned: bool,
}

/// Stands for the deletion of a conversation that it took nothing from. No revision is negative.
const NO_DELETION: i64 = -1;

/// A position, as far as it has reached the user: nothing beyond the end of a membership has.
pub(super) fn within_membership(position: &str) -> String {
    format!("(CASE WHEN m.left_at < {position} THEN m.left_at ELSE {position} END)")
}

/// The rule of deletions and clearings. `head` is the conversation's newest position, `hide_through`
/// and `clear_through` how far the list entry and the history shall go; 0 leaves them alone.
///
/// A row that a deletion takes nothing from keeps what an earlier deletion took, so that repeating a
/// deletion does not make it impossible to undo.
pub(super) fn take_statement(dialect: Dialect) -> ChangeStatement {
    let last = within_membership("i.head");
    let hide = within_membership("i.hide_through");
    let clear = within_membership("i.clear_through");

    let hides = format!("({hide} > m.hidden_through AND {hide} > m.joined_after)");
    let clears = format!("({clear} > m.cleared_through AND {clear} > m.joined_after)");
    let takes = format!("({hides} OR {clears})");
    let assignments = format!(
        "hidden_through = CASE WHEN {hides} THEN {hide} ELSE m.hidden_through END, \
         cleared_through = CASE WHEN {clears} THEN {clear} ELSE m.cleared_through END, \
         pinned_at = CASE WHEN {hides} THEN NULL ELSE m.pinned_at END, \
         taken_by = CASE WHEN {takes} THEN {{revision}} ELSE m.taken_by END, \
         restored_deletion = CASE WHEN {takes} THEN NULL ELSE m.restored_deletion END, \
         prev_hidden_through = CASE WHEN {takes} THEN m.hidden_through ELSE m.prev_hidden_through END, \
         prev_cleared_through = CASE WHEN {takes} THEN m.cleared_through ELSE m.prev_cleared_through END, \
         prev_pinned_at = CASE WHEN {hides} THEN m.pinned_at WHEN {takes} THEN NULL ELSE m.prev_pinned_at END"
    );

    // The update has put the watermark as it was into prev_hidden_through, unless it took nothing.
    let hidden_before = "(CASE WHEN m.taken_by = {revision} THEN m.prev_hidden_through \
                          ELSE m.hidden_through END)";
    let reach = within_membership(
        "(CASE WHEN i.hide_through > i.clear_through THEN i.hide_through ELSE i.clear_through END)",
    );
    let outcome = format!(
        "CASE WHEN m.appeared_before = 0 AND {last} <= m.joined_after THEN {NOT_FOUND} \
              WHEN {last} <= {hidden_before} OR {last} <= m.joined_after THEN {ALREADY_DELETED} \
              WHEN {reach} < {last} THEN {NEWER_MESSAGES_KEPT} \
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
            results: &results(
                &outcome,
                NOT_FOUND,
                "CASE WHEN m.taken_by = {revision} THEN 1 ELSE 0 END",
            ),
            surplus: None,
        },
    )
}

/// The rule of undoing. `deletion` is the revision of the deletion, or [`NO_DELETION`]. What would be
/// too many pins stays unpinned.
pub(super) fn restore_statement(dialect: Dialect) -> ChangeStatement {
    let restores = "m.taken_by = i.deletion";
    let repins = format!("({restores} AND m.pinned_at IS NULL AND m.prev_pinned_at IS NOT NULL)");
    let assignments = format!(
        "hidden_through = CASE WHEN {restores} THEN m.prev_hidden_through ELSE m.hidden_through END, \
         cleared_through = CASE WHEN {restores} THEN m.prev_cleared_through ELSE m.cleared_through END, \
         pinned_at = CASE WHEN {repins} THEN m.prev_pinned_at ELSE m.pinned_at END, \
         changed_by = CASE WHEN {repins} THEN {{revision}} ELSE m.changed_by END, \
         restored_deletion = CASE WHEN {restores} THEN i.deletion ELSE m.restored_deletion END, \
         taken_by = CASE WHEN {restores} THEN NULL ELSE m.taken_by END"
    );
    let is_back = "m.restored_deletion = i.deletion";
    let outcome = format!(
        "CASE WHEN i.deletion = {NO_DELETION} THEN {NOTHING_TAKEN} \
              WHEN {is_back} THEN {RESTORED} ELSE {SUPERSEDED} END"
    );
    ChangeStatement::new(
        dialect,
        &ChangeRule {
            input: &[
                ("conversation_key", ColumnType::Key),
                ("deletion", ColumnType::Integer),
            ],
            assignments,
            results: &results(
                &outcome,
                NOTHING_TAKEN,
                &format!("CASE WHEN {is_back} THEN 1 ELSE 0 END"),
            ),
            surplus: Some(Surplus::LeftOut),
        },
    )
}

/// What is recorded of each conversation; [`after`] reads it.
fn results(outcome: &str, absent: i64, changed: &str) -> [ResultField<'static>; 5] {
    let field = |name, sql: &str, absent| ResultField {
        name,
        sql: sql.to_owned(),
        absent,
    };
    [
        field("outcome", outcome, absent),
        field("hidden_through", "m.hidden_through", 0),
        field("cleared_through", "m.cleared_through", 0),
        field("changed", changed, 0),
        field(
            "pinned",
            "CASE WHEN m.pinned_at IS NULL THEN 0 ELSE 1 END",
            0,
        ),
    ]
}

/// Reads what is recorded of one conversation of a deletion or its undoing. Records of old end before
/// the pin; there were none then.
pub(super) fn after(conversation: &RecordedConversation) -> Option<After> {
    let [hidden_through, cleared_through, changed, pinned @ ..] = &conversation.numbers[..] else {
        return None;
    };
    Some(After {
        hidden_through: Seq::from_stored(*hidden_through)?,
        cleared_through: Seq::from_stored(*cleared_through)?,
        has_changed: *changed != 0,
        is_pinned: pinned.first().is_some_and(|pinned| *pinned != 0),
    })
}

impl Store {
    /// Deletes or clears conversations of one user, or returns what was recorded when the request
    /// came first.
    pub(crate) async fn take(&self, take: Take<'_>) -> Result<Deletion, ChangeError> {
        let keys = take.targets.iter().map(|target| target.key).collect();
        let heads = take
            .targets
            .iter()
            .map(|target| target.head.to_stored())
            .collect();
        let reach: Vec<i64> = take.targets.iter().map(DeletionTarget::reach).collect();
        let nowhere = vec![0; reach.len()];
        let (kind, hide_through, clear_through) = match take.taking {
            Taking::Entry => (StoredKind::Delete, reach, nowhere),
            Taking::EntryAndHistory => (StoredKind::DeleteAndClear, reach.clone(), reach),
            Taking::History => (StoredKind::Clear, nowhere, reach),
        };
        let erasable_from = match take.taking {
            Taking::Entry => None,
            Taking::EntryAndHistory | Taking::History => {
                Some(take.restorable_until.unwrap_or(take.time))
            }
        };
        let change = Change {
            origin: take.origin.clone(),
            kind,
            time: take.time,
            synchronisation: take.synchronisation,
            restorable_until: take.restorable_until,
            erasable_from,
            undoes: None,
            detail: None,
            pin_limit: u32::MAX,
            conversations: take
                .targets
                .into_iter()
                .map(|target| target.conversation_id)
                .collect(),
            input: vec![
                Column::Keys(keys),
                Column::Integers(heads),
                Column::Integers(hide_through),
                Column::Integers(clear_through),
            ],
        };
        let recorded = self.change("take", &self.statements.take, change).await?;
        Ok(deletion(recorded)?)
    }

    /// Puts back what a deletion took from each of its conversations, unless another deletion has
    /// taken something from it since. The caller has made sure that it may still be undone.
    pub(crate) async fn restore(
        &self,
        origin: &Origin,
        deletion: &Recorded,
        time: Timestamp,
        pin_limit: u32,
    ) -> Result<Restoration, ChangeError> {
        let revision = deletion.revision.to_stored();
        let deletions = deletion.conversations.iter().map(|conversation| {
            let after = after(conversation).ok_or_else(|| deletion.inconsistent("results"))?;
            Ok(if after.has_changed {
                revision
            } else {
                NO_DELETION
            })
        });
        let deletions = deletions.collect::<Result<_, StoreError>>()?;
        let change = Change {
            origin: origin.clone(),
            kind: StoredKind::Restore,
            time,
            synchronisation: Synchronisation::OtherClients,
            restorable_until: None,
            erasable_from: None,
            undoes: Some(deletion.revision),
            detail: None,
            pin_limit,
            conversations: deletion
                .conversations
                .iter()
                .map(|conversation| conversation.id.clone())
                .collect(),
            input: vec![
                Column::Keys(
                    deletion
                        .conversations
                        .iter()
                        .map(|conversation| ConversationKey::of(&conversation.id, &origin.user))
                        .collect(),
                ),
                Column::Integers(deletions),
            ],
        };
        let recorded = self
            .change("restore", &self.statements.restore, change)
            .await?;
        Ok(restoration(recorded)?)
    }

    /// What an earlier run of this request to undo a deletion has done, if there was one.
    pub(crate) async fn earlier_restoration(
        &self,
        user: &UserId,
        request: RequestKey,
    ) -> Result<Option<Restoration>, ChangeError> {
        let recorded = self.recorded_of_request(user, request).await?;
        Ok(recorded.map(restoration).transpose()?)
    }
}

impl DeletionTarget {
    /// How far the deletion may reach at most.
    fn reach(&self) -> i64 {
        let reach = self
            .seen_through
            .map_or(self.head, |seen| seen.min(self.head));
        reach.to_stored()
    }
}

fn deletion(recorded: Recorded) -> Result<Deletion, StoreError> {
    let outcome_of = |number| match number {
        DELETED => Some(DeletionOutcome::Deleted),
        ALREADY_DELETED => Some(DeletionOutcome::AlreadyDeleted),
        NEWER_MESSAGES_KEPT => Some(DeletionOutcome::NewerMessagesKept),
        NOT_FOUND => Some(DeletionOutcome::NotFound),
        _ => None,
    };
    let error = recorded.inconsistent("results");
    let conversations = recorded.conversations.into_iter().map(|conversation| {
        let after = after(&conversation)?;
        Some(ConversationDeletion {
            outcome: outcome_of(conversation.outcome)?,
            conversation_id: conversation.id,
            hidden_through: after.hidden_through,
            cleared_through: after.cleared_through,
        })
    });
    Ok(Deletion {
        conversations: conversations.collect::<Option<_>>().ok_or(error)?,
        revision: recorded.revision,
        restorable_until: recorded.restorable_until,
    })
}

fn restoration(recorded: Recorded) -> Result<Restoration, StoreError> {
    let outcome_of = |number| match number {
        RESTORED => Some(RestorationOutcome::Restored),
        SUPERSEDED => Some(RestorationOutcome::Superseded),
        NOTHING_TAKEN => Some(RestorationOutcome::NothingTaken),
        _ => None,
    };
    let error = recorded.inconsistent("results");
    let conversations = recorded
        .conversations
        .into_iter()
        .map(|conversation| Some((conversation.id, outcome_of(conversation.outcome)?)));
    Ok(Restoration {
        conversations: conversations.collect::<Option<_>>().ok_or(error)?,
        revision: recorded.revision,
    })
}
