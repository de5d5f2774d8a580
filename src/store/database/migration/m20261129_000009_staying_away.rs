//! The schema for conversations that stay away once they were deleted.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::DbErr,
};

use super::run;

pub(super) struct Migration;

const STATEMENTS: &[&str] = &[
    // 1 while the conversation is not listed, whatever messages come.
    "ALTER TABLE members ADD COLUMN stays_away smallint NOT NULL DEFAULT 0",
    // The same before the last deletion; like the other columns `prev_…`, it has a meaning for the
    // statement that deletes, and for nobody later.
    "ALTER TABLE members ADD COLUMN prev_stays_away smallint",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261129_000009_staying_away"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}
