//! Which service asked for a change.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::DbErr,
};

use super::run;

pub(super) struct Migration;

const STATEMENTS: &[&str] = &[
    // Its name in the settings of that time. Empty for a change that anyone could have made.
    "ALTER TABLE changes ADD COLUMN caller {text}",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000004_callers"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}
