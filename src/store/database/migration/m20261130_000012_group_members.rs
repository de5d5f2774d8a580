//! The schema for groups on the conversation's side: who is a member is looked up there alone.
//!
//! It locks out every call that writes `conversations` or `members`, from its first statement to its end. That is
//! as long as it takes to read all of `members` once, and to write a row for each member of a group.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::DbErr,
};

use super::run;

pub(super) struct Migration;

/// In the order in which joining locks: nobody joins or leaves once the first statement has run.
const STATEMENTS: &[&str] = &[
    // Rises whenever somebody may have joined or left, so that a message that has waited for the head knows whether
    // it has seen who is a member now.
    "ALTER TABLE conversations ADD COLUMN membership_changes bigint NOT NULL DEFAULT 0",
    "DROP INDEX members_by_conversation",
    // Everybody who is or was a member of a group. 1 while they are.
    "CREATE TABLE group_members (
        conversation_key {bytes} NOT NULL,
        user_id {text} NOT NULL,
        is_member smallint NOT NULL,
        PRIMARY KEY (conversation_key, user_id)
    ) {updated}",
    "INSERT INTO group_members (conversation_key, user_id, is_member)
        SELECT conversation_key, user_id, CASE WHEN left_at IS NULL THEN 1 ELSE 0 END
        FROM members WHERE kind = 2 ORDER BY conversation_key, user_id",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261130_000012_group_members"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}
