//! Folders: a user's own grouping of conversations.
//!
//! A change of a folder is a transaction that takes the user's lock first, as every change of the user
//! does; so limits are counted and names compared while nobody else changes them. Its statements do not
//! depend on how many conversations it names. Its result is recorded as that of every change is, and
//! answered from the record.
//!
//! A folder keeps what is deleted at present; what it shows, and what its limit counts, leaves that out.

mod all;
mod limits;
mod record;
pub(in crate::store) mod statements;

use std::collections::HashSet;

use sea_orm::{ConnectionTrait, Statement, Value};

use super::{BegunOne, Change, ChangeError, settings::plain};
use crate::{
    domain::{
        ConversationId, ConversationKey, Folder, FolderAction, FolderChanged, FolderName, Origin,
        Revision, Timestamp, UserId,
    },
    store::{
        changes::Changes,
        database::{
            Database, dialect::Column, error::StoreError, observed::DatabaseTransaction, row::Row,
            transaction::AsStoreError,
        },
        entity::{folder_conversations, folders, kind::StoredKind},
        heads::Heads,
        lists::{Lists, members},
        log::{CHANGED, NOT_FOUND, Recorded, UNCHANGED},
    },
};

pub(in crate::store) use record::StoredFolder;
pub(in crate::store) use statements::Statements;

/// The key by which the statements know a folder.
#[derive(Debug, Clone, Copy)]
struct FolderId(Revision);

/// Why a folder was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    /// The user has no folder of this name.
    #[error("there is no such folder")]
    NotFound,
    /// The user has a folder of this name already.
    #[error("there is a folder of this name")]
    AlreadyExists,
    /// The user has as many folders as a user may have.
    #[error("the limit of folders is reached")]
    TooMany,
    /// The user's folders would have more conversations than this.
    #[error("the limit of {0} conversations in folders is reached")]
    TooManyConversations(u16),
    /// As of any change.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// Folders.
pub(crate) struct Folders {
    database: Database,
    changes: Changes,
    heads: Heads,
    lists: Lists,
    statements: Statements,
}

impl Folders {
    pub(in crate::store) fn of(
        database: &Database,
        changes: &Changes,
        heads: &Heads,
        lists: &Lists,
    ) -> Self {
        Self {
            database: database.clone(),
            changes: changes.clone(),
            heads: heads.clone(),
            lists: lists.clone(),
            statements: Statements::new(database.dialect),
        }
    }

    /// Changes the user's folder `name`, or returns what was recorded when the request came first.
    ///
    /// # Errors
    ///
    /// A [`FolderError`]; nothing is changed then.
    pub(crate) async fn change(
        &self,
        origin: &Origin,
        time: Timestamp,
        name: &FolderName,
        action: &FolderAction,
    ) -> Result<FolderChanged, FolderError> {
        let recorded = self
            .database
            .retrying("change_folder", || async {
                let ids = action.conversations().to_vec();
                let change = plain(origin, time, stored_kind(action), ids);
                let new = match self.changes.begin_one(&change).await? {
                    BegunOne::Earlier(recorded) => return Ok(recorded),
                    BegunOne::New(new) => new,
                };
                let made = self
                    .change_in(&new.transaction, new.revision, change, name, action)
                    .await?;
                new.commit().await?;
                Ok::<_, FolderError>(made)
            })
            .await?;
        Ok(record::folder_changed(recorded)?)
    }

    /// Returns what is recorded.
    async fn change_in(
        &self,
        transaction: &DatabaseTransaction,
        revision: Revision,
        mut change: Change,
        name: &FolderName,
        action: &FolderAction,
    ) -> Result<Recorded, FolderError> {
        let user = &change.origin.user;
        let keys: Vec<ConversationKey> = action
            .conversations()
            .iter()
            .map(|id| ConversationKey::of(id, user))
            .collect();
        let found = self.find_folder(transaction, user, name).await?;
        let folder = match (action, found) {
            (FolderAction::Create(_), Some(_)) => return Err(FolderError::AlreadyExists),
            (FolderAction::Create(_), None) => FolderId(revision),
            (_, Some(folder)) => folder,
            (_, None) => return Err(FolderError::NotFound),
        };
        // Before anything is put in: a conversation that a message brings about meanwhile is either put
        // in or not known, and never one that was in the folder already.
        let known = self.lists.known(transaction, user, &keys).await?;
        // A folder that is removed is answered as it was, and any other as it is afterwards.
        let mut shown_as = name;
        let mut former = None;
        let mut removed = None;
        let mut taken_out = HashSet::new();
        let changed = match action {
            FolderAction::Create(_) => {
                let created =
                    statements::create(user, folder.0, name).exec_without_returning(transaction);
                created.await.map_err(StoreError::from)?;
                self.put(transaction, user, folder, revision, &keys).await?
            }
            FolderAction::Add(_) => self.put(transaction, user, folder, revision, &keys).await?,
            FolderAction::Remove(_) => {
                let values = self
                    .database
                    .dialect
                    .row_values(&[Column::Keys(keys.clone())]);
                let sql = &self.statements.remove;
                self.run(transaction, sql, user, folder, values).await?
            }
            FolderAction::Rename(new_name) => {
                if new_name != name
                    && self
                        .find_folder(transaction, user, new_name)
                        .await?
                        .is_some()
                {
                    return Err(FolderError::AlreadyExists);
                }
                let renamed = statements::rename(user, folder.0, new_name).exec(transaction);
                renamed.await.map_err(StoreError::from)?;
                former = Some(name);
                shown_as = new_name;
                HashSet::new()
            }
            FolderAction::Delete => {
                removed = Some(self.contents(transaction, user, folder).await?);
                let empty = self.database.built(&statements::empty(user, folder.0));
                taken_out = self.keys(transaction, empty).await?;
                let deleted = statements::delete(user, folder.0).exec(transaction);
                deleted.await.map_err(StoreError::from)?;
                HashSet::new()
            }
        };
        self.touch(transaction, user, revision, changed.union(&taken_out))
            .await?;
        match action {
            FolderAction::Create(_) | FolderAction::Add(_) => {
                self.keep_folder_limits(transaction, user, revision, action, &changed)
                    .await?;
            }
            FolderAction::Remove(_) | FolderAction::Rename(_) | FolderAction::Delete => {}
        }

        let results = outcomes(&keys, &known, &changed);
        let conversations = match removed {
            Some(conversations) => conversations,
            None => self.contents(transaction, user, folder).await?,
        };
        let shown = Folder {
            name: shown_as.clone(),
            conversations,
        };
        change.detail = Some(record::detail(&shown, former));
        Ok(self
            .changes
            .record(transaction, &change, revision, &results)
            .await?)
    }

