//! The limits of folders: reached exactly, and refused beyond without a trace.

use std::fmt::Debug;

use conversation_service::proto::ChangeOutcome;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::c2c,
    seed,
    stage::Stage,
};

on_every_database!(
    a_user_has_at_most_twenty_folders,
    folders_hold_a_thousand_conversations_counting_each_time_one_is_in,
);

fn limit_reached<T: Debug>(result: Result<T, Status>, reason: &str, limit: &str) {
    let status = refused(result, Code::FailedPrecondition, reason);
    let details = status.get_error_details();
    let metadata = &details.error_info().expect("it was there").metadata;
    assert_eq!(metadata.get("limit").map(String::as_str), Some(limit));
}

async fn a_user_has_at_most_twenty_folders(database: TestDatabase) {
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
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

    // What makes no folder goes on, and deleting one makes room.
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
    const REASON: &str = "FOLDER_CONVERSATION_LIMIT_REACHED";
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
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
    // Deleted at present, and in nonetheless.
    client.delete("alice", chats[..50].to_vec()).await;
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

    // What is in already, or unknown, takes no place.
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
    // Deleting a folder makes room for all that was in it; deleting conversations makes none.
    client.delete("alice", chats[100..150].to_vec()).await;
    limit_reached(other.clone().result().await, REASON, "1000");
    client.delete_folder("alice", "9").await;
    other.await;
    client
        .add_to_folder("alice", "empty", chats[..98].to_vec())
        .await;
}
