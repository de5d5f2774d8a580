//! Deletions of a former version stay as they were, and those that could be undone still can be.

use std::time::Duration;

use conversation_service::proto::RestorationOutcome;
use tonic::Code;

use super::former::Former;
use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::c2c,
    rounds::Rounds,
    rows::Rows,
};

const RESTORED: RestorationOutcome = RestorationOutcome::Restored;
const SUPERSEDED: RestorationOutcome = RestorationOutcome::Superseded;

/// The kinds of deletion.
const DELETE: i64 = 1;
const DELETE_AND_CLEAR: i64 = 2;
const RESTORE: i64 = 4;

impl Former<'_> {
    /// A deletion of alice's chat with a friend that can be undone for a day, and what it has recorded.
    async fn deletion(&self, revision: i64, kind: i64, friend: &str, result: &str) {
        let until = self.now() + 86_400_000_000;
        let friends = [friend];
        let of = ("alice", revision);
        let what = (&friends[..], result);
        if kind == DELETE {
            let more = [("restorable_until", until.into())];
            self.change(of, kind, what, more).await;
        } else {
            let more = [
                ("restorable_until", until.into()),
                ("erasable_from", until.into()),
            ];
            self.change(of, kind, what, more).await;
        }
    }
}

async fn readable(client: &Client, friend: &str) -> Vec<u64> {
    let history = client.history("alice", c2c(friend)).await;
    history.iter().rev().map(|message| message.seq).collect()
}

async fn the_last_deletion_of_a_conversation_can_be_undone(database: TestDatabase) {
    let former = Former::on(&database).await;
    former.chat("alice", "bob", 5).await;
    former
        .set(
            "alice",
            "bob",
            "hidden_through = 3, cleared_through = 3, taken_by = 1, \
             prev_hidden_through = 0, prev_cleared_through = 0, prev_pinned_at = 1",
        )
        .await;
    former
        .deletion(1, DELETE_AND_CLEAR, "bob", "[[1, 3, 3, 1, 0]]")
        .await;
    let (server, clock) = former.upgraded().await;
    let client = server.client().await;
    assert_eq!(client.entry("alice", c2c("bob")).await.unread_count, 2);
    assert_eq!(readable(&client, "bob").await, [4, 5]);

    // Messages that can come back are not erased.
    let rounds = Rounds::on(&database, &clock, Duration::from_hours(168)).await;
    assert_eq!(rounds.run().await.messages, 0);
    for _ in 0..2 {
        assert_eq!(client.restored("alice", "1").await, [RESTORED]);
        assert_eq!(readable(&client, "bob").await, [1, 2, 3, 4, 5]);
        let entry = client.entry("alice", c2c("bob")).await;
        assert_eq!((entry.unread_count, entry.pinned), (5, true));
    }
    Rows::of(&database).await.assert_whole().await;
}

async fn of_deletions_above_each_other_only_the_last_is_known_well_enough(database: TestDatabase) {
    let former = Former::on(&database).await;
    former.chat("alice", "carol", 5).await;
    former
        .set(
            "alice",
            "carol",
            "hidden_through = 5, cleared_through = 5, taken_by = 2, \
             prev_hidden_through = 2, prev_cleared_through = 0",
        )
        .await;
    former
        .deletion(1, DELETE, "carol", "[[1, 2, 0, 1, 0]]")
        .await;
    former
        .deletion(2, DELETE_AND_CLEAR, "carol", "[[1, 5, 5, 1, 0]]")
        .await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    assert_eq!(client.restored("alice", "1").await, [SUPERSEDED]);
    assert_eq!(client.restored("alice", "2").await, [RESTORED]);
    assert_eq!(client.restored("alice", "1").await, [SUPERSEDED]);
    let entry = client.entry("alice", c2c("carol")).await;
    assert_eq!(entry.unread_count, 3);
    assert_eq!(readable(&client, "carol").await, [1, 2, 3, 4, 5]);
}

