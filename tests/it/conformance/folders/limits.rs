//! The limits of folders: reached exactly, and refused beyond without a trace.

use std::fmt::Debug;

use conversation_service::proto::{ChangeOutcome, ConversationId};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::{c2c, group},
    seed,
    stage::Stage,
};

on_every_database!(
    a_user_has_at_most_twenty_folders,
    folders_hold_a_thousand_conversations_counting_each_time_one_is_in,
    deleted_conversations_count_in_no_limit,
    the_large_groups_of_a_user_count_as_they_are_shown,
    folders_hold_ten_thousand_conversations_shown_or_not,
);

const REASON: &str = "FOLDER_CONVERSATION_LIMIT_REACHED";

fn limit_reached<T: Debug>(result: Result<T, Status>, reason: &str, limit: &str) {
    let status = refused(result, Code::FailedPrecondition, reason);
    let details = status.get_error_details();
    let metadata = &details.error_info().expect("it was there").metadata;
    assert_eq!(metadata.get("limit").map(String::as_str), Some(limit));
}

async fn a_user_has_at_most_twenty_folders(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    for number in 1..=20 {
        client
            .create_folder("alice", &number.to_string(), [c2c("bob")])
            .await;
    }
    let stood = client.list_folders("alice").await;
    assert_eq!(stood.folders.len(), 20);
    let one_more = client.create_folder("alice", "21", [c2c("bob")]);
    let refusal = one_more.clone().result().await;
    limit_reached(refusal, "FOLDER_LIMIT_REACHED", "20");
    // A name that is taken is the nearer reason.
    let taken = client.create_folder("alice", "7", []).result().await;
    refused(taken, Code::AlreadyExists, "FOLDER_ALREADY_EXISTS");
    assert_eq!(client.list_folders("alice").await, stood);
    assert_eq!(client.entry("alice", c2c("bob")).await.folders.len(), 20);

    // Calls that give Alice no further folder still succeed, and deleting a folder makes room.
    client.rename_folder("alice", "7", "seven").await;
    client.remove_from_folder("alice", "8", [c2c("bob")]).await;
    client.create_folder("bob", "1", []).await;
    client.delete_folder("alice", "9").await;
    assert_eq!(one_more.await.revision, 24);
    assert_eq!(client.folders("alice").await.len(), 20);
}

async fn folders_hold_a_thousand_conversations_counting_each_time_one_is_in(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", 202).await;
    for number in 1..=9 {
        let name = number.to_string();
        let half = if number % 2 == 0 {
            &chats[..100]
        } else {
            &chats[100..200]
        };
        client.create_folder("alice", &name, half.to_vec()).await;
    }
    client
        .create_folder("alice", "10", chats[..99].to_vec())
        .await;

    // 999 by now: one more has room, and two have not.
    let stood = client.list_folders("alice").await;
    let two = chats[200..202].to_vec();
    let added = client.add_to_folder("alice", "1", two.clone()).result();
    limit_reached(added.await, REASON, "1000");
    let made = client.create_folder("alice", "11", two).result().await;
    limit_reached(made, REASON, "1000");
    assert_eq!(client.list_folders("alice").await, stood);

    // A conversation that is in the folder already, or unknown, takes no room.
    let harmless = [
        chats[100].clone(),
        c2c("nobody"),
        chats[200].clone(),
        chats[101].clone(),
    ];
    let added = client.add_to_folder("alice", "1", harmless).outcomes();
    assert_eq!(
        added.await,
        [
            ChangeOutcome::Unchanged,
            ChangeOutcome::NotFound,
            ChangeOutcome::Changed,
            ChangeOutcome::Unchanged,
        ]
    );
    let full = client.list_folders("alice").await;
    assert_eq!(full.revision, stood.revision + 1);
    let one = client.add_to_folder("alice", "2", [chats[100].clone()]);
    limit_reached(one.clone().result().await, REASON, "1000");
    client.create_folder("alice", "empty", []).await;
    let one_taken_out = client.remove_from_folder("alice", "9", [chats[100].clone()]);
    one_taken_out.await;
    one.clone().await;
    let other = client.add_to_folder("alice", "3", [chats[201].clone()]);
    limit_reached(other.clone().result().await, REASON, "1000");
    // Deleting a folder makes room for all that was in it.
    client.delete_folder("alice", "9").await;
    other.await;
    client
        .add_to_folder("alice", "empty", chats[..98].to_vec())
        .await;
}

/// Makes folders that show a thousand conversations, a hundred each.
async fn full(client: &Client, chats: &[ConversationId]) {
    for number in 0..10 {
        let some = chats[number * 100..(number + 1) * 100].to_vec();
        client
            .create_folder("alice", &number.to_string(), some)
            .await;
    }
}

