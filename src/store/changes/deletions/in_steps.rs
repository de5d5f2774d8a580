//! Deletions that read the conversations before they change anything: to forget settings, or to leave alone
//! conversations that are not as a plan has shown them.

use std::collections::HashMap;

use super::{
    Detail,
    forgetting::is_filed,
    rows::{SteppedRow, TargetRow},
};
use crate::{
    domain::{Revision, Settings},
    store::{
        changes::{Change, ChangeError, deletions::Deletions},
        database::{input::Input, observed::DatabaseTransaction},
        log::Recorded,
    },
};

/// A deletion in a transaction that holds the user's lock.
pub(super) struct InSteps<'a> {
    /// The conversations, in the order of the change.
    pub(super) rows: &'a [TargetRow],
    /// The revision at which a plan has shown them, if one has.
    pub(super) planned_at: Option<Revision>,
    pub(super) settings: Settings,
    pub(super) detail: Detail,
}

impl Deletions {
    /// Carries the deletion out, as the change that makes this revision.
    pub(super) async fn delete_in_steps(
        &self,
        transaction: &DatabaseTransaction,
        revision: Revision,
        change: &Change,
        deletion: InSteps<'_>,
    ) -> Result<Recorded, ChangeError> {
        let InSteps {
            rows,
            planned_at,
            settings,
            detail,
        } = deletion;
        let user = &change.origin.user;
        let keys: Vec<_> = rows.iter().map(TargetRow::key).collect();
        let statements = &self.statements;
        let (had, detail, kind) = match settings {
            Settings::Keep => (HashMap::new(), detail, &statements.delete_in_steps),
            Settings::Forget => {
                let had = self.forgettable(transaction, user, &keys).await?;
                let forgot = keys.iter().map(|key| had.get(key).cloned()).collect();
                let detail = detail.forgetting(forgot);
                (had, detail, &statements.forget)
            }
        };
        let rows: Vec<_> = rows
            .iter()
            .map(|target| SteppedRow {
                target: *target,
                is_filed: is_filed(&had, &target.key()),
                planned_at,
            })
            .collect();
        let change = Change {
            detail: detail.to_text(),
            input: Input::of(&rows.iter()),
            ..change.clone()
        };
        self.changes
            .apply_one(transaction, kind, &change, revision)
            .await?;
        let recorded = self
            .changes
            .record_applied(transaction, kind, &change, revision)
            .await?;
        self.unfile(transaction, user, &had, &keys, &recorded)
            .await?;
        Ok(recorded)
    }
}
