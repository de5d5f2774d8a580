//! The schema for undoing one deletion after the other, and indices that are for what they were made for.
//!
//! The row of a deletion in `changes` says from now on what the deletion took, so that the deletion beneath
//! it can be undone after it. The columns `prev_…` of `members` hold what the last deletion took no longer
//! than it takes to record it; for deletions that were recorded before, they are all there is.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_orm::{DbBackend, DbErr},
};

use super::run;

pub(super) struct Migration;

const STATEMENTS: &[&str] = &[
    // The deletion that was last before the one in `taken_by`; like the other columns `prev_…`, it has
    // a meaning for the statement that deletes, and for nobody later.
    "ALTER TABLE members ADD COLUMN prev_taken_by bigint",
    // While clearings can be undone: where the history may begin again. NULL: where it is cleared.
    "ALTER TABLE members ADD COLUMN kept_after bigint",
    // Deletions up to this revision can never be undone. NULL: none was ended so.
    "ALTER TABLE members ADD COLUMN undo_ended bigint",
    // Of the deletions recorded so far, the last one can be undone; it may have cleared something.
    "UPDATE members SET kept_after = prev_cleared_through
        WHERE taken_by IS NOT NULL AND prev_cleared_through < cleared_through",
    // Where the last deletion was undone, those before it cannot be.
    "UPDATE members SET undo_ended = restored_deletion - 1
        WHERE taken_by IS NULL AND restored_deletion IS NOT NULL",
];

/// The kind is positive in every row. PostgreSQL took these indices for a search by user and conversation
/// where it believed that the user or the conversation had few rows, and so read all of them. Now it takes
/// them only for a statement that asks for positive kinds, as those do that the indices are for.
const FOR_LISTS_AND_CONVERSATIONS: &[&str] = &[
    "DROP INDEX members_by_activity",
    "CREATE INDEX members_by_activity ON members (user_id, last_time DESC, conversation_key)
        WHERE kind > 0",
    "DROP INDEX members_by_conversation",
    "CREATE INDEX members_by_conversation ON members (conversation_key) WHERE kind > 0",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000005_undo_stack"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            run(manager, FOR_LISTS_AND_CONVERSATIONS).await?;
        }
        Ok(())
    }
}
