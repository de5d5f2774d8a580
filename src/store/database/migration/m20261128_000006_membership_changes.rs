//! Joining and leaving a group become changes like any other.

use sea_orm_migration::{
    MigrationName, MigrationTrait, SchemaManager, async_trait::async_trait, sea_orm::DbErr,
};

use super::run;

pub(super) struct Migration;

const STATEMENTS: &[&str] = &[
    // The requests to join and leave a group, by which a retry is recognised. They are the group's and
    // no user's.
    "CREATE TABLE group_requests (
        conversation_key {bytes} NOT NULL,
        request_id {bytes} NOT NULL,
        request_digest {bytes} NOT NULL,
        kept_until bigint NOT NULL,
        changed_count bigint NOT NULL,
        PRIMARY KEY (conversation_key, request_id)
    ) {appended}",
    // To find what need not be recognised any more.
    "CREATE INDEX group_requests_by_kept_until ON group_requests (kept_until)",
    // Joining again moves both watermarks to where the membership begins, and what was deleted before is
    // undone no more. It did not in the rows of users who have joined again and deleted nothing since: the
    // part that a deletion takes lies beyond the beginning. Of a deletion that was undone this is certain
    // only where nothing has come since.
    "UPDATE members SET
        undo_ended = CASE WHEN taken_by IS NOT NULL THEN taken_by
                          WHEN restored_deletion IS NOT NULL AND last_seq <= joined_after
                          THEN restored_deletion
                          ELSE undo_ended END,
        taken_by = NULL, kept_after = NULL,
        hidden_through = joined_after, cleared_through = joined_after
        WHERE joined_after > 0
        AND hidden_through <= joined_after AND cleared_through <= joined_after
        AND (appeared_before = 1 OR taken_by IS NOT NULL)",
];

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m20261128_000006_membership_changes"
    }
}

#[async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, STATEMENTS).await
    }
}
