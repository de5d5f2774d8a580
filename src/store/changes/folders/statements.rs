//! The statements about folders.

use sea_orm::{
    ColumnTrait as _, DeleteMany, EntityTrait as _, Insert, QueryFilter as _, QuerySelect as _,
    QueryTrait, Select, Set, UpdateMany, sea_query::Expr,
};

use crate::domain::{FolderName, Revision, UserId};
use crate::store::{
    database::dialect::{ColumnType, Dialect},
    entity::{
        folder_conversations,
        folders::{self, Column as C},
    },
    lists::{LISTED, members},
    users::{self, BASE},
};

/// The folder of this name.
pub(in crate::store) fn find(user: &UserId, name: &FolderName) -> Select<folders::Entity> {
    folders::Entity::find()
        .select_only()
        .column(C::FolderId)
        .filter(C::UserId.eq(user.clone()))
        .filter(C::Name.eq(name.clone()))
}

/// A new folder.
pub(in crate::store) fn create(
    user: &UserId,
    folder: Revision,
    name: &FolderName,
) -> Insert<folders::ActiveModel> {
    folders::Entity::insert(folders::ActiveModel {
        user_id: Set(user.clone()),
        folder_id: Set(folder),
        name: Set(name.clone()),
    })
}

/// Another name for a folder.
pub(in crate::store) fn rename(
    user: &UserId,
    folder: Revision,
    name: &FolderName,
) -> UpdateMany<folders::Entity> {
    folders::Entity::update_many()
        .col_expr(C::Name, Expr::value(name.clone()))
        .filter(C::UserId.eq(user.clone()))
        .filter(C::FolderId.eq(folder))
}

/// Removes a folder.
pub(in crate::store) fn delete(user: &UserId, folder: Revision) -> DeleteMany<folders::Entity> {
    folders::Entity::delete_many()
        .filter(C::UserId.eq(user.clone()))
        .filter(C::FolderId.eq(folder))
}

/// Takes everything out of a folder; returns the keys of what was in it.
pub(in crate::store) fn empty(
    user: &UserId,
    folder: Revision,
) -> DeleteMany<folder_conversations::Entity> {
    use folder_conversations::Column as C;
    let mut delete = folder_conversations::Entity::delete_many()
        .filter(C::UserId.eq(user.clone()))
        .filter(C::FolderId.eq(folder));
    QueryTrait::query(&mut delete).returning_col(C::ConversationKey);
    delete
}

/// The texts of the other statements.
#[cfg_attr(test, derive(serde::Serialize))]
pub(in crate::store) struct Statements {
    pub(super) add: String,
    pub(super) remove: String,
    pub(super) touch: String,
    pub(super) counts: String,
    pub(super) shown: String,
    pub(super) contents: String,
    pub(super) all: String,
}

impl Statements {
    pub(in crate::store) fn new(dialect: Dialect) -> Self {
        let keys = |first| {
            dialect
                .rows("i", first, &[("conversation_key", ColumnType::Key)])
                .0
        };
        let columns = members::returned_without_folders("m").columns();
        let user = dialect.after_rows("$1");
        let user_of_folder = dialect.after("f.ord", "$1");
        let owner_of_folder = dialect.after("f.ord", "f.user_id");
        let routed = dialect.routed("m.user_id", "$1");
        let present = users::present(dialect);
        Self {
            add: format!(
                "INSERT INTO folder_conversations \
                     (user_id, folder_id, conversation_key, added_by, ord) \
                 SELECT $1, $2, i.conversation_key, $3, i.ord FROM {} CROSS JOIN members AS m \
                 WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key{routed} \
                 ON CONFLICT (user_id, folder_id, conversation_key) DO NOTHING \
                 RETURNING conversation_key",
                keys(4)
            ),
            remove: format!(
                "DELETE FROM folder_conversations WHERE user_id = $1 AND folder_id = $2 \
                 AND conversation_key IN (SELECT i.conversation_key FROM {}) \
                 RETURNING conversation_key",
                keys(3)
            ),
            // A conversation that was put in or taken out has received a setting.
            touch: format!(
                "UPDATE members AS m SET changed_by = $2 FROM {} \
                 WHERE m.user_id = {user} AND m.conversation_key = i.conversation_key{routed}",
                keys(3)
            ),
            counts: "SELECT (SELECT COUNT(*) FROM folders WHERE user_id = $1) AS folders, \
                         (SELECT COUNT(*) FROM folder_conversations WHERE user_id = $1) AS conversations"
                .to_owned(),
            // As the unread total is counted: in place where the row has a copy of the head, and by the
            // caller where it has none.
            shown: {
                let (rows, filed) = (
                    "folder_conversations AS f CROSS JOIN members AS m",
                    format!(
                        "f.user_id = $1 AND m.user_id = {user_of_folder} \
                         AND m.conversation_key = f.conversation_key{routed}"
                    ),
                );
                format!(
                    "SELECT t.shown, t.added, p.* FROM ( \
                         SELECT COUNT(*) AS shown, \
                             COUNT(CASE WHEN f.added_by = $2 THEN 1 END) AS added \
                         FROM {rows} WHERE {filed} AND {LISTED}) AS t \
                     LEFT JOIN ( \
                         SELECT f.added_by, {columns} FROM {rows} \
                         WHERE {filed} AND m.last_seq IS NULL) AS p ON TRUE"
                )
            },
            contents: format!(
                "SELECT {columns} FROM folder_conversations AS f CROSS JOIN members AS m \
                 WHERE f.user_id = $1 AND f.folder_id = $2 \
                 AND m.user_id = {user_of_folder} AND m.conversation_key = f.conversation_key{routed} \
                 ORDER BY f.added_by, f.ord"
            ),
            // One statement, so that the revision and the rows are of one moment.
            all: format!(
                "SELECT {BASE} AS base, {present} AS revision, d.name, {columns} FROM (SELECT $1 AS user_id) AS me \
                 LEFT JOIN users AS u ON u.user_id = me.user_id \
                 LEFT JOIN folders AS d ON d.user_id = me.user_id \
                 LEFT JOIN folder_conversations AS f \
                     ON f.user_id = d.user_id AND f.folder_id = d.folder_id \
                 LEFT JOIN members AS m \
                     ON m.user_id = {owner_of_folder} AND m.conversation_key = f.conversation_key{routed} \
                 ORDER BY d.folder_id, f.added_by, f.ord"
            ),
        }
    }
}
