//! Deleting and clearing, and undoing it: how a user's watermarks move.
//!
//! A deletion reaches up to a position that was read from the conversation's head before. A message that commits
//! later has a higher position, so the deletion can never hide it. Statements compare watermarks with the row
//! while they write it, so watermarks never fall, in whichever order concurrent requests run. Message rows are
//! not touched.
//!
//! Undoing is a stack for each conversation. The record of a deletion says what it took, and which deletion
//! was last before it. The row of `members` has only the revision of the last one (`taken_by`), and undoing
//! that puts back what its record says, the deletion beneath it included. So undoing needs no locks of its
//! own: it is one guarded update. Comparing revisions alone tells an undone deletion from a superseded one:
//! a deletion above `taken_by` has been undone, and so has all that was above it.
//!
//! The row also says how far undoing everything would bring the history back (`kept_after`), and up to which
//! revision deletions can no longer be undone (`undo_ended`).

mod detail;
mod forgetting;
mod in_steps;
mod listed;
mod matching;
mod record;
mod refiling;
mod rows;
mod rules;
pub(in crate::store) mod showing;

use super::{Change, ChangeError, settings::plain};
use crate::{
    domain::{
        ConversationDeletion, ConversationId, ConversationKey, Deletion, DeletionOutcome, Origin,
        Reappearance, RequestKey, Restoration, RestorationOutcome, RestoredConversation, Seq,
        Settings, Synchronisation, Taking, Timestamp, UserId,
    },
    store::{
        changes::{ChangeKind, Changes},
        database::{Database, dialect::Dialect, error::StoreError, input::Input},
        entity::kind::StoredKind,
        heads::Heads,
        lists::Lists,
        log::{Log, Recorded},
    },
};

pub(in crate::store) use detail::Detail;
pub(in crate::store) use forgetting::{is_forgotten, settings_since};
pub(crate) use listed::{DeletionsBefore, ListedDeletions};
pub(crate) use matching::{DeleteMatching, Matching, MatchingError};
use record::is_pin_left_out;
pub(in crate::store) use record::{
    After, Before, after, before, reappearance_since_deletion, reappearance_since_undo,
};
use rows::{SteppedRow, TargetRow, UndoneRow};
use rules::{
    ALREADY_DELETED, DELETED, LEFT_DELETED, NEWER_MESSAGES_KEPT, NOTHING_TAKEN, RESTORED,
    SUPERSEDED,
};
pub(in crate::store) use rules::{CHANGED_SINCE_PLAN, NOT_FOUND, within_membership};
use showing::ShowRow;

/// A deletion or clearing to carry out.
#[derive(Debug)]
pub(crate) struct Delete<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) targets: Vec<DeletionTarget>,
    pub(crate) terms: Terms,
}

/// The terms of a deletion or clearing, whichever conversations it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) taking: Taking,
    /// Whether a newer message lists them again. A clearing leaves that as it is.
    pub(crate) reappearance: Reappearance,
    /// Whether their settings go, too.
    pub(crate) settings: Settings,
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

/// The texts of the statements.
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    delete: ChangeKind<TargetRow>,
    delete_in_steps: ChangeKind<SteppedRow>,
    forget: ChangeKind<SteppedRow>,
    forgetting: forgetting::Statements,
    restore: ChangeKind<UndoneRow>,
    show: ChangeKind<ShowRow>,
    listed: listed::Statements,
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        Self {
            delete: rules::delete(dialect),
            delete_in_steps: rules::delete_in_steps(dialect),
            forget: rules::forget(dialect),
            forgetting: forgetting::Statements::new(dialect),
            restore: rules::restore(dialect),
            show: showing::show(dialect),
            listed: listed::Statements::new(dialect),
        }
    }
}

/// Deleting and clearing conversations, showing them, and undoing that.
pub(crate) struct Deletions {
    database: Database,
    changes: Changes,
    heads: Heads,
    log: Log,
    lists: Lists,
    statements: Statements,
}

impl Deletions {
    pub(in crate::store) fn of(
        database: &Database,
        changes: &Changes,
        heads: &Heads,
        log: &Log,
        lists: &Lists,
    ) -> Self {
        Self {
            database: database.clone(),
            changes: changes.clone(),
            heads: heads.clone(),
            log: log.clone(),
            lists: lists.clone(),
            statements: Statements::new(database.dialect),
        }
    }

