//! The schema for keeping promises: until when a change is kept and a message recognised, and whether
//! erased texts may be left in SQLite's files.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager,
    async_trait::async_trait,
    sea_orm::{DbBackend, DbErr},
};

use super::run;

pub(super) struct Migration;

const STATEMENTS: &[&str] = &[
    // Until when a change is kept, as it was promised when it was made. NULL for a change that a former
    // version has made: that is kept by its age.
    "ALTER TABLE changes ADD COLUMN kept_until bigint",
    // To trim in order, going on from the change that was trimmed last.
    "CREATE INDEX changes_by_kept_until ON changes (kept_until, user_id, revision)
        WHERE kept_until IS NOT NULL",
    "CREATE INDEX changes_without_promise ON changes (changed_at, user_id, revision)
        WHERE kept_until IS NULL",
    "DROP INDEX changes_by_time",
    // Until when a retry of the message is recognised. NULL where there is no `client_message_id`, or if
    // a former version has stored it.
    "ALTER TABLE messages ADD COLUMN recognised_until bigint",
    // The messages that were erased and may still be delivered again.
    "CREATE TABLE erased_messages (
        conversation_key {bytes} NOT NULL,
        sender_user_id {text} NOT NULL,
        client_message_id {text} NOT NULL,
        seq bigint NOT NULL,
        send_time bigint NOT NULL,
        fingerprint bigint NOT NULL,
        recognised_until bigint NOT NULL,
        PRIMARY KEY (conversation_key, sender_user_id, client_message_id)
    ) {appended}",
    "CREATE INDEX erased_messages_by_time ON erased_messages (recognised_until)",
];

/// One row: how many transactions have erased something, how many of them had when the last completed
/// `VACUUM` began, and when and for how many microseconds the last one was tried. A former version may
/// have left something behind.
const ON_SQLITE: &[&str] = &[
    "CREATE TABLE vacuums (
        erasures bigint NOT NULL,
        vacuumed bigint NOT NULL,
        tried_at bigint NOT NULL,
        took bigint NOT NULL
    )",
    "INSERT INTO vacuums (erasures, vacuumed, tried_at, took) VALUES (1, 0, 0, 0)",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000007_promises"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await?;
        if manager.get_database_backend() == DbBackend::Sqlite {
            run(manager, ON_SQLITE).await?;
        }
        Ok(())
    }
}
