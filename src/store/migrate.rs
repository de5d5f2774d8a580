//! Bringing the schema up to date, safely with several replicas at once.

use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::MigratorTrait as _;

use super::{
    Store, StoreError, connect,
    dialect::Dialect,
    migration::{Migrator, TABLE},
    observed::DatabaseTransaction,
};
use crate::config::DatabaseConfig;

/// The key of the advisory lock under which the schema is migrated: "convmigr" in ASCII.
const LOCK: i64 = 0x636f_6e76_6d69_6772;

/// Connects, brings the schema up to date, and disconnects.
///
/// # Errors
///
/// A [`StoreError`] if the database cannot be reached or its schema cannot be used.
pub async fn migrate(config: &DatabaseConfig) -> Result<(), StoreError> {
    let store = connect(config).await?;
    store.migrate().await?;
    store.close().await
}

impl Store {
    /// Brings the schema up to date. All of it happens in one transaction under a lock, so that of
    /// several replicas one migrates, the others wait, and a failure leaves nothing half migrated.
    /// It takes as long as it takes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Schema`] if the database was migrated by a newer version of the service, holds only
    /// parts of a schema, or is not encoded in UTF-8, or another error of the database.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.retrying_at_length("migrate", || async {
            let transaction = self.begin().await?;
            if self.dialect == Dialect::Postgres {
                transaction
                    .execute_raw(self.statement("SET LOCAL statement_timeout = 0", []))
                    .await?;
                transaction
                    .execute_raw(self.statement("SELECT pg_advisory_xact_lock($1)", [LOCK.into()]))
                    .await?;
                self.require_utf8(&transaction).await?;
            }
            self.refuse_other_schemas(&transaction).await?;
            Migrator::up(transaction.unobserved(), None)
                .await
                .map_err(not_migrated)?;
            transaction.commit().await
        })
        .await
    }

    /// Identifiers and texts may hold any Unicode character.
    async fn require_utf8(&self, transaction: &DatabaseTransaction) -> Result<(), StoreError> {
        let statement = self.statement("SELECT current_setting('server_encoding') AS encoding", []);
        let row = transaction.query_one_raw(statement).await?;
        let encoding = row
            .map(|row| row.try_get::<String>("", "encoding"))
            .transpose()?;
        match encoding.as_deref() {
            Some("UTF8") => Ok(()),
            other => Err(StoreError::Schema(format!(
                "the database must be encoded in UTF8, not {}",
                other.unwrap_or("an unknown encoding")
            ))),
        }
    }

    /// A schema is what the first of the known migrations have made, in their order, and nothing else.
    async fn refuse_other_schemas(
        &self,
        transaction: &DatabaseTransaction,
    ) -> Result<(), StoreError> {
        Migrator::install(transaction.unobserved()).await?;
        let statement = self.statement(&format!("SELECT version FROM {TABLE}"), []);
        let known: Vec<_> = Migrator::migrations()
            .iter()
            .map(|migration| migration.name().to_owned())
            .collect();
        let rows = transaction.query_all_raw(statement).await?;
        for row in &rows {
            let version: String = row.try_get("", "version")?;
            let Some(place) = known.iter().position(|known| *known == version) else {
                return Err(StoreError::Schema(format!(
                    "it holds migration {version}, which this version of the service does not know; \
                     run the version that made it, or a newer one"
                )));
            };
            if place >= rows.len() {
                return Err(StoreError::Schema(format!(
                    "it holds migration {version}, but not all that come before it; restore it from a \
                     backup"
                )));
            }
        }
        Ok(())
    }
}

/// A migration that fails is undone with all others of the same start.
fn not_migrated(error: DbErr) -> StoreError {
    match StoreError::from(error) {
        StoreError::Statement(error) | StoreError::Duplicate(error) => {
            StoreError::Schema(format!("it cannot be migrated, and is as it was: {error}"))
        }
        other => other,
    }
}
