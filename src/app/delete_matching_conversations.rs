//! Deleting the conversations of a user's list that match a selector, with or without a plan.

use super::{App, AppError, History, deletion::terms};
use crate::{
    domain::{
        ConversationDeletion, Deletion, DeletionOutcome, MatchingDeletion, Origin, Plan, PlanScope,
        Planned, Reappearance, Revision, Selector, Settings, Synchronisation, Timestamp,
    },
    store::{self, DeleteMatching, Selected},
};

/// Asks for conversations that match a selector to be deleted.
#[derive(Debug)]
pub struct DeleteMatchingConversations {
    /// The user whose view changes, and the request's origin.
    pub origin: Origin,
    /// The conversations that match.
    pub selector: Selector,
    /// The user and the selector, as a plan names them.
    pub scope: PlanScope,
    /// The treatment of them.
    pub matching: Matching,
    /// The most conversations of one deletion.
    pub limit: usize,
    /// The fate of their histories.
    pub history: History,
    /// Whether a newer message lists them again.
    pub reappearance: Reappearance,
    /// Whether their settings go, too.
    pub settings: Settings,
    /// Whether other clients are notified; `None` as the deployment has decided.
    pub synchronisation: Option<Synchronisation>,
}

/// The treatment of conversations that match.
#[derive(Debug)]
pub enum Matching {
    /// They are shown, and nothing is changed.
    Look,
    /// They are deleted.
    Delete,
    /// Those of them that a plan has shown are deleted.
    DeletePlanned(Plan),
}

/// The conversations that were deleted, or that would be.
#[derive(Debug)]
pub struct Matched {
    /// For each conversation, the oldest active first.
    pub conversations: Vec<ConversationDeletion>,
    /// How many conversations match, counted up to a limit.
    pub matched: u64,
    /// The user's revision that the deletion made, or that was looked at.
    pub revision: Revision,
    /// The outcome of the request.
    pub outcome: MatchingOutcome,
}

/// The outcome of a request to delete what matches.
#[derive(Debug)]
pub enum MatchingOutcome {
    /// Nothing was changed; this plan deletes what was shown.
    Planned(Plan),
    /// The deletion was made.
    Deleted {
        /// Until when it can be undone; `None` if it cannot.
        restorable_until: Option<Timestamp>,
    },
}

/// Deletes what matches, or shows it. The number of statements does not depend on the number of
/// conversations.
///
/// # Errors
///
/// [`AppError::PlanMismatch`], [`AppError::PlanExpired`], [`AppError::RequestIdReused`], or that the database
/// failed.
pub async fn delete_matching_conversations(
    app: &App,
    request: DeleteMatchingConversations,
) -> Result<Matched, AppError> {
    let which = match &request.matching {
        Matching::Look => return look(app, &request).await,
        Matching::Delete => store::Matching::Selected(&request.selector),
        Matching::DeletePlanned(plan) => {
            if let Err(refusal) = check(app, &request, plan).await {
                return earlier(app, &request.origin)
                    .await?
                    .map(deleted)
                    .ok_or(refusal);
            }
            store::Matching::Planned(plan)
        }
    };
    let delete = DeleteMatching {
        origin: &request.origin,
        which,
        limit: request.limit,
        terms: terms(
            app,
            request.history.taking(),
            request.reappearance,
            request.settings,
            request.synchronisation,
        ),
    };
    let deletion = app.store.deletions().delete_matching(delete).await?;
    let revision = deletion.deletion.revision;
    app.wakes.changed(&request.origin.user, revision);
    Ok(deleted(deletion))
}

/// Shows the conversations that a deletion would take now.
async fn look(app: &App, request: &DeleteMatchingConversations) -> Result<Matched, AppError> {
    let user = &request.origin.user;
    // Before the list is read: the plan is at least as old as what it shows.
    let made_at = app.clock.now();
    let selection = app
        .store
        .lists()
        .select(user, &request.selector, request.limit)
        .await?;
    let revision = selection.revisions.present;
    let matched = selection.matched as u64;
    let planned = selection.first.iter().map(|one| Planned {
        key: one.key.bytes(),
        last: one.latest.seq,
    });
    let plan = Plan {
        scope: request.scope,
        made_at,
        revision,
        matched,
        conversations: planned.collect(),
    };
    let would_be = |one| would_be_deleted(one, request.history);
    Ok(Matched {
        conversations: selection.first.into_iter().map(would_be).collect(),
        matched,
        revision,
        outcome: MatchingOutcome::Planned(plan),
    })
}

/// The result of deleting a conversation that is as it was selected.
fn would_be_deleted(selected: Selected, history: History) -> ConversationDeletion {
    let Selected {
        conversation_id,
        key: _,
        view,
        latest,
    } = selected;
    let cleared_through = match history {
        History::Keep => view.cleared_through,
        History::Clear => view.cleared_through.max(latest.seq),
    };
    ConversationDeletion {
        conversation_id,
        outcome: DeletionOutcome::Deleted,
        hidden_through: latest.seq,
        cleared_through,
    }
}

/// Refuses a plan that cannot be carried out any more, or not by this request.
async fn check(
    app: &App,
    request: &DeleteMatchingConversations,
    plan: &Plan,
) -> Result<(), AppError> {
    if plan.scope != request.scope {
        return Err(AppError::PlanMismatch);
    }
    if plan.has_expired(app.clock.now()) {
        return Err(AppError::PlanExpired);
    }
    // A plan of a history that was given up when a backup was restored says nothing of what is there now.
    let revisions = app.store.users().revisions_of(&request.origin.user).await?;
    if revisions.contain(plan.revision) {
        Ok(())
    } else {
        Err(AppError::PlanExpired)
    }
}

/// The result of an earlier run: a retry outlives its plan.
async fn earlier(app: &App, origin: &Origin) -> Result<Option<MatchingDeletion>, AppError> {
    match origin.request {
        Some(request) => Ok(app
            .store
            .deletions()
            .earlier_matching(&origin.user, request)
            .await?),
        None => Ok(None),
    }
}

fn deleted(deletion: MatchingDeletion) -> Matched {
    let MatchingDeletion {
        deletion:
            Deletion {
                conversations,
                revision,
                restorable_until,
            },
        matched,
    } = deletion;
    Matched {
        conversations,
        matched,
        revision,
        outcome: MatchingOutcome::Deleted { restorable_until },
    }
}
