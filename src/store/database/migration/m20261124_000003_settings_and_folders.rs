//! The schema of lists, settings and folders, beside the tables of the first two migrations.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::DbErr,
};

use super::run;

pub(super) struct Migration;

const STATEMENTS: &[&str] = &[
    // 1 for a group that has had more members at once than get a copy of its head.
    "ALTER TABLE conversations ADD COLUMN is_large smallint NOT NULL DEFAULT 0",
    // The kind of the conversation: C2C 1, group 2, system 4.
    "ALTER TABLE members ADD COLUMN kind smallint NOT NULL DEFAULT 0",
    // A copy of the head: the newest position that has reached the user, and when it came. Empty for
    // a member of a large group, who reads the head itself.
    "ALTER TABLE members ADD COLUMN last_seq bigint",
    "ALTER TABLE members ADD COLUMN last_time bigint",
    // The revision of the last change of a setting, a pin or the reading.
    "ALTER TABLE members ADD COLUMN changed_by bigint",
    // A group with more than eight members is large.
    "UPDATE conversations SET is_large = 1 WHERE canonical_id LIKE 'GROUP%' AND 8 < (
        SELECT COUNT(*) FROM members AS m
        WHERE m.conversation_key = conversations.conversation_key AND m.left_at IS NULL)",
    "UPDATE members SET
        kind = CASE WHEN c.canonical_id LIKE 'C2C%' THEN 1
                    WHEN c.canonical_id LIKE 'GROUP%' THEN 2 ELSE 4 END,
        last_seq = CASE WHEN left_at IS NOT NULL THEN left_at
                        WHEN c.is_large = 1 THEN NULL ELSE c.last_seq END,
        last_time = CASE WHEN left_at IS NOT NULL THEN left_time
                         WHEN c.is_large = 1 THEN NULL ELSE c.last_time END
        FROM conversations AS c WHERE c.conversation_key = members.conversation_key",
    // When the newest message came that reached a member who has left is the time of the copy.
    "ALTER TABLE members DROP COLUMN left_time",
    // A user's list, in its order.
    "CREATE INDEX members_by_activity ON members (user_id, last_time DESC, conversation_key)",
    "CREATE INDEX members_pinned ON members (user_id) WHERE pinned_at IS NOT NULL",
    // A folder is known by the revision that made it, so that its name can change.
    "CREATE TABLE folders (
        user_id {text} NOT NULL,
        folder_id bigint NOT NULL,
        name {text} NOT NULL,
        PRIMARY KEY (user_id, folder_id)
    ) {appended}",
    "CREATE UNIQUE INDEX folders_by_name ON folders (user_id, name)",
    // The conversations in a folder, in the order of `added_by`, the revision that put it in, and `ord`,
    // its place in that request.
    "CREATE TABLE folder_conversations (
        user_id {text} NOT NULL,
        folder_id bigint NOT NULL,
        conversation_key {bytes} NOT NULL,
        added_by bigint NOT NULL,
        ord bigint NOT NULL,
        PRIMARY KEY (user_id, folder_id, conversation_key)
    ) {appended}",
    "CREATE INDEX folder_conversations_by_conversation
        ON folder_conversations (user_id, conversation_key)",
    // The data of a change beside its conversations: the data that was set, or the folder.
    "ALTER TABLE changes ADD COLUMN detail {text}",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000003_settings_and_folders"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}
