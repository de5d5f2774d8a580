//! An undo puts back exactly what its deletion or clearing has removed.

use conversation_service::proto::{
    DeletionOutcome, DeletionResult, RestorationOutcome, RestorationResult,
};

use super::Service;
use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group, system},
};

const RESTORED: RestorationOutcome = RestorationOutcome::Restored;
const SUPERSEDED: RestorationOutcome = RestorationOutcome::Superseded;
const NOTHING_TAKEN: RestorationOutcome = RestorationOutcome::NothingTaken;

async fn undoing_brings_back_list_entry_history_and_unread_count(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 3).await;
    service.chat("carol", &c2c("alice"), 2).await;
    client.send_system(&["alice"], "welcome").await;
    let chats = [c2c("bob"), c2c("carol"), system()];
    let before = service.sight("alice", &chats).await;
    let of_bob = service.sight("bob", &[c2c("alice")]).await;
    for clear in [true, false] {
        let deletion = client.delete("alice", chats.clone()).clear(clear).await;
        let gone = service.sight("alice", &chats).await;
        assert_eq!(gone.list, []);
        assert_eq!(gone.histories.concat().is_empty(), clear);
        let outcomes = client.restored("alice", &deletion.deletion_id).await;
        assert_eq!(outcomes, [RESTORED; 3]);
        assert_eq!(service.sight("alice", &chats).await, before);
        assert_eq!(service.sight("bob", &[c2c("alice")]).await, of_bob);
    }
}

async fn undoing_a_mixed_batch_gives_each_conversation_its_outcome(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    for chat in ["bob", "carol", "dave", "erin"] {
        service.chat(chat, &c2c("alice"), 3).await;
    }
    client.delete("alice", [c2c("carol")]).await;
    let chats = ["bob", "carol", "nobody", "dave", "erin"].map(c2c);
    let before = service.sight("alice", &chats).await;
    let deletion = client
        .delete("alice", chats.clone())
        .seen(c2c("dave"), 2)
        .await;
    let outcomes: Vec<_> = deletion
        .results
        .iter()
        .map(DeletionResult::outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            DeletionOutcome::Deleted,
            DeletionOutcome::AlreadyDeleted,
            DeletionOutcome::NotFound,
            DeletionOutcome::NewerMessagesKept,
            DeletionOutcome::Deleted,
        ]
    );
    service.chat("erin", &c2c("alice"), 1).await;
    client.clear_history("alice", [c2c("erin")]).await;
    let left_alone = service.sight("alice", &[c2c("erin")]).await;

    let response = client.restore("alice", &deletion.deletion_id, "").await;
    let response = response.expect("the deletion can be undone");
    let restored: Vec<_> = response
        .results
        .iter()
        .map(RestorationResult::outcome)
        .collect();
    assert_eq!(
        restored,
        [RESTORED, NOTHING_TAKEN, NOTHING_TAKEN, RESTORED, SUPERSEDED]
    );
    let ids = response
        .results
        .into_iter()
        .filter_map(|result| result.conversation_id);
    assert_eq!(ids.collect::<Vec<_>>(), chats);
    assert_eq!(response.revision, deletion.revision + 2);
    let after = service.sight("alice", &chats).await;
    assert_eq!(after.histories[..4], before.histories[..4]);
    assert_eq!(after.list.len(), before.list.len());
    assert_eq!(after.histories[4], left_alone.histories[0]);
}

async fn what_was_deleted_again_is_superseded_even_if_it_had_been_undone(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 2).await;
    let before = service.sight("alice", &[c2c("bob")]).await;
    let first = client.delete("alice", [c2c("bob")]).await.deletion_id;
    for _ in 0..2 {
        // Undoing twice is harmless.
        assert_eq!(client.restored("alice", &first).await, [RESTORED]);
        assert_eq!(service.sight("alice", &[c2c("bob")]).await, before);
    }
    let second = client.delete("alice", [c2c("bob")]).await.deletion_id;
    assert_eq!(client.restored("alice", &first).await, [SUPERSEDED]);
    assert_eq!(service.sight("alice", &[c2c("bob")]).await.list, []);
    assert_eq!(client.restored("alice", &second).await, [RESTORED]);
    assert_eq!(service.sight("alice", &[c2c("bob")]).await, before);
}

