//! Conversations, messages, members, users and changes.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::DbErr,
};

use super::run;

pub(super) struct Migration;

/// The tables. Every primary key leads with the key by which its table can be distributed. No
/// watermark is indexed, and pages keep room, so that PostgreSQL updates rows in place (HOT).
///
/// Times are microseconds since the Unix epoch; flags are 0 or 1, so that both databases read them
/// alike.
const TABLES: &[&str] = &[
    // The head of each conversation.
    "CREATE TABLE conversations (
        conversation_key {bytes} NOT NULL PRIMARY KEY,
        canonical_id {text} NOT NULL,
        last_seq bigint NOT NULL,
        last_time bigint NOT NULL
    ) {updated}",
    // The shared log. A system message has an empty sender; plain text has no payload type.
    "CREATE TABLE messages (
        conversation_key {bytes} NOT NULL,
        seq bigint NOT NULL,
        sender_user_id {text} NOT NULL,
        client_message_id {text},
        send_time bigint NOT NULL,
        payload_type {text},
        content {bytes} NOT NULL,
        PRIMARY KEY (conversation_key, seq)
    ) {appended}",
    "CREATE UNIQUE INDEX messages_by_client_message_id
        ON messages (conversation_key, sender_user_id, client_message_id)
        WHERE client_message_id IS NOT NULL",
    // The revision of each user. Its row is the lock of all the user's changes.
    "CREATE TABLE users (
        user_id {text} NOT NULL PRIMARY KEY,
        revision bigint NOT NULL
    ) {updated}",
    // A user's view of a conversation. `taken_by` is the revision of the last deletion that took
    // something, and `prev_…` is what it took.
    "CREATE TABLE members (
        user_id {text} NOT NULL,
        conversation_key {bytes} NOT NULL,
        joined_after bigint NOT NULL DEFAULT 0,
        left_at bigint,
        left_time bigint,
        appeared_before smallint NOT NULL DEFAULT 0,
        hidden_through bigint NOT NULL DEFAULT 0,
        cleared_through bigint NOT NULL DEFAULT 0,
        read_through bigint NOT NULL DEFAULT 0,
        pinned_at bigint,
        muted smallint NOT NULL DEFAULT 0,
        marks bigint NOT NULL DEFAULT 0,
        custom_data {bytes},
        taken_by bigint,
        prev_hidden_through bigint,
        prev_cleared_through bigint,
        prev_pinned_at bigint,
        PRIMARY KEY (user_id, conversation_key)
    ) {updated}",
    // One row for each changing request of a user: the response to its retries, the event for the
    // user's other clients, and the audit trail. `conversations` and `results` are JSON arrays in the
    // order of the request.
    "CREATE TABLE changes (
        user_id {text} NOT NULL,
        revision bigint NOT NULL,
        request_id {bytes},
        request_digest {bytes},
        client_id {text},
        kind smallint NOT NULL,
        changed_at bigint NOT NULL,
        synced smallint NOT NULL,
        restorable_until bigint,
        conversations {text} NOT NULL,
        results {text} NOT NULL,
        PRIMARY KEY (user_id, revision)
    ) {appended}",
    "CREATE UNIQUE INDEX changes_by_request_id
        ON changes (user_id, request_id)
        WHERE request_id IS NOT NULL",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261124_000001_conversations"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, TABLES).await
    }
}
