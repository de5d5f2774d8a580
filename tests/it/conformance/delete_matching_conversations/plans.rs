//! Looking before deleting: what a plan shows is deleted, and nothing else.

use std::time::Duration;

use conversation_service::proto::{
    DeleteMatchingConversationsResponse, DeletionOutcome, ListFilter, Selector,
};
use tonic::Code;

use crate::{
    conformance::large_groups::{found, say},
    support::{
        client::{Client, everything, matched, outcomes, really_everything},
        databases::{TestDatabase, on_every_database},
        errors::refused,
        ids::{by_text, c2c, group},
        seed,
        stage::Stage,
    },
};

on_every_database!(
    a_dry_run_changes_nothing_and_shows_what_the_deletion_does,
    conversations_that_match_only_since_the_dry_run_stay,
    conversations_with_a_newer_message_or_setting_are_left_alone,
    a_setting_that_was_taken_back_has_been_received_all_the_same,
    reading_does_not_keep_a_conversation,
    conversations_deleted_since_are_deleted_already,
    conversations_shown_again_since_are_left_alone,
    large_groups_of_a_plan_are_kept_if_they_received_a_message,
    limit_and_clear_history_are_as_the_deletion_has_them,
    a_plan_is_for_one_user_and_one_selector_in_whatever_words,
    a_plan_expires_after_an_hour_and_a_retry_does_not,
    a_plan_can_be_carried_out_again_and_finds_nothing_left,
);

const CHANGED: DeletionOutcome = DeletionOutcome::ChangedSincePlan;
const DELETED: DeletionOutcome = DeletionOutcome::Deleted;
const ALREADY: DeletionOutcome = DeletionOutcome::AlreadyDeleted;

fn id(number: u128) -> String {
    uuid::Uuid::from_u128(number).to_string()
}

async fn chats(client: &Client, users: &[&str]) {
    for user in users {
        client.send(user, c2c("alice"), "hi").await;
    }
}

/// The outcome of each conversation, by its text form, in the order of the texts.
fn by_name(response: &DeleteMatchingConversationsResponse) -> Vec<(String, DeletionOutcome)> {
    let ids = matched(response).into_iter().map(|id| id.to_string());
    let mut all: Vec<_> = ids.zip(outcomes(response)).collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all
}

fn named(expected: &[(&str, DeletionOutcome)]) -> Vec<(String, DeletionOutcome)> {
    expected
        .iter()
        .map(|(name, outcome)| ((*name).to_owned(), *outcome))
        .collect()
}

async fn a_dry_run_changes_nothing_and_shows_what_the_deletion_does(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    seed::chats(&database, "alice", 1_200).await;
    client.clear_history("alice", [c2c(seed::user(7))]).await;
    let (listed, revision) = (
        client.list_all("alice").await,
        client.revision("alice").await,
    );
    let look = client.look("alice", really_everything()).await;
    assert_eq!(client.list_all("alice").await, listed);
    assert_eq!(client.revision("alice").await, revision);
    assert_eq!(look.revision, revision);
    assert!(look.deletion_id.is_empty() && look.restorable_until.is_none());
    assert_eq!((look.matched_count, look.more), (1_200, true));
    assert_eq!(look.plan.len(), 32_070);

    let deletion = client.delete_matching("alice", really_everything());
    let deleted = deletion.planned(&look.plan).await;
    assert_eq!(deleted.results, look.results);
    assert_eq!((deleted.matched_count, deleted.more), (1_200, true));
    assert_eq!(deleted.revision, revision + 1);
    assert!(deleted.plan.is_empty() && deleted.restorable_until.is_some());
    assert_eq!(client.list_all("alice").await, listed[..200]);
}

async fn conversations_that_match_only_since_the_dry_run_stay(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    chats(&client, &["bob", "carol"]).await;
    client.pin("alice", [c2c("carol")]).await;
    let selector = Selector {
        include_pinned: false,
        ..really_everything()
    };
    let look = client.look("alice", selector.clone()).await;
    assert_eq!(matched(&look), [c2c("bob")]);
    client.unpin("alice", [c2c("carol")]).await;
    chats(&client, &["dora"]).await;
    let deletion = client.delete_matching("alice", selector);
    let deleted = deletion.planned(&look.plan).await;
    assert_eq!(by_name(&deleted), named(&[("C2Cbob", DELETED)]));
    let mut listed = client.listed("alice").await;
    listed.sort_by_key(ToString::to_string);
    assert_eq!(listed, [c2c("carol"), c2c("dora")]);
}

