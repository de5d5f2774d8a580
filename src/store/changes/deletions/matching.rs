//! Deleting the conversations of a user's list that match a selector, or those that a plan has shown.
//!
//! It is one transaction, which takes the user's lock before it reads anything. So no setting changes while it
//! chooses, and it deletes from the list as it is between two changes of the user. Messages do not take the user's
//! lock: a message that arrives after the choice has a higher position, so the deletion cannot hide it.
//!
//! A plan names conversations by their keys, with the newest position of each. The statement that deletes a
//! conversation compares it with the plan while it holds the row. A message writes the rows that have a copy of
//! the head, so it comes either before that statement, which then deletes nothing, or after it. For the members
//! of large groups the heads are read as late as possible.
//!
//! A plan is not secret and gives no rights. It can name only conversations of the user, which its caller could
//! delete anyway.

use std::collections::HashSet;

use super::{DeletionTarget, Detail, Terms, deletion, in_steps::InSteps, rows::TargetRow};
use crate::{
    domain::{
        ConversationKey, MatchingDeletion, Origin, Plan, Planned, RequestKey, Revision, Selector,
        UserId,
    },
    store::{
        changes::{BegunOne, Change, ChangeError, deletions::Deletions},
        database::{error::StoreError, observed::DatabaseTransaction, transaction::AsStoreError},
        lists::selection::Selected,
        log::Recorded,
    },
};

/// A deletion by selector to carry out.
#[derive(Debug)]
pub(crate) struct DeleteMatching<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) which: Matching<'a>,
    /// The most conversations to delete.
    pub(crate) limit: usize,
    pub(crate) terms: Terms,
}

/// The conversations of a deletion by selector.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Matching<'a> {
    /// Those that this selector leaves of the list.
    Selected(&'a Selector),
    /// Those that this plan has shown.
    Planned(&'a Plan),
}

/// Why a deletion by selector was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MatchingError {
    /// The plan names a conversation that the user never had.
    #[error("the plan is of another user")]
    PlanMismatch,
    /// As of any change.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// The conversations to delete, and how many matched.
struct Chosen {
    targets: Vec<DeletionTarget>,
    planned_at: Option<Revision>,
    matched: u64,
}

impl Deletions {
    /// Deletes what matches, or returns what was recorded when the request came first. The number of
    /// statements does not depend on the number of conversations.
    pub(crate) async fn delete_matching(
        &self,
        delete: DeleteMatching<'_>,
    ) -> Result<MatchingDeletion, MatchingError> {
        let origin = delete.origin;
        let change = delete.terms.change(origin);
        let recorded = self
            .database
            .retrying("delete_matching", || async {
                let new = match self.changes.begin_one(&change).await? {
                    BegunOne::Earlier(recorded) => return Ok(recorded),
                    BegunOne::New(new) => new,
                };
                let chosen = self.chosen(&new.transaction, &delete).await?;
                let recorded = self
                    .delete_chosen(
                        &new.transaction,
                        new.revision,
                        &change,
                        chosen,
                        &delete.terms,
                    )
                    .await?;
                new.commit().await?;
                Ok::<_, MatchingError>(recorded)
            })
            .await?;
        Ok(matching_deletion(recorded)?)
    }

    /// The result of an earlier run of this deletion, if there was one.
    pub(crate) async fn earlier_matching(
        &self,
        user: &UserId,
        request: RequestKey,
    ) -> Result<Option<MatchingDeletion>, ChangeError> {
        let recorded = self.log.recorded_of_request(user, request).await?;
        Ok(recorded.map(matching_deletion).transpose()?)
    }

    async fn chosen(
        &self,
        transaction: &DatabaseTransaction,
        delete: &DeleteMatching<'_>,
    ) -> Result<Chosen, MatchingError> {
        let user = &delete.origin.user;
        match delete.which {
            Matching::Selected(selector) => {
                let selection = self
                    .lists
                    .select_through(transaction, user, selector, delete.limit)
                    .await?;
                Ok(Chosen {
                    targets: selection.first.into_iter().map(target).collect(),
                    planned_at: None,
                    matched: selection.matched as u64,
                })
            }
            Matching::Planned(plan) => Ok(Chosen {
                targets: self.planned(transaction, user, plan, delete.limit).await?,
                planned_at: Some(plan.revision),
                matched: plan.matched,
            }),
        }
    }

    /// The first conversations of a plan, as they stand at present.
    async fn planned(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        plan: &Plan,
        limit: usize,
    ) -> Result<Vec<DeletionTarget>, MatchingError> {
        let planned = &plan.conversations[..limit.min(plan.conversations.len())];
        let keys: Vec<_> = planned.iter().map(key).collect();
        let known: HashSet<_> = self.lists.known(transaction, user, &keys).await?;
        if !keys.iter().all(|key| known.contains(key)) {
            return Err(MatchingError::PlanMismatch);
        }
        let heads = self.heads.of_known_through(transaction, keys).await?;
        let targets = planned.iter().map(|planned| {
            let key = key(planned);
            let head = heads.get(&key)?;
            Some(DeletionTarget {
                conversation_id: head.canonical_id.seen_by(user)?,
                key,
                head: head.last_seq,
                seen_through: Some(planned.last),
            })
        });
        let targets: Option<_> = targets.collect();
        targets.ok_or(MatchingError::PlanMismatch)
    }

    async fn delete_chosen(
        &self,
        transaction: &DatabaseTransaction,
        revision: Revision,
        change: &Change,
        chosen: Chosen,
        terms: &Terms,
    ) -> Result<Recorded, ChangeError> {
        let Terms {
            taking,
            reappearance,
            settings,
            ..
        } = *terms;
        let targets = chosen.targets.iter();
        let rows: Vec<_> = targets
            .map(|target| TargetRow::of(target, taking, reappearance))
            .collect();
        let deletion = InSteps {
            rows: &rows,
            planned_at: chosen.planned_at,
            settings,
            detail: Detail::new(reappearance).matching(chosen.matched),
        };
        let targets = chosen.targets.into_iter();
        let change = Change {
            conversations: targets.map(|target| target.conversation_id).collect(),
            ..change.clone()
        };
        self.delete_in_steps(transaction, revision, &change, deletion)
            .await
    }
}

fn key(planned: &Planned) -> ConversationKey {
    ConversationKey::of_bytes(planned.key)
}

fn target(selected: Selected) -> DeletionTarget {
    let Selected {
        conversation_id,
        key,
        view: _,
        latest,
    } = selected;
    DeletionTarget {
        conversation_id,
        key,
        head: latest.seq,
        seen_through: None,
    }
}

fn matching_deletion(recorded: Recorded) -> Result<MatchingDeletion, StoreError> {
    let matched = Detail::of(&recorded)?.matched();
    let matched = matched.ok_or_else(|| recorded.inconsistent("detail"))?;
    Ok(MatchingDeletion {
        deletion: deletion(recorded)?,
        matched,
    })
}

impl From<StoreError> for MatchingError {
    fn from(error: StoreError) -> Self {
        Self::Change(error.into())
    }
}

impl AsStoreError for MatchingError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::PlanMismatch => None,
            Self::Change(error) => error.as_store_error(),
        }
    }
}
