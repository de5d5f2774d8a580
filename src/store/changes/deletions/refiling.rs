//! Putting conversations back into the folders that a deletion has taken them from.

use std::iter::once;

use sea_orm::ConnectionTrait as _;

use super::{forgetting::Filed, rows::UndoneRow};
use crate::{
    domain::{ConversationKey, Revision, UserId},
    store::{
        changes::{Change, deletions::Deletions},
        database::{
            dialect::Dialect,
            error::StoreError,
            input::{Input, InputColumn, InputRow, Shape},
            observed::DatabaseTransaction,
        },
    },
};

/// The deletion that is going to be undone.
struct Undone {
    user: UserId,
    deletion: Revision,
}

impl InputRow for Undone {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::text("user_id", |undone| undone.user.to_string()),
        InputColumn::integer("deletion", |undone| undone.deletion.to_stored()),
    ];
}

/// A conversation and a folder that the deletion has taken it from.
struct FiledRow {
    key: ConversationKey,
    filed: Filed,
}

impl InputRow for FiledRow {
    const COLUMNS: &'static [InputColumn<Self>] = &[
        InputColumn::key("conversation_key", |row| row.key),
        InputColumn::integer("folder_id", |row| row.filed.0),
        InputColumn::integer("added_by", |row| row.filed.1),
        InputColumn::integer("place", |row| row.filed.2),
    ];
}

impl FiledRow {
    /// The folders that the deletion has taken this conversation from.
    fn of(row: &UndoneRow) -> impl Iterator<Item = Self> {
        let key = row.key();
        let filed = row.forgotten().map(|forgotten| &forgotten.filed);
        let filed = filed.into_iter().flatten();
        filed.map(move |filed| Self { key, filed: *filed })
    }
}

/// The statement, which comes before the deletion is undone: whether it will be is told by what the undoing itself
/// goes by. An expression and no join, so that the row is looked up by its whole key.
pub(super) fn refile(dialect: Dialect) -> String {
    let undone = Shape::of::<Undone>();
    let [user, deletion] = ["user_id", "deletion"].map(|name| undone.parameter(name));
    let filed = Shape::of::<FiledRow>();
    let (entries, _) = dialect.rows("i", undone.len() + 1, filed.columns());
    format!(
        "INSERT INTO folder_conversations (user_id, folder_id, conversation_key, added_by, ord) \
         SELECT {user}, i.folder_id, i.conversation_key, i.added_by, i.place \
         FROM {entries} \
         WHERE (SELECT m.taken_by = {deletion} AND m.taken_by > COALESCE(m.undo_ended, 0) \
                FROM members AS m \
                WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key) IS TRUE \
         AND EXISTS (SELECT 1 FROM folders AS d \
                     WHERE d.user_id = {user} AND d.folder_id = i.folder_id) \
         ON CONFLICT (user_id, folder_id, conversation_key) DO NOTHING"
    )
}

impl Deletions {
    /// Puts back into their folders what the deletion has taken from there, if it is going to be undone.
    pub(super) async fn refile(
        &self,
        transaction: &DatabaseTransaction,
        change: &Change,
        rows: &[UndoneRow],
    ) -> Result<(), StoreError> {
        let Some(deletion) = change.undoes else {
            return Ok(());
        };
        let filed: Vec<_> = rows.iter().flat_map(FiledRow::of).collect();
        if filed.is_empty() {
            return Ok(());
        }
        let undone = Undone {
            user: change.origin.user.clone(),
            deletion,
        };
        let mut values = Input::of(&once(&undone)).into_scalars();
        let filed = Input::of(&filed.iter());
        values.extend(self.database.dialect.row_values(filed.columns()));
        let refile = self
            .database
            .statement(&self.statements.forgetting.refile, values);
        transaction.execute_raw(refile).await?;
        Ok(())
    }
}