async fn conversations_with_a_newer_message_or_setting_are_left_alone(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let names = [
        "data",
        "emptied",
        "filed",
        "made",
        "marked",
        "muted",
        "pinned",
        "sent",
        "spoken",
        "taken out",
        "untouched",
        "unpinned",
    ];
    chats(&client, &names).await;
    let filed = ["emptied", "taken out"].map(c2c);
    client.create_folder("alice", "before", filed).await;
    client
        .create_folder("alice", "gone", [c2c("emptied")])
        .await;
    client.pin("alice", [c2c("unpinned")]).await;
    let look = client.look("alice", really_everything()).await;
    assert_eq!(look.results.len(), names.len());

    client.set_data("alice", [c2c("data")], b"x".to_vec()).await;
    client
        .add_to_folder("alice", "before", [c2c("filed")])
        .await;
    client.create_folder("alice", "new", [c2c("made")]).await;
    client.mark("alice", [c2c("marked")], 1, 0).await;
    client.mute("alice", [c2c("muted")]).await;
    client.pin("alice", [c2c("pinned")]).await;
    client.send("sent", c2c("alice"), "wait").await;
    client.send("alice", c2c("spoken"), "hello").await;
    let out = [c2c("taken out")];
    client.remove_from_folder("alice", "before", out).await;
    client.delete_folder("alice", "gone").await;
    client.unpin("alice", [c2c("unpinned")]).await;
    // A request that changes nothing is no change.
    client.unmute("alice", [c2c("untouched")]).await;
    client.rename_folder("alice", "new", "newer").await;

    let before = client.list_all("alice").await;
    let deletion = client.delete_matching("alice", really_everything());
    let deleted = deletion.planned(&look.plan).await;
    let expected: Vec<_> = names
        .iter()
        .map(|name| {
            let outcome = match *name {
                "untouched" => DELETED,
                _ => CHANGED,
            };
            (format!("C2C{name}"), outcome)
        })
        .collect();
    let mut sorted = expected.clone();
    sorted.sort();
    assert_eq!(by_name(&deleted), sorted);
    for result in &deleted.results {
        let expected = u64::from(result.outcome() == DELETED);
        assert_eq!(result.hidden_through, expected, "{result:?}");
        assert_eq!(result.cleared_through, expected, "{result:?}");
    }
    let left: Vec<_> = before
        .into_iter()
        .filter(|entry| entry.conversation_id != Some(c2c("untouched")))
        .collect();
    assert_eq!(client.list_all("alice").await, left);
    assert_eq!(client.history("alice", c2c("sent")).await.len(), 2);
}

async fn a_setting_that_was_taken_back_has_been_received_all_the_same(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    chats(&client, &["bob", "carol", "dora"]).await;
    client.create_folder("alice", "work", []).await;
    let look = client.look("alice", really_everything()).await;
    client.mute("alice", [c2c("bob")]).await;
    client.unmute("alice", [c2c("bob")]).await;
    client.add_to_folder("alice", "work", [c2c("carol")]).await;
    client
        .remove_from_folder("alice", "work", [c2c("carol")])
        .await;
    let deletion = client.delete_matching("alice", really_everything());
    let deleted = deletion.planned(&look.plan).await;
    assert_eq!(
        by_name(&deleted),
        named(&[
            ("C2Cbob", CHANGED),
            ("C2Ccarol", CHANGED),
            ("C2Cdora", DELETED)
        ])
    );
}

async fn reading_does_not_keep_a_conversation(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    chats(&client, &["bob", "carol"]).await;
    let look = client.look("alice", really_everything()).await;
    client.read("alice", [c2c("bob")]).await;
    client.read_all("alice").await;
    let deletion = client.delete_matching("alice", really_everything());
    let deleted = deletion.planned(&look.plan).await;
    assert_eq!(outcomes(&deleted), [DELETED; 2]);
}

async fn conversations_deleted_since_are_deleted_already(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    chats(&client, &["back", "bob", "carol", "restored"]).await;
    let look = client.look("alice", really_everything()).await;
    client.delete("alice", [c2c("bob")]).await;
    let gone = client.delete("alice", ["back", "restored"].map(c2c)).await;
    client.restored("alice", &gone.deletion_id).await;
    client.delete("alice", [c2c("back")]).clear(false).await;
    client.send("back", c2c("alice"), "again").await;
    let deletion = client.delete_matching("alice", really_everything());
    let deleted = deletion.planned(&look.plan).await;
    assert_eq!(
        by_name(&deleted),
        named(&[
            ("C2Cback", CHANGED),
            ("C2Cbob", ALREADY),
            ("C2Ccarol", DELETED),
            ("C2Crestored", DELETED)
        ])
    );
    assert_eq!(client.listed("alice").await, [c2c("back")]);
    assert_eq!(client.history("alice", c2c("back")).await.len(), 2);
}

async fn conversations_shown_again_since_are_left_alone(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    chats(&client, &["bob", "carol"]).await;
    let look = client.look("alice", really_everything()).await;
    client.delete("alice", [c2c("bob")]).clear(false).await;
    client.show("alice", [c2c("bob")]).await;
    let deletion = client.delete_matching("alice", really_everything());
    let deleted = deletion.planned(&look.plan).await;
    let expected = named(&[("C2Cbob", CHANGED), ("C2Ccarol", DELETED)]);
    assert_eq!(by_name(&deleted), expected);
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
}