async fn what_was_deleted_is_in_no_lists_index_and_comes_back(database: TestDatabase) {
    let former = Former::on(&database).await;
    for friend in ["bob", "carol", "dave"] {
        former.chat("alice", friend, 5).await;
    }
    for friend in ["bob", "carol"] {
        former.set("alice", friend, "hidden_through = 5").await;
    }
    let (server, _) = former.upgraded().await;
    let (client, rows) = (server.client().await, Rows::of(&database).await);
    assert_eq!(rows.in_lists_index("alice").await, 1);
    assert_eq!(client.listed("alice").await, [c2c("dave")]);
    client.send("bob", c2c("alice"), "again").await;
    client.show("alice", [c2c("carol")]).await;
    let mut listed = client.listed("alice").await;
    listed.sort_by_key(|id| format!("{id:?}"));
    assert_eq!(listed, [c2c("bob"), c2c("carol"), c2c("dave")]);
}

async fn what_was_undone_before_stays_so_and_what_was_beneath_stays_superseded(
    database: TestDatabase,
) {
    let former = Former::on(&database).await;
    former.chat("alice", "dave", 5).await;
    former
        .set(
            "alice",
            "dave",
            "hidden_through = 3, restored_deletion = 2, \
             prev_hidden_through = 3, prev_cleared_through = 0",
        )
        .await;
    former
        .deletion(1, DELETE, "dave", "[[1, 3, 0, 1, 0]]")
        .await;
    former
        .deletion(2, DELETE, "dave", "[[1, 5, 0, 1, 0]]")
        .await;
    let undoes = [("undoes", 2.into())];
    let dave = (&["dave"][..], "[[1, 3, 0, 1, 0]]");
    former.change(("alice", 3), RESTORE, dave, undoes).await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    assert_eq!(client.restored("alice", "2").await, [RESTORED]);
    assert_eq!(client.restored("alice", "1").await, [SUPERSEDED]);
    assert_eq!(client.entry("alice", c2c("dave")).await.unread_count, 2);
}

async fn a_deletion_of_before_is_not_undone_from_what_a_later_one_has_left(database: TestDatabase) {
    let former = Former::on(&database).await;
    former.chat("alice", "erin", 5).await;
    former
        .set(
            "alice",
            "erin",
            "hidden_through = 3, cleared_through = 3, taken_by = 1, \
             prev_hidden_through = 0, prev_cleared_through = 0",
        )
        .await;
    former
        .deletion(1, DELETE_AND_CLEAR, "erin", "[[1, 3, 3, 1, 0]]")
        .await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    let later = client.delete("alice", [c2c("erin")]).await.deletion_id;
    assert_eq!(client.restored("alice", "1").await, [SUPERSEDED]);
    assert_eq!(client.restored("alice", &later).await, [RESTORED]);
    assert_eq!(readable(&client, "erin").await, [4, 5]);
    assert_eq!(client.restored("alice", "1").await, [SUPERSEDED]);
    assert_eq!(readable(&client, "erin").await, [4, 5]);
}

async fn what_has_expired_and_was_erased_is_too_late(database: TestDatabase) {
    let former = Former::on(&database).await;
    former.chat("alice", "frank", 2).await;
    former
        .set(
            "alice",
            "frank",
            "hidden_through = 2, cleared_through = 2, \
             prev_hidden_through = 0, prev_cleared_through = 0",
        )
        .await;
    let past = former.now() - 1;
    let frank = (&["frank"][..], "[[1, 2, 2, 1, 0]]");
    let until = [("restorable_until", past.into())];
    former
        .change(("alice", 1), DELETE_AND_CLEAR, frank, until)
        .await;
    let (server, _) = former.upgraded().await;
    let client = server.client().await;
    refused(
        client.restore("alice", "1", "").await,
        Code::FailedPrecondition,
        "RESTORE_WINDOW_EXPIRED",
    );
    assert_eq!(client.listed("alice").await, []);
}

on_every_database!(
    from create_on_one_server:
    the_last_deletion_of_a_conversation_can_be_undone,
    of_deletions_above_each_other_only_the_last_is_known_well_enough,
    what_was_undone_before_stays_so_and_what_was_beneath_stays_superseded,
    a_deletion_of_before_is_not_undone_from_what_a_later_one_has_left,
    what_has_expired_and_was_erased_is_too_late,
    what_was_deleted_is_in_no_lists_index_and_comes_back,
);
