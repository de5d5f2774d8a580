//! The schema for lists that do not pay for what was deleted.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::DbErr,
};

use super::run;

pub(super) struct Migration;

const STATEMENTS: &[&str] = &[
    // The conversation is not listed while `last_seq` is at most this: such a row is in `members_unlisted`, all
    // others are in `members_listed`. So a newer message brings it back, and nothing else has to be written.
    "ALTER TABLE members ADD COLUMN unlisted_through bigint NOT NULL DEFAULT 0",
    "UPDATE members SET unlisted_through = last_seq WHERE last_seq IS NOT NULL
        AND (last_seq <= hidden_through OR last_seq <= joined_after OR stays_away <> 0)",
    "DROP INDEX members_by_activity",
    "CREATE INDEX members_listed ON members (user_id, last_time DESC, conversation_key)
        WHERE last_seq IS NULL OR last_seq > unlisted_through",
    "CREATE INDEX members_unlisted ON members (user_id, last_time DESC, conversation_key)
        WHERE last_seq <= unlisted_through",
    // 1 until the conversations of a deletion were looked at, NULL then, and where there is nothing to look at.
    "ALTER TABLE changes ADD COLUMN unlists smallint",
    "CREATE INDEX changes_that_unlist ON changes (user_id, revision) WHERE unlists IS NOT NULL",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261129_000011_unlisted"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}