    /// Deletes or clears conversations of one user, or returns what was recorded when the request
    /// came first.
    pub(crate) async fn delete(&self, delete: Delete<'_>) -> Result<Deletion, ChangeError> {
        let Terms {
            taking,
            reappearance,
            ..
        } = delete.terms;
        let rows: Vec<_> = delete
            .targets
            .iter()
            .map(|target| TargetRow::of(target, taking, reappearance))
            .collect();
        let detail = Detail::new(reappearance);
        let ids = delete.targets.iter();
        let change = Change {
            detail: detail.to_text(),
            conversations: ids.map(|target| target.conversation_id.clone()).collect(),
            ..delete.terms.change(delete.origin)
        };
        let recorded = match delete.terms.settings {
            Settings::Keep => {
                self.changes
                    .change("delete", &self.statements.delete, change, &rows)
                    .await?
            }
            Settings::Forget => self.forget(change, detail, &rows).await?,
        };
        Ok(deletion(recorded)?)
    }

    /// Puts back what a deletion took from each of its conversations, unless another deletion that has
    /// taken something from it since is still in force. The caller has made sure that it may still be
    /// undone.
    pub(crate) async fn restore(
        &self,
        origin: &Origin,
        deletion: &Recorded,
        time: Timestamp,
        pin_limit: u32,
    ) -> Result<Restoration, ChangeError> {
        let ids = deletion.conversations.iter().map(|one| one.id.clone());
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
            conversations: ids.collect(),
            input: Input::default(),
        };
        let mut rows = UndoneRow::of(&origin.user, deletion)?;
        let may_stay_away: Vec<_> = rows.iter().filter_map(UndoneRow::may_stay_away).collect();
        if !may_stay_away.is_empty() {
            let heads = self.heads.of_keys(may_stay_away).await?;
            rows = rows.into_iter().map(|row| row.with_head(&heads)).collect();
        }
        let recorded = if rows.iter().any(|row| row.forgotten().is_some()) {
            self.restore_settings(change, &rows).await?
        } else {
            self.changes
                .change("restore", &self.statements.restore, change, &rows)
                .await?
        };
        Ok(restoration(recorded)?)
    }

    /// The result of an earlier run of this request to undo a deletion, if there was one.
    pub(crate) async fn earlier_restoration(
        &self,
        user: &UserId,
        request: RequestKey,
    ) -> Result<Option<Restoration>, ChangeError> {
        let recorded = self.log.recorded_of_request(user, request).await?;
        Ok(recorded.map(restoration).transpose()?)
    }
}

impl Terms {
    /// The change of a deletion on these terms, without its conversations.
    fn change(self, origin: &Origin) -> Change {
        let kind = match self.taking {
            Taking::Entry => StoredKind::Delete,
            Taking::EntryAndHistory => StoredKind::DeleteAndClear,
            Taking::History => StoredKind::Clear,
        };
        let erasable_from = match self.taking {
            Taking::Entry => None,
            Taking::EntryAndHistory | Taking::History => {
                Some(self.restorable_until.unwrap_or(self.time))
            }
        };
        Change {
            synchronisation: self.synchronisation,
            restorable_until: self.restorable_until,
            erasable_from,
            ..plain(origin, self.time, kind, Vec::new())
        }
    }
}

fn deletion(recorded: Recorded) -> Result<Deletion, StoreError> {
    let outcome_of = |number| match number {
        DELETED => Some(DeletionOutcome::Deleted),
        ALREADY_DELETED | LEFT_DELETED => Some(DeletionOutcome::AlreadyDeleted),
        NEWER_MESSAGES_KEPT => Some(DeletionOutcome::NewerMessagesKept),
        NOT_FOUND => Some(DeletionOutcome::NotFound),
        CHANGED_SINCE_PLAN => Some(DeletionOutcome::ChangedSincePlan),
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
    let conversations = recorded.conversations.into_iter().map(|conversation| {
        Some(RestoredConversation {
            outcome: outcome_of(conversation.outcome)?,
            is_pin_left_out: is_pin_left_out(&conversation),
            conversation_id: conversation.id,
        })
    });
    Ok(Restoration {
        conversations: conversations.collect::<Option<_>>().ok_or(error)?,
        revision: recorded.revision,
    })
}
