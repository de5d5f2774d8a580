//! The schema for telling whether a conversation has received a setting since a moment: reading has a column of
//! its own.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::DbErr,
};

use super::run;

pub(super) struct Migration;

const STATEMENTS: &[&str] = &[
    // The revision of the last reading. `changed_by` is from now on the revision of the last change of a
    // setting, putting into a folder and taking out of one included. A reading of a former version is taken
    // for such a change.
    "ALTER TABLE members ADD COLUMN read_by bigint",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261129_000010_readings"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}