    async fn find_folder(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        name: &FolderName,
    ) -> Result<Option<FolderId>, StoreError> {
        let find = self.database.built(&statements::find(user, name));
        let row = transaction.query_one_raw(find).await?;
        row.map(|row| {
            Row::of(folders::Entity, &row)
                .get("folder_id")
                .map(FolderId)
        })
        .transpose()
    }

    /// Runs a statement about a folder; returns the keys of the conversations that it returns.
    async fn run(
        &self,
        transaction: &DatabaseTransaction,
        sql: &str,
        user: &UserId,
        FolderId(folder): FolderId,
        more: impl IntoIterator<Item = Value>,
    ) -> Result<HashSet<ConversationKey>, StoreError> {
        let mut values: Vec<Value> = vec![user.as_str().into(), folder.to_stored().into()];
        values.extend(more);
        let statement = self.database.statement(sql, values);
        self.keys(transaction, statement).await
    }

    async fn keys(
        &self,
        transaction: &DatabaseTransaction,
        statement: Statement,
    ) -> Result<HashSet<ConversationKey>, StoreError> {
        let rows = transaction.query_all_raw(statement).await?;
        rows.iter()
            .map(|row| Row::of(folder_conversations::Entity, row).get("conversation_key"))
            .collect()
    }

    /// Puts those of these conversations into a folder that the user knows; returns which were not in
    /// it.
    async fn put(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        folder: FolderId,
        revision: Revision,
        keys: &[ConversationKey],
    ) -> Result<HashSet<ConversationKey>, StoreError> {
        let mut values = vec![revision.to_stored().into()];
        values.extend(
            self.database
                .dialect
                .row_values(&[Column::Keys(keys.to_vec())]),
        );
        let sql = &self.statements.add;
        self.run(transaction, sql, user, folder, values).await
    }

    /// Notes that these conversations were put into a folder or taken out of one.
    async fn touch(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        revision: Revision,
        keys: impl Iterator<Item = &ConversationKey>,
    ) -> Result<(), StoreError> {
        let keys: Vec<_> = keys.copied().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let mut values: Vec<Value> = vec![user.as_str().into(), revision.to_stored().into()];
        values.extend(self.database.dialect.row_values(&[Column::Keys(keys)]));
        let touch = self.database.statement(&self.statements.touch, values);
        transaction.execute_raw(touch).await?;
        Ok(())
    }

    /// The conversations that are in a folder and listed at present.
    async fn contents(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        FolderId(folder): FolderId,
    ) -> Result<Vec<ConversationId>, StoreError> {
        let values = [user.as_str().into(), folder.to_stored().into()];
        let statement = self.database.statement(&self.statements.contents, values);
        let rows = transaction.query_all_raw(statement).await?;
        let members = members::members(&rows)?;
        let keys = members.iter().map(|member| member.key).collect();
        let heads = self.heads.of_known_through(transaction, keys).await?;
        members::listed_ids(user, &members, &heads)
    }
}

const fn stored_kind(action: &FolderAction) -> StoredKind {
    match action {
        FolderAction::Create(_) => StoredKind::CreateFolder,
        FolderAction::Delete => StoredKind::DeleteFolder,
        FolderAction::Rename(_) => StoredKind::RenameFolder,
        FolderAction::Add(_) => StoredKind::AddToFolder,
        FolderAction::Remove(_) => StoredKind::RemoveFromFolder,
    }
}

impl From<StoreError> for FolderError {
    fn from(error: StoreError) -> Self {
        Self::Change(error.into())
    }
}

impl AsStoreError for FolderError {
    fn as_store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Change(error) => error.as_store_error(),
            Self::NotFound
            | Self::AlreadyExists
            | Self::TooMany
            | Self::TooManyConversations(_) => None,
        }
    }
}

/// The outcome of each conversation of a request, as it is recorded.
fn outcomes(
    keys: &[ConversationKey],
    known: &HashSet<ConversationKey>,
    changed: &HashSet<ConversationKey>,
) -> String {
    let outcomes = keys
        .iter()
        .map(|key| match (changed.contains(key), known.contains(key)) {
            (true, _) => [CHANGED],
            (false, true) => [UNCHANGED],
            (false, false) => [NOT_FOUND],
        });
    serde_json::json!(outcomes.collect::<Vec<_>>()).to_string()
}
