//! Forgetting settings with a deletion, and putting them back.
//!
//! A deletion that forgets is a transaction of its own. Settings and folder entries change only under the
//! user's lock, which it holds from its first statement on, so what it has read of them is what it takes.
//! That is recorded beside the results, for every conversation that had some: of which it was taken, the
//! outcome says.
//!
//! Undoing adds to what there is: a setting that was made since stays. Its statements do not depend on how
//! many conversations there are, either.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sea_orm::{ConnectionTrait, FromQueryResult};
use serde::{Deserialize, Serialize};

use super::{
    detail::Detail,
    in_steps::InSteps,
    refiling::refile,
    rows::{TargetRow, UndoneRow},
    rules::{ALREADY_DELETED, DELETED, RESTORED},
};
use crate::{
    domain::{
        ConversationId, ConversationKey, ConversationSettings, CustomData, FolderName, Marks,
        Settings, UserId,
    },
    store::{
        changes::{BegunOne, Change, ChangeError, deletions::Deletions},
        database::{
            dialect::{Column, ColumnType, Dialect},
            error::StoreError,
            input::Input,
            observed::DatabaseTransaction,
            row::read_all,
        },
        entity::{
            members,
            value::{Flag, Json},
        },
        lists::members::Member,
        log::{Recorded, RecordedConversation},
    },
};

/// The settings of a conversation that a deletion forgets, as they are recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::store) struct Forgotten {
    #[serde(skip_serializing_if = "is_default")]
    pub(super) muted: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) marks: i64,
    /// In base64.
    #[serde(skip_serializing_if = "is_default")]
    data: String,
    /// The folders that it is in, and its places in them.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) filed: Vec<Filed>,
}

/// The folder, the revision that has put the conversation in, and its place in that request.
pub(super) type Filed = (i64, i64, i64);

/// The same as they stand.
#[derive(FromQueryResult)]
struct Present {
    conversation_key: ConversationKey,
    muted: Flag,
    marks: Marks,
    custom_data: Option<CustomData>,
    filed: Json<Vec<Filed>>,
}

