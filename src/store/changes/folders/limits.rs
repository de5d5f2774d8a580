//! The limits of folders, counted while the user's lock is held and after the change was made.
//!
//! Only creating a folder and adding to one are counted. Removing conversations, renaming and deleting are
//! allowed even beyond a limit.

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::FolderError;
use crate::{
    domain::{
        ConversationKey, FolderAction, MAX_FILED_CONVERSATIONS, MAX_FOLDER_CONVERSATIONS,
        MAX_FOLDERS, Revision, UserId,
    },
    store::{
        changes::folders::Folders,
        database::{error::StoreError, observed::DatabaseTransaction, row::Row},
        entity::{folder_conversations, folders},
        lists::members::member,
    },
};

/// How much a user's folders show.
#[derive(Debug, Default, FromQueryResult)]
struct Shown {
    #[sea_orm(from_alias = "shown")]
    all: i64,
    /// How much of it the change at hand has put in.
    added: i64,
}

/// How many folders a user has, and how much is in them, deleted or not.
#[derive(FromQueryResult)]
struct Counts {
    folders: i64,
    conversations: i64,
}

impl Folders {
    /// Refuses a change that leaves the user with too many folders, or with too much in them. `added` is
    /// what it has put in.
    pub(super) async fn keep_folder_limits(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        revision: Revision,
        action: &FolderAction,
        added: &HashSet<ConversationKey>,
    ) -> Result<(), FolderError> {
        let counts = self
            .database
            .statement(&self.statements.counts, [user.as_str().into()]);
        let row = transaction.query_one_raw(counts).await;
        let row = row.map_err(StoreError::from)?;
        let Some(row) = row else { return Ok(()) };
        let counts: Counts = Row::of(folders::Entity, &row).read()?;
        let filed = counts.conversations;
        if matches!(action, FolderAction::Create(_)) && counts.folders > i64::from(MAX_FOLDERS) {
            return Err(FolderError::TooMany);
        }
        if added.is_empty() || filed <= i64::from(MAX_FOLDER_CONVERSATIONS) {
            return Ok(());
        }
        if filed > i64::from(MAX_FILED_CONVERSATIONS) {
            return Err(FolderError::TooManyConversations(MAX_FILED_CONVERSATIONS));
        }
        let shown = self.shown(transaction, user, revision).await?;
        if shown.added > 0 && shown.all > i64::from(MAX_FOLDER_CONVERSATIONS) {
            return Err(FolderError::TooManyConversations(MAX_FOLDER_CONVERSATIONS));
        }
        Ok(())
    }

    /// How much the user's folders show, and how much of that the change of this revision has put in.
    async fn shown(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        revision: Revision,
    ) -> Result<Shown, StoreError> {
        let values = [user.as_str().into(), revision.to_stored().into()];
        let statement = self.database.statement(&self.statements.shown, values);
        let rows = transaction.query_all_raw(statement).await?;
        let mut shown = match rows.first() {
            Some(first) => Row::of(folder_conversations::Entity, first).read()?,
            None => Shown::default(),
        };
        let mut without_copy = Vec::new();
        for row in &rows {
            if let Some(member) = member(row)? {
                let row = Row::of(folder_conversations::Entity, row);
                let added_by: Revision = row.get("added_by")?;
                without_copy.push((member, added_by == revision));
            }
        }
        let keys: HashSet<_> = without_copy.iter().map(|(member, _)| member.key).collect();
        let heads = self
            .heads
            .of_known_through(transaction, keys.into_iter().collect())
            .await?;
        for (member, is_added) in without_copy {
            if member.view.is_listed(member.latest_in(&heads)?.seq) {
                shown.all += 1;
                shown.added += i64::from(is_added);
            }
        }
        Ok(shown)
    }
}
