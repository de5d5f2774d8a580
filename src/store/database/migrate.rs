//! Bringing the schema up to date, safely with several replicas at once.
//!
//! A schema that is up to date is only read: a server needs no right to change it. Reading, and what a role
//! has to be granted, is in [`super::schema`].

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use sea_orm_migration::MigratorTrait as _;

use super::{connect, dialect::Dialect, migration::Migrator, observed::Observed, schema::Schema};
use crate::{
    config::DatabaseConfig,
    store::database::{Database, error::StoreError},
};

/// The key of the advisory lock under which the schema is migrated: "convmigr" in ASCII.
const LOCK: i64 = 0x636f_6e76_6d69_6772;

/// Forgets what migrations that ran in this session before, through a pooler that lends it, have left: the
/// names that the driver gives to its statements would be taken.
const FORGET_NAMES: &str = "DO $$ DECLARE taken text; BEGIN \
    FOR taken IN SELECT name FROM pg_prepared_statements WHERE name LIKE 'sqlx_s_%' LOOP \
        EXECUTE format('DEALLOCATE %I', taken); \
    END LOOP; END $$";

/// The result of bringing a schema up to date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The migration that the schema is at now.
    pub version: String,
    /// How many migrations have run for that; 0 if it was up to date.
    pub ran: usize,
    /// How many tables were distributed over a cluster; 0 if none had to be.
    pub distributed: usize,
}

/// Connects, brings the schema up to date, and disconnects.
///
/// # Errors
///
/// A [`StoreError`] if the database cannot be reached or its schema cannot be used.
pub async fn migrate(config: &DatabaseConfig) -> Result<Migrated, StoreError> {
    let database = connect(config).await?;
    let migrated = database.migrate().await?;
    database.close().await?;
    Ok(migrated)
}

impl Database {
    /// Brings the schema up to date. All of it happens in one transaction under a lock, so that of
    /// several replicas one migrates, the others wait, and a failure leaves nothing half migrated.
    /// It takes as long as it takes. A schema that is up to date is only read. On a cluster, tables that are not
    /// distributed yet are distributed in the same transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError::Schema`] if the database was migrated by a newer version of the service, holds only
    /// parts of a schema, or is not encoded in UTF-8; [`StoreError::Setup`] if this role may not use, or
    /// would have to change, what is there, or tables are to be distributed where there is no Citus; or another
    /// error of the database.
    pub async fn migrate(&self) -> Result<Migrated, StoreError> {
        self.retrying_at_length("migrate", || async {
            let schema = Schema::read(self, &self.pool()).await?;
            let pending = self.pending(&self.pool()).await?;
            if schema.missing() == 0 && pending.is_empty() {
                schema.require_rights(self).await?;
                return Ok(Migrated {
                    version: schema.version(),
                    ran: 0,
                    distributed: 0,
                });
            }
            self.run_migrations().await
        })
        .await
    }

    async fn run_migrations(&self) -> Result<Migrated, StoreError> {
        let _turn = self.turn().await?;
        let transaction = self.begin_migrating().await?;
        let lent = self.only_polls();
        if lent {
            transaction.execute_unprepared(FORGET_NAMES).await?;
        }
        if self.dialect != Dialect::Sqlite {
            let at_length = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0";
            transaction.execute_unprepared(at_length).await?;
            transaction
                .execute_raw(self.statement("SELECT pg_advisory_xact_lock($1)", [LOCK.into()]))
                .await?;
        }
        // Another may have been quicker.
        let observed = Observed::new(transaction, self.metrics.system());
        let ran = Schema::read(self, &observed).await?.missing();
        let transaction = observed.into_unobserved();
        Migrator::up(&transaction, None)
            .await
            .map_err(not_migrated)?;
        let distributed = self
            .distribute(&transaction)
            .await
            .map_err(not_distributed)?;
        if lent {
            transaction.execute_unprepared(FORGET_NAMES).await?;
        }
        transaction.commit().await?;
        Ok(Migrated {
            version: Schema::newest(),
            ran,
            distributed,
        })
    }

    /// A transaction of sea-orm, for its migrations, in a session that lasts if there is one. Otherwise the
    /// transaction has to do, whose session nobody else uses meanwhile.
    #[expect(
        clippy::disallowed_methods,
        reason = "migrations take a transaction of sea-orm's own"
    )]
    async fn begin_migrating(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let pool = self.connections.for_migrations();
        pool.begin_with_options(options).await
    }
}

/// Tables that were distributed before the failure are as they were, too.
fn not_distributed(error: StoreError) -> StoreError {
    match error {
        StoreError::Statement(error) => StoreError::Setup(format!(
            "the tables cannot be distributed, and are as they were: {error}"
        )),
        other => other,
    }
}

/// A migration that fails is undone with all others of the same start.
fn not_migrated(error: DbErr) -> StoreError {
    match StoreError::from(error) {
        error if error.is_permission_denied() => StoreError::Setup(format!(
            "the schema has to be brought up to date, and this role may not do that ({error}); run \
             `conversation-service migrate` as the role that owns the database, or make this one its \
             owner"
        )),
        StoreError::Statement(error) | StoreError::Duplicate(error) => {
            StoreError::Schema(format!("it cannot be migrated, and is as it was: {error}"))
        }
        other => other,
    }
}
