//! The columns and indices of undoing, watching and erasing, beside the tables of the first migration.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::DbErr,
};

use super::run;

pub(super) struct Migration;

const STATEMENTS: &[&str] = &[
    // The deletion, by its revision, that was undone last.
    "ALTER TABLE members ADD COLUMN restored_deletion bigint",
    // For a restoration: the revision of the deletion that it undoes.
    "ALTER TABLE changes ADD COLUMN undoes bigint",
    // From when on the histories that a change cleared may have something to erase; empty when that
    // has been seen to. A job that is at it has moved it into the future: if it dies, another job
    // takes over then.
    "ALTER TABLE changes ADD COLUMN erasable_from bigint",
    "CREATE INDEX changes_by_erasable_from ON changes (erasable_from)
        WHERE erasable_from IS NOT NULL",
    // The same for a group whose member has joined again and so lost sight of what was before.
    "ALTER TABLE conversations ADD COLUMN erasable_from bigint",
    "CREATE INDEX conversations_by_erasable_from ON conversations (erasable_from)
        WHERE erasable_from IS NOT NULL",
    // To find what is older than the retention of the change log.
    "CREATE INDEX changes_by_time ON changes (changed_at)",
    // To find the users who can see a conversation. Not a column of it ever changes.
    "CREATE INDEX members_by_conversation ON members (conversation_key)",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000002_undo_and_erasure"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}
