//! The schema, one migration after the other. A migration that was released is never edited.

mod m20261124_000001_conversations;
mod m20261124_000002_undo_and_erasure;
mod m20261124_000003_settings_and_folders;
mod m20261124_000004_callers;
mod m20261128_000005_undo_stack;
mod m20261128_000006_membership_changes;
mod m20261128_000007_promises;
mod m20261128_000008_incarnations;
mod m20261129_000009_staying_away;
mod m20261129_000010_readings;
mod m20261129_000011_unlisted;
mod m20261130_000012_group_members;

use sea_orm_migration::{
    MigrationTrait, MigratorTrait, SchemaManager,
    async_trait::async_trait,
    sea_orm::{ConnectionTrait as _, DbBackend, DbErr},
    sea_query::DynIden,
    sea_query::IntoIden as _,
};

/// Where the names of the migrations that have run are kept.
pub(super) const TABLE: &str = "conversation_schema";

/// All migrations, in order.
pub(in crate::store) struct Migrator;

#[async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261124_000001_conversations::Migration),
            Box::new(m20261124_000002_undo_and_erasure::Migration),
            Box::new(m20261124_000003_settings_and_folders::Migration),
            Box::new(m20261124_000004_callers::Migration),
            Box::new(m20261128_000005_undo_stack::Migration),
            Box::new(m20261128_000006_membership_changes::Migration),
            Box::new(m20261128_000007_promises::Migration),
            Box::new(m20261128_000008_incarnations::Migration),
            Box::new(m20261129_000009_staying_away::Migration),
            Box::new(m20261129_000010_readings::Migration),
            Box::new(m20261129_000011_unlisted::Migration),
            Box::new(m20261130_000012_group_members::Migration),
        ]
    }

    fn migration_table_name() -> DynIden {
        TABLE.into_iden()
    }
}

/// Runs the statements of a migration, one after the other.
async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for sql in statements {
        let sql = in_dialect(sql, manager.get_database_backend());
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}

/// Fills in what the databases call things: `{bytes}`, `{text}`, and how a table's rows are kept, by
/// whether they are `{updated}` or only `{appended}`.
fn in_dialect(sql: &str, backend: DbBackend) -> String {
    let (bytes, text, updated, appended) = match backend {
        DbBackend::Postgres => ("bytea", "text COLLATE \"C\"", "WITH (fillfactor = 80)", ""),
        _ => ("blob", "text", "WITHOUT ROWID", "WITHOUT ROWID"),
    };
    sql.replace("{bytes}", bytes)
        .replace("{text}", text)
        .replace("{updated}", updated)
        .replace("{appended}", appended)
}