async fn a_deletion_that_takes_nothing_leaves_the_undo_of_the_one_before(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    service.chat("bob", &c2c("alice"), 2).await;
    let before = service.sight("alice", &[c2c("bob")]).await;
    let first = client.delete("alice", [c2c("bob")]).await.deletion_id;
    let again = client.delete("alice", [c2c("bob")]).await.deletion_id;
    client.clear_history("alice", [c2c("bob")]).await;
    assert_eq!(client.restored("alice", &again).await, [NOTHING_TAKEN]);
    assert_eq!(client.restored("alice", &first).await, [RESTORED]);
    assert_eq!(service.sight("alice", &[c2c("bob")]).await, before);
}

async fn messages_and_reads_since_the_deletion_stay_when_it_is_undone(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    for chat in ["bob", "carol"] {
        service.chat(chat, &c2c("alice"), 3).await;
    }
    let deletion = client.delete("alice", [c2c("bob"), c2c("carol")]).await;
    service.chat("bob", &c2c("alice"), 2).await;
    // Sending marks read for the sender, what was deleted included.
    service.chat("alice", &c2c("carol"), 1).await;
    service.chat("carol", &c2c("alice"), 1).await;
    assert_eq!(service.readable("alice", c2c("bob")).await, [4, 5]);
    client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(service.readable("alice", c2c("bob")).await, [1, 2, 3, 4, 5]);
    assert_eq!(
        service.readable("alice", c2c("carol")).await,
        [1, 2, 3, 4, 5]
    );
    let found = client.get("alice", [c2c("bob"), c2c("carol")]).await;
    let unread: Vec<_> = found
        .conversations
        .iter()
        .map(|chat| chat.unread_count)
        .collect();
    assert_eq!(unread, [5, 1]);
}

async fn undoing_after_leaving_or_joining_again_shows_what_the_stay_allows(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    client.join("g", &["alice", "bob", "carol"]).await;
    service.chat("bob", &group("g"), 3).await;
    let of_alice = client.delete("alice", [group("g")]).await.deletion_id;
    let of_carol = client.delete("carol", [group("g")]).await.deletion_id;
    client.leave("g", &["alice", "carol"]).await;
    service.chat("bob", &group("g"), 2).await;
    client.join("g", &["carol"]).await;
    service.chat("bob", &group("g"), 1).await;

    assert_eq!(client.restored("alice", &of_alice).await, [RESTORED]);
    assert_eq!(service.readable("alice", group("g")).await, [1, 2, 3]);
    assert_eq!(client.listed("alice").await, [group("g")]);
    assert_eq!(client.restored("carol", &of_carol).await, [SUPERSEDED]);
    assert_eq!(service.readable("carol", group("g")).await, [6]);
}

async fn the_pin_comes_back_unless_it_was_set_anew(database: TestDatabase) {
    let service = Service::start(&database).await;
    let client = &service.client;
    for chat in ["bob", "carol"] {
        service.chat(chat, &c2c("alice"), 1).await;
    }
    // Bob's is the older pin, so his place tells which pin it is.
    client.pin("alice", [c2c("bob")]).await;
    client.pin("alice", [c2c("carol")]).await;
    let pinned = async || -> Vec<_> {
        let entries = client.list_all("alice").await;
        let pinned = entries.into_iter().filter(|entry| entry.pinned);
        pinned.filter_map(|entry| entry.conversation_id).collect()
    };
    let both = [c2c("carol"), c2c("bob")];
    let clearing = client.clear_history("alice", [c2c("bob")]).await;
    assert_eq!(pinned().await, both, "clearing keeps the pin");
    client.restored("alice", &clearing.deletion_id).await;
    assert_eq!(pinned().await, both);

    let deletion = client.delete("alice", [c2c("bob")]).await;
    assert_eq!(pinned().await, [c2c("carol")], "deleting unpins");
    client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(pinned().await, both, "at its old place");

    let deletion = client.delete("alice", [c2c("bob")]).await;
    service.chat("bob", &c2c("alice"), 1).await;
    client.pin("alice", [c2c("bob")]).await;
    client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(pinned().await, [c2c("bob"), c2c("carol")], "its new place");
}

on_every_database!(
    undoing_brings_back_list_entry_history_and_unread_count,
    undoing_a_mixed_batch_gives_each_conversation_its_outcome,
    what_was_deleted_again_is_superseded_even_if_it_had_been_undone,
    a_deletion_that_takes_nothing_leaves_the_undo_of_the_one_before,
    messages_and_reads_since_the_deletion_stay_when_it_is_undone,
    undoing_after_leaving_or_joining_again_shows_what_the_stay_allows,
    the_pin_comes_back_unless_it_was_set_anew,
);
