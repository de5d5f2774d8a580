//! A deletion by selector is one deletion: one change, one event, one undo, exact retries.

use std::time::Duration;

use conversation_service::{
    config::JobsConfig,
    proto::{DeletionOutcome, RestorationOutcome, Selector, change::Kind},
};
use tonic::Code;

use crate::support::{
    client::{everything, matched, outcomes, really_everything},
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::{c2c, group},
    rounds::Rounds,
    seed,
    stage::Stage,
};

on_every_database!(
    a_thousand_conversations_are_deleted_and_undone_as_one,
    it_hides_or_clears_as_the_request_says,
    a_retry_gets_the_first_answer_whatever_has_come_since,
    the_same_request_in_other_words_is_a_retry_and_another_one_is_refused,
    nothing_that_matches_is_a_deletion_of_nothing,
    other_clients_receive_one_event_and_the_one_that_asked_receives_none,
    what_it_has_cleared_is_erased_once_it_cannot_be_undone,
);

fn id(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

async fn a_thousand_conversations_are_deleted_and_undone_as_one(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    seed::chats(&database, "alice", 1_500).await;
    let before = client.list_all("alice").await;
    let revision = client.revision("alice").await;
    let deleted = client.delete_matching("alice", really_everything()).await;
    assert_eq!(outcomes(&deleted), [DeletionOutcome::Deleted; 1_000]);
    assert_eq!((deleted.matched_count, deleted.more), (1_500, true));
    assert_eq!(deleted.revision, revision + 1);
    assert_eq!(deleted.deletion_id, deleted.revision.to_string());
    assert!(deleted.restorable_until.is_some() && deleted.plan.is_empty());
    assert_eq!(client.list_all("alice").await, before[..500]);
    assert_eq!(client.unread("alice").await, 500);

    let restored = client.restored("alice", &deleted.deletion_id).await;
    assert_eq!(restored, [RestorationOutcome::Restored; 1_000]);
    assert_eq!(client.list_all("alice").await, before);
}

async fn it_hides_or_clears_as_the_request_says(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for (clear, user) in [(Some(false), "bob"), (Some(true), "carol"), (None, "dora")] {
        client.send(user, c2c("alice"), "hi").await;
        let mut deletion = client.delete_matching("alice", really_everything());
        if let Some(clear) = clear {
            deletion = deletion.clear(clear);
        }
        let deleted = deletion.await;
        let cleared = u64::from(clear != Some(false));
        assert_eq!(matched(&deleted), [c2c(user)]);
        assert_eq!(deleted.results[0].hidden_through, 1);
        assert_eq!(deleted.results[0].cleared_through, cleared);
        let history = client.history("alice", c2c(user)).await;
        assert_eq!(history.len() as u64, 1 - cleared);
    }
}

async fn a_retry_gets_the_first_answer_whatever_has_come_since(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    seed::chats(&database, "alice", 30).await;
    let request = || {
        let deletion = client.delete_matching("alice", really_everything());
        deletion.limit(20).request_id(id(1))
    };
    let first = request().client_id("phone").await;
    assert_eq!((first.matched_count, first.more), (30, true));
    client.send("somebody new", c2c("alice"), "hi").await;
    client.send(&seed::user(3), c2c("alice"), "again").await;
    let listed = client.listed("alice").await;
    let again = request().client_id("tablet").await;
    assert_eq!(again, first);
    assert_eq!(client.listed("alice").await, listed);
    // Nor does looking under its name make it another request.
    let look = client.look("alice", everything()).request_id(id(1)).await;
    assert_eq!(look.revision, first.revision);
}

async fn the_same_request_in_other_words_is_a_retry_and_another_one_is_refused(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    seed::chats(&database, "alice", 5).await;
    let selector = Selector {
        excluded: vec![c2c("bob"), group("crew")],
        ..really_everything()
    };
    let named = |selector: &Selector| {
        let deletion = client.delete_matching("alice", selector.clone());
        deletion.request_id(id(1))
    };
    let first = named(&selector).await;
    let mut restated = selector.clone();
    restated.excluded.reverse();
    restated.filter = Some(conversation_service::proto::ListFilter {
        types: vec![3, 1, 2],
        ..Default::default()
    });
    let again = named(&restated).clear(true).limit(1_000).await;
    assert_eq!(again, first);

    let mut other = selector.clone();
    other.include_pinned = false;
    let others = [
        named(&other),
        named(&selector).clear(false),
        named(&selector).limit(999),
        named(&selector).sync(false),
    ];
    for other in others {
        refused(
            other.result().await,
            Code::InvalidArgument,
            "REQUEST_ID_REUSED",
        );
    }
    let by_name = client.delete("alice", [c2c("bob")]).request_id(id(1));
    refused(
        by_name.result().await,
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
}

async fn nothing_that_matches_is_a_deletion_of_nothing(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let named = || {
        let deletion = client.delete_matching("alice", really_everything());
        deletion.request_id(id(1))
    };
    let first = named().await;
    assert_eq!((first.results.len(), first.matched_count), (0, 0));
    assert_eq!(first.revision, 1);
    client.send("bob", c2c("alice"), "hi").await;
    assert_eq!(named().await, first);
    assert_eq!(client.restored("alice", &first.deletion_id).await, []);
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
}

async fn other_clients_receive_one_event_and_the_one_that_asked_receives_none(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    seed::chats(&database, "alice", 300).await;
    let mut phone = client.follow("alice", "phone", None).await;
    let mut tablet = client.follow("alice", "tablet", None).await;
    let quiet = client.delete_matching("alice", really_everything());
    quiet.limit(10).await;
    let look = client.look("alice", really_everything());
    look.sync(true).client_id("phone").await;
    let deletion = client.delete_matching("alice", really_everything());
    let deleted = deletion.sync(true).client_id("phone").clear(false).await;
    let pinned = client.send("fence", c2c("alice"), "hi").await;
    assert_eq!(pinned.seq, 1);
    let fence = client.pin("alice", [c2c("fence")]).await;

    let event = tablet.change().await;
    assert_eq!(event.revision, deleted.revision);
    let kind = event.change.and_then(|change| change.kind);
    let Some(Kind::ConversationsDeleted(event)) = kind else {
        panic!("{kind:?} is no deletion");
    };
    assert!(!event.clear_history);
    assert_eq!(event.deletion_id, deleted.deletion_id);
    let named = event.conversations.into_iter();
    let named: Vec<_> = named.filter_map(|one| one.conversation_id).collect();
    assert_eq!(named, matched(&deleted));
    assert_eq!(named.len(), 290);
    for watcher in [&mut tablet, &mut phone] {
        assert_eq!(watcher.change().await.revision, fence.revision);
    }
}

async fn what_it_has_cleared_is_erased_once_it_cannot_be_undone(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let others: Vec<_> = (0..120).map(|number| format!("friend {number}")).collect();
    for other in &others {
        client.send(other, c2c("alice"), "hi").await;
        client.delete(other, [c2c("alice")]).await;
    }
    client.delete_matching("alice", really_everything()).await;
    let rounds = Rounds::on(&database, &clock, JobsConfig::default().change_retention).await;
    assert_eq!(rounds.run().await.messages, 0);
    clock.advance(Duration::from_hours(25));
    assert_eq!(rounds.run().await.messages, 120);
}