async fn large_groups_of_a_plan_are_kept_if_they_received_a_message(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for name in ["left", "quiet", "spoken", "spoken and left"] {
        found(&client, name, 12).await;
        say(&client, &clock, name).await;
    }
    let look = client.look("alice", really_everything()).await;
    client.leave("left", &["alice"]).await;
    say(&client, &clock, "left").await;
    say(&client, &clock, "spoken").await;
    say(&client, &clock, "spoken and left").await;
    client.leave("spoken and left", &["alice"]).await;
    let deletion = client.delete_matching("alice", really_everything());
    let deleted = deletion.planned(&look.plan).await;
    assert_eq!(
        by_name(&deleted),
        named(&[
            ("GROUPleft", DELETED),
            ("GROUPquiet", DELETED),
            ("GROUPspoken", CHANGED),
            ("GROUPspoken and left", CHANGED)
        ])
    );
    assert_eq!(client.history("alice", group("spoken")).await.len(), 2);
}

async fn limit_and_clear_history_are_as_the_deletion_has_them(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    for user in ["bob", "carol", "dora", "eve"] {
        chats(&client, &[user]).await;
        clock.advance(Duration::from_secs(1));
    }
    let look = client.look("alice", really_everything());
    let look = look.limit(3).clear(true).await;
    assert_eq!((look.matched_count, look.more), (4, true));
    assert_eq!(look.results[0].cleared_through, 1);
    let deletion = client.delete_matching("alice", really_everything());
    let first = deletion.planned(&look.plan).limit(1).clear(false).await;
    assert_eq!(matched(&first), [c2c("bob")]);
    assert_eq!((first.matched_count, first.more), (4, true));
    assert_eq!(client.history("alice", c2c("bob")).await.len(), 1);
    let deletion = client.delete_matching("alice", really_everything());
    let all = deletion.planned(&look.plan).limit(1_000).await;
    assert_eq!(outcomes(&all), [ALREADY, DELETED, DELETED]);
    assert_eq!(matched(&all), ["bob", "carol", "dora"].map(c2c));
    assert_eq!(client.listed("alice").await, [c2c("eve")]);
}

async fn a_plan_is_for_one_user_and_one_selector_in_whatever_words(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    chats(&client, &["bob", "carol", "dora"]).await;
    client.send("bob", c2c("dora"), "hi").await;
    let selector = Selector {
        filter: Some(ListFilter {
            types: vec![2, 1],
            ..ListFilter::default()
        }),
        excluded: vec![c2c("eve"), c2c("dora")],
        include_unread: true,
        ..Selector::default()
    };
    let look = client.look("alice", selector.clone()).await;
    assert_eq!(look.results.len(), 2);
    let others = [
        ("dora", selector.clone()),
        ("alice", everything()),
        (
            "alice",
            Selector {
                include_pinned: true,
                ..selector.clone()
            },
        ),
        (
            "alice",
            Selector {
                excluded: vec![c2c("dora")],
                ..selector.clone()
            },
        ),
        (
            "alice",
            Selector {
                inactive_before: Some(prost_types::Timestamp::default()),
                ..selector.clone()
            },
        ),
    ];
    for (user, other) in others {
        let deletion = client.delete_matching(user, other);
        let deletion = deletion.planned(&look.plan).request_id(id(1));
        refused(
            deletion.result().await,
            Code::FailedPrecondition,
            "PLAN_MISMATCH",
        );
    }
    assert_eq!(client.listed("alice").await.len(), 3);

    let restated = Selector {
        filter: Some(ListFilter {
            types: vec![1, 2, 1],
            ..ListFilter::default()
        }),
        all: true,
        excluded: vec![by_text(&c2c("dora")), by_text(&c2c("eve"))],
        ..selector
    };
    let deletion = client.delete_matching("alice", restated);
    let deleted = deletion.planned(&look.plan).request_id(id(1)).await;
    assert_eq!(outcomes(&deleted), [DELETED; 2]);
}

async fn a_plan_expires_after_an_hour_and_a_retry_does_not(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    chats(&client, &["bob", "carol"]).await;
    let look = client.look("alice", really_everything()).limit(1).await;
    let planned = |name| {
        let deletion = client.delete_matching("alice", really_everything());
        deletion.planned(&look.plan).request_id(id(name))
    };
    clock.advance(Duration::from_mins(59));
    let first = planned(1).await;
    assert_eq!(outcomes(&first), [DELETED]);
    clock.advance(Duration::from_mins(1));
    refused(
        planned(2).result().await,
        Code::FailedPrecondition,
        "PLAN_EXPIRED",
    );
    assert_eq!(planned(1).await, first);
    refused(
        planned(1).clear(false).result().await,
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
    assert_eq!(client.listed("alice").await.len(), 1);
}

async fn a_plan_can_be_carried_out_again_and_finds_nothing_left(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    chats(&client, &["bob", "carol"]).await;
    let look = client.look("alice", really_everything()).await;
    let planned = || {
        let deletion = client.delete_matching("alice", really_everything());
        deletion.planned(&look.plan)
    };
    let first = planned().await;
    let again = planned().await;
    assert_eq!(outcomes(&again), [ALREADY; 2]);
    assert_eq!(again.revision, first.revision + 1);
    let restored = client.restored("alice", &first.deletion_id).await;
    assert_eq!(restored.len(), 2);
    assert_eq!(client.listed("alice").await.len(), 2);
}
