//! The memory of restored backups, and of the clock of a machine that keeps SQLite's file.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::DbErr,
};

use super::run;

pub(super) struct Migration;

const STATEMENTS: &[&str] = &[
    // A row for each time that the database was restored from a backup. Every user has come to the highest
    // `base` at least, even where `users` has a lower revision or none.
    "CREATE TABLE incarnations (
        base bigint NOT NULL PRIMARY KEY,
        began_at bigint NOT NULL
    ) {appended}",
    // At most one row, and on SQLite only: by how much the wall clock was ahead of the time since the
    // machine has started, in microseconds, as far as it did not jump.
    "CREATE TABLE machine_clock (
        boot_id {text} NOT NULL PRIMARY KEY,
        wall_ahead bigint NOT NULL
    ) {appended}",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000008_incarnations"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}