async fn deleted_conversations_count_in_no_limit(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", 1_102).await;
    full(&client, &chats).await;
    let one = client.add_to_folder("alice", "0", [chats[1_100].clone()]);
    limit_reached(one.clone().result().await, REASON, "1000");
    let deletion = client.delete("alice", chats[..100].to_vec()).clear(false);
    let deletion = deletion.await;
    assert_eq!(one.outcomes().await, [ChangeOutcome::Changed]);
    client
        .create_folder("alice", "more", chats[1_000..1_099].to_vec())
        .await;
    let other = client.add_to_folder("alice", "more", [chats[1_101].clone()]);
    limit_reached(other.clone().result().await, REASON, "1000");

    // All of it comes back. Then there is more than there may be, and only adding is refused.
    client.restored("alice", &deletion.deletion_id).await;
    let shown: usize = client
        .folders("alice")
        .await
        .iter()
        .map(|folder| folder.conversation_ids.len())
        .sum();
    assert_eq!(shown, 1_100);
    limit_reached(other.clone().result().await, REASON, "1000");
    let nothing_new = client.add_to_folder("alice", "more", [chats[1_000].clone()]);
    assert_eq!(nothing_new.outcomes().await, [ChangeOutcome::Unchanged]);
    client.create_folder("alice", "empty", []).await;
    client.rename_folder("alice", "more", "renamed").await;
    client
        .remove_from_folder("alice", "1", chats[100..150].to_vec())
        .await;
    client.delete_folder("alice", "empty").await;
    // A conversation that is hidden itself adds nothing to what is shown.
    client.delete("alice", [chats[1_101].clone()]).await;
    let hidden = client.add_to_folder("alice", "0", [chats[1_101].clone()]);
    assert_eq!(hidden.outcomes().await, [ChangeOutcome::Changed]);
    client.delete_folder("alice", "2").await;
    let room = client.add_to_folder("alice", "0", [chats[200].clone()]);
    assert_eq!(room.outcomes().await, [ChangeOutcome::Changed]);
}

async fn the_large_groups_of_a_user_count_as_they_are_shown(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", 1_000).await;
    let members: Vec<_> = (0..12).map(|number| format!("member {number}")).collect();
    let mut members: Vec<_> = members.iter().map(String::as_str).collect();
    members.push("alice");
    for name in ["crowd", "throng", "silent"] {
        client.join(name, &members).await;
    }
    for name in ["crowd", "throng"] {
        client.send("member 1", group(name), "hi").await;
    }
    full(&client, &chats).await;
    client
        .remove_from_folder("alice", "9", [chats[999].clone()])
        .await;
    // The members of large groups have no copy of the head. Nobody has seen anything of this one.
    let silent = client.add_to_folder("alice", "0", [group("silent")]);
    assert_eq!(silent.outcomes().await, [ChangeOutcome::Changed]);
    let crowd = client.add_to_folder("alice", "0", [group("crowd")]);
    assert_eq!(crowd.outcomes().await, [ChangeOutcome::Changed]);
    let throng = client.add_to_folder("alice", "0", [group("throng")]);
    limit_reached(throng.clone().result().await, REASON, "1000");
    client.delete("alice", [group("crowd")]).await;
    assert_eq!(throng.outcomes().await, [ChangeOutcome::Changed]);
    // A conversation that comes back with a message does so even where there is no room.
    client.send("member 1", group("crowd"), "hi").await;
    client.send("member 1", group("silent"), "hi").await;
    let shown = client.folders("alice").await;
    let shown: usize = shown
        .iter()
        .map(|folder| folder.conversation_ids.len())
        .sum();
    assert_eq!(shown, 1_002);
    let one = client.add_to_folder("alice", "1", [group("throng")]);
    limit_reached(one.result().await, REASON, "1000");
}

/// So that the answer has a bound when all of it comes back.
async fn folders_hold_ten_thousand_conversations_shown_or_not(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", 1_001).await;
    for (name, ids) in (1..=10)
        .map(|n| n.to_string())
        .zip(chats[..1_000].chunks(100).cycle())
    {
        client.create_folder("alice", &name, ids.to_vec()).await;
    }
    for ids in chats[..1_000].chunks(100) {
        client.delete("alice", ids.to_vec()).await;
    }
    for name in (1..=10).map(|number| number.to_string()) {
        for ids in chats[..1_000].chunks(100) {
            client.add_to_folder("alice", &name, ids.to_vec()).await;
        }
    }
    client.create_folder("alice", "11", []).await;
    let one = client.add_to_folder("alice", "11", [chats[1_000].clone()]);
    limit_reached(one.clone().result().await, REASON, "10000");
    client
        .remove_from_folder("alice", "1", [chats[0].clone()])
        .await;
    assert_eq!(one.outcomes().await, [ChangeOutcome::Changed]);
}