/// Texts of the statements.
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) struct Statements {
    settings: String,
    unfile: String,
    pub(super) refile: String,
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let user = dialect.after_rows("$1");
        let routed = dialect.routed("m.user_id", "$1");
        let (keys, _) = dialect.rows("i", 2, &[("conversation_key", ColumnType::Key)]);
        let filed = dialect.json_rows(
            &["f.folder_id", "f.added_by", "f.ord"],
            "f.ord",
            &format!(
                "folder_conversations AS f \
                 WHERE f.user_id = m.user_id AND f.conversation_key = m.conversation_key{}",
                dialect.routed("f.user_id", "$1")
            ),
        );
        Self {
            settings: format!(
                "SELECT m.conversation_key, m.muted, m.marks, m.custom_data, {filed} AS filed \
                 FROM {keys} CROSS JOIN members AS m \
                 WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key{routed}"
            ),
            unfile: format!(
                "DELETE FROM folder_conversations WHERE user_id = $1 \
                 AND conversation_key IN (SELECT i.conversation_key FROM {keys})"
            ),
            refile: refile(dialect),
        }
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Forgotten {
    /// `None` if there is nothing to forget.
    fn of(present: Present) -> Option<Self> {
        let data = present.custom_data.unwrap_or_default();
        let forgotten = Self {
            muted: present.muted.0,
            marks: present.marks.to_stored(),
            data: STANDARD.encode(data.as_bytes()),
            filed: present.filed.0,
        };
        (!is_default(&forgotten)).then_some(forgotten)
    }

    /// The product's own data; the outer `None` if it does not parse.
    #[expect(clippy::option_option, reason = "two reasons to have nothing")]
    pub(super) fn custom_data(&self) -> Option<Option<Vec<u8>>> {
        let bytes = STANDARD.decode(&self.data).ok()?;
        let data = CustomData::new(bytes).ok()?.into_bytes();
        Some((!data.is_empty()).then_some(data))
    }
}

/// Whether a conversation was in a folder.
pub(super) fn is_filed(had: &HashMap<ConversationKey, Forgotten>, key: &ConversationKey) -> bool {
    had.get(key).is_some_and(|had| !had.filed.is_empty())
}

/// Whether a deletion that forgets has taken the settings of this conversation.
pub(in crate::store) const fn is_forgotten(conversation: &RecordedConversation) -> bool {
    matches!(conversation.outcome, DELETED | ALREADY_DELETED)
}

impl Deletions {
    /// Makes a deletion that takes the settings, too, or returns what was recorded when the request came
    /// first.
    pub(super) async fn forget(
        &self,
        change: Change,
        detail: Detail,
        rows: &[TargetRow],
    ) -> Result<Recorded, ChangeError> {
        self.database
            .retrying("forget", || async {
                let new = match self.changes.begin_one(&change).await? {
                    BegunOne::Earlier(recorded) => return Ok(recorded),
                    BegunOne::New(new) => new,
                };
                let deletion = InSteps {
                    rows,
                    planned_at: None,
                    settings: Settings::Forget,
                    detail: detail.clone(),
                };
                let recorded = self
                    .delete_in_steps(&new.transaction, new.revision, &change, deletion)
                    .await?;
                new.commit().await?;
                Ok(recorded)
            })
            .await
    }

    /// Undoes a deletion that has taken settings, too.
    pub(super) async fn restore_settings(
        &self,
        change: Change,
        rows: &[UndoneRow],
    ) -> Result<Recorded, ChangeError> {
        let change = Change {
            input: Input::of(&rows.iter()),
            ..change
        };
        let user = &change.origin.user;
        let kind = &self.statements.restore;
        self.database
            .retrying("restore", || async {
                let new = match self.changes.begin_one(&change).await? {
                    BegunOne::Earlier(recorded) => return Ok(recorded),
                    BegunOne::New(new) => new,
                };
                let (transaction, revision) = (&new.transaction, new.revision);
                self.refile(transaction, &change, rows).await?;
                self.changes
                    .apply_one(transaction, kind, &change, revision)
                    .await?;
                let change = Change {
                    detail: Some(self.settings_now(transaction, user, rows).await?),
                    ..change.clone()
                };
                let recorded = self
                    .changes
                    .record_applied(transaction, kind, &change, revision)
                    .await?;
                new.commit().await?;
                Ok(recorded)
            })
            .await
    }

    /// Takes those of these conversations out of their folders whose settings a deletion has taken.
    pub(super) async fn unfile(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        had: &HashMap<ConversationKey, Forgotten>,
        keys: &[ConversationKey],
        recorded: &Recorded,
    ) -> Result<(), StoreError> {
        let unfiled = keys.iter().zip(&recorded.conversations);
        let unfiled = unfiled.filter(|(_, conversation)| is_forgotten(conversation));
        let unfiled = unfiled.map(|(key, _)| *key);
        let unfiled: Vec<_> = unfiled.filter(|key| is_filed(had, key)).collect();
        if !unfiled.is_empty() {
            let mut values = vec![user.as_str().into()];
            values.extend(self.database.dialect.row_values(&[Column::Keys(unfiled)]));
            let unfile = self
                .database
                .statement(&self.statements.forgetting.unfile, values);
            transaction.execute_raw(unfile).await?;
        }
        Ok(())
    }

    /// The settings of these conversations, of those that have any.
    pub(super) async fn forgettable(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        keys: &[ConversationKey],
    ) -> Result<HashMap<ConversationKey, Forgotten>, StoreError> {
        let mut values = vec![user.as_str().into()];
        values.extend(
            self.database
                .dialect
                .row_values(&[Column::Keys(keys.to_vec())]),
        );
        let settings = self
            .database
            .statement(&self.statements.forgetting.settings, values);
        let rows = transaction.query_all_raw(settings).await?;
        let present: Vec<Present> = read_all(members::Entity, &rows)?;
        let forgettable = present
            .into_iter()
            .filter_map(|one| Some((one.conversation_key, Forgotten::of(one)?)));
        Ok(forgettable.collect())
    }

    /// The settings that the conversations have of which the deletion had taken some, as the undoing that
    /// has brought them back records them.
    async fn settings_now(
        &self,
        transaction: &DatabaseTransaction,
        user: &UserId,
        rows: &[UndoneRow],
    ) -> Result<String, StoreError> {
        let taken = rows.iter().filter(|row| row.forgotten().is_some());
        let taken = taken.map(UndoneRow::key).collect();
        let found = self.lists.members_through(transaction, user, taken).await?;
        let found: HashMap<_, _> = found
            .into_iter()
            .map(|member| (member.key, member))
            .collect();
        let settings: Vec<_> = rows
            .iter()
            .map(|row| found.get(&row.key()).map(StoredSettings::of))
            .collect();
        Ok(serde_json::json!(settings).to_string())
    }
}

/// The settings of a conversation since an undoing has brought some of them back, as they are recorded.
#[derive(Serialize, Deserialize)]
struct StoredSettings {
    muted: bool,
    marks: i64,
    /// In base64.
    data: String,
    folders: Vec<String>,
}

impl StoredSettings {
    fn of(member: &Member) -> Self {
        Self {
            muted: member.muted,
            marks: member.marks.to_stored(),
            data: STANDARD.encode(member.custom_data.as_bytes()),
            folders: member.folders.iter().map(ToString::to_string).collect(),
        }
    }

    fn settings(self, conversation_id: ConversationId) -> Option<ConversationSettings> {
        let data = STANDARD.decode(self.data).ok()?;
        let folders = self.folders.iter().map(|name| FolderName::new(name).ok());
        Some(ConversationSettings {
            conversation_id,
            muted: self.muted,
            marks: Marks::from_stored(self.marks),
            custom_data: CustomData::new(data).ok()?,
            folders: folders.collect::<Option<_>>()?,
        })
    }
}

/// The settings that an undoing has brought back, if it has brought back any.
pub(in crate::store) fn settings_since(
    recorded: &Recorded,
) -> Result<Vec<ConversationSettings>, StoreError> {
    let Some(detail) = recorded.detail.as_deref() else {
        return Ok(Vec::new());
    };
    let error = || recorded.inconsistent("detail");
    let settings: Vec<Option<StoredSettings>> =
        serde_json::from_str(detail).map_err(|_| error())?;
    let of_conversations = recorded.conversations.iter().zip(settings);
    of_conversations
        .filter(|(conversation, _)| conversation.outcome == RESTORED)
        .filter_map(|(conversation, settings)| Some((conversation.id.clone(), settings?)))
        .map(|(id, settings)| settings.settings(id).ok_or_else(error))
        .collect()
}
