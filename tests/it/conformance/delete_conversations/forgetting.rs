//! A deletion takes the settings, too, if it is asked to, and its undo puts them back.

use conversation_service::proto::{
    Conversation, ConversationSettings, DeletionOutcome, Reappearance, RestorationOutcome,
    change::Kind,
};

use crate::support::{
    client::{Client, Deletion},
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    settings_go_with_a_deletion_that_forgets_and_stay_with_any_other,
    settings_of_deleted_conversations_are_forgotten_and_of_kept_ones_not,
    undoing_puts_settings_back_where_they_were,
    settings_made_since_stay,
    a_folder_that_was_removed_since_is_not_made_again,
    forgetting_alone_lies_on_the_stack_and_a_repetition_does_not,
    undoing_twice_changes_nothing_more,
    a_retry_is_answered_alike_and_takes_nothing_more,
    events_say_what_was_forgotten_and_what_is_back,
    undo_may_exceed_the_limit_of_folders_and_then_only_adding_is_refused,
);

fn forget(client: &Client, friend: &str) -> Deletion {
    let deletion = client.delete("alice", [c2c(friend)]).clear(false);
    deletion.with(|request| request.forget_settings = true)
}

/// Alice's chats with bob and carol have all settings that there are.
async fn furnish(client: &Client) {
    let both = || ["bob", "carol"].map(c2c);
    for friend in ["bob", "carol"] {
        client.send(friend, c2c("alice"), "hi").await;
    }
    client.mute("alice", both()).await;
    client.mark("alice", both(), 1 << 63 | 5, 0).await;
    client.set_data("alice", both(), b"\0data".to_vec()).await;
    client.create_folder("alice", "work", both()).await;
    client.create_folder("alice", "rest", both()).await;
}

async fn entry(client: &Client, friend: &str) -> Conversation {
    client.entry("alice", c2c(friend)).await
}

fn has_none(entry: &Conversation) -> bool {
    let Conversation {
        muted,
        marks,
        custom_data,
        folders,
        ..
    } = entry;
    !muted && *marks == 0 && custom_data.is_empty() && folders.is_empty()
}

async fn settings_go_with_a_deletion_that_forgets_and_stay_with_any_other(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    furnish(&client).await;
    let before = entry(&client, "carol").await;
    forget(&client, "bob").await;
    client.delete("alice", [c2c("carol")]).await;
    for friend in ["bob", "carol"] {
        client.send(friend, c2c("alice"), "again").await;
    }
    assert!(has_none(&entry(&client, "bob").await));
    let after = entry(&client, "carol").await;
    assert_eq!(
        (after.muted, after.marks, after.custom_data, after.folders),
        (
            before.muted,
            before.marks,
            before.custom_data,
            before.folders
        )
    );
    let folders = client.list_folders("alice").await.folders;
    assert!(
        folders
            .iter()
            .all(|folder| folder.conversation_ids == [c2c("carol")])
    );
    Rows::of(&database).await.assert_whole().await;
}

async fn settings_of_deleted_conversations_are_forgotten_and_of_kept_ones_not(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    furnish(&client).await;
    client.delete("alice", [c2c("bob")]).await;
    let already = [DeletionOutcome::AlreadyDeleted];
    assert_eq!(forget(&client, "bob").outcomes().await, already);
    client.send("bob", c2c("alice"), "again").await;
    assert!(has_none(&entry(&client, "bob").await));

    client.send("carol", c2c("alice"), "two").await;
    let before = entry(&client, "carol").await;
    let kept = forget(&client, "carol").seen(c2c("carol"), 1);
    let kept = kept.reappearing(Reappearance::Never).outcomes().await;
    assert_eq!(kept, [DeletionOutcome::NewerMessagesKept]);
    let after = entry(&client, "carol").await;
    assert_eq!((after.marks, after.folders), (before.marks, before.folders));

    client.join("crew", &["alice", "bob"]).await;
    client.mute("alice", [group("crew")]).await;
    let never_had = client.delete("alice", [group("crew")]);
    let never_had = never_had.with(|request| request.forget_settings = true);
    assert_eq!(never_had.outcomes().await, [DeletionOutcome::NotFound]);
    client.send("bob", group("crew"), "one").await;
    assert!(client.entry("alice", group("crew")).await.muted);
}

async fn undoing_puts_settings_back_where_they_were(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    furnish(&client).await;
    client.send("dora", c2c("alice"), "hi").await;
    client.add_to_folder("alice", "work", [c2c("dora")]).await;
    client.pin("alice", [c2c("bob")]).await;
    let before = (
        client.list_all("alice").await,
        client.folders("alice").await,
    );
    let deletion = forget(&client, "bob")
        .reappearing(Reappearance::Never)
        .await;
    client.rename_folder("alice", "rest", "play").await;
    client.rename_folder("alice", "play", "rest").await;
    client.restored("alice", &deletion.deletion_id).await;
    let after = (
        client.list_all("alice").await,
        client.folders("alice").await,
    );
    assert_eq!(after, before);
    Rows::of(&database).await.assert_whole().await;
}

async fn settings_made_since_stay(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    furnish(&client).await;
    let deletion = forget(&client, "bob").await;
    client.mark("alice", [c2c("bob")], 2, 0).await;
    client
        .set_data("alice", [c2c("bob")], b"new".to_vec())
        .await;
    client.create_folder("alice", "new", [c2c("bob")]).await;
    client.restored("alice", &deletion.deletion_id).await;
    let entry = entry(&client, "bob").await;
    assert_eq!((entry.muted, entry.marks), (true, 1 << 63 | 7));
    assert_eq!(entry.custom_data, b"new");
    assert_eq!(entry.folders, ["work", "rest", "new"]);
}

async fn a_folder_that_was_removed_since_is_not_made_again(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    furnish(&client).await;
    let deletion = forget(&client, "bob").await;
    client.delete_folder("alice", "work").await;
    client.create_folder("alice", "work", []).await;
    client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(entry(&client, "bob").await.folders, ["rest"]);
}

async fn forgetting_alone_lies_on_the_stack_and_a_repetition_does_not(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    furnish(&client).await;
    let before = client.list_all("alice").await;
    let first = client.delete("alice", [c2c("bob")]).clear(false).await;
    let second = forget(&client, "bob").await;
    let again = forget(&client, "bob").await;
    let undone = async |id: &str| client.restored("alice", id).await[0];
    assert_eq!(
        undone(&again.deletion_id).await,
        RestorationOutcome::NothingTaken
    );
    assert_eq!(
        undone(&first.deletion_id).await,
        RestorationOutcome::Superseded
    );
    assert_eq!(
        undone(&second.deletion_id).await,
        RestorationOutcome::Restored
    );
    assert_eq!(
        undone(&first.deletion_id).await,
        RestorationOutcome::Restored
    );
    assert_eq!(client.list_all("alice").await, before);
    // A folder is something to take.
    let clean = forget(&client, "bob").await;
    client.add_to_folder("alice", "work", [c2c("bob")]).await;
    let filed = forget(&client, "bob").await;
    assert_eq!(
        undone(&filed.deletion_id).await,
        RestorationOutcome::Restored
    );
    assert_eq!(
        undone(&clean.deletion_id).await,
        RestorationOutcome::Restored
    );
    assert_eq!(entry(&client, "bob").await.folders, ["work", "rest"]);
}

async fn undoing_twice_changes_nothing_more(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    furnish(&client).await;
    let deletion = forget(&client, "bob").await;
    client.restored("alice", &deletion.deletion_id).await;
    client.unmute("alice", [c2c("bob")]).await;
    client.mark("alice", [c2c("bob")], 0, 5).await;
    client
        .remove_from_folder("alice", "work", [c2c("bob")])
        .await;
    let before = client.list_all("alice").await;
    let outcomes = client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(outcomes, [RestorationOutcome::Restored]);
    assert_eq!(client.list_all("alice").await, before);
}

async fn a_retry_is_answered_alike_and_takes_nothing_more(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    furnish(&client).await;
    let name = "0194f3a2-7c1e-7b7a-8d6e-000000000001";
    let first = forget(&client, "bob").request_id(name).await;
    client.send("bob", c2c("alice"), "again").await;
    client.mark("alice", [c2c("bob")], 2, 0).await;
    assert_eq!(forget(&client, "bob").request_id(name).await, first);
    assert_eq!(entry(&client, "bob").await.marks, 2);
    let name = "0194f3a2-7c1e-7b7a-8d6e-000000000002";
    let undo = async || client.restore("alice", &first.deletion_id, name).await;
    let undone = undo().await.expect("it can be undone");
    client.unmute("alice", [c2c("bob")]).await;
    assert_eq!(undo().await.expect("it is the same request"), undone);
    assert!(!entry(&client, "bob").await.muted);
}

async fn events_say_what_was_forgotten_and_what_is_back(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    furnish(&client).await;
    client.send("carol", c2c("alice"), "two").await;
    let mut tablet = client.follow("alice", "tablet", None).await;
    let deletion = client.delete("alice", ["bob", "carol"].map(c2c));
    let deletion = deletion.seen(c2c("carol"), 1).sync(true).clear(false);
    let deletion = deletion.reappearing(Reappearance::Never);
    let deletion = deletion
        .with(|request| request.forget_settings = true)
        .await;
    let kind = tablet.change().await.change.and_then(|change| change.kind);
    let Some(Kind::ConversationsDeleted(told)) = kind else {
        panic!("it is told of {kind:?}");
    };
    assert!(told.forgot_settings);
    assert_eq!(told.reappearance(), Reappearance::Never);
    let each: Vec<_> = told
        .conversations
        .iter()
        .map(|one| (one.settings_forgotten, one.reappearance()))
        .collect();
    let kept = (false, Reappearance::OnMessage);
    assert_eq!(each, [(true, Reappearance::Never), kept]);

    client.restored("alice", &deletion.deletion_id).await;
    let kind = tablet.change().await.change.and_then(|change| change.kind);
    let Some(Kind::ConversationsRestored(told)) = kind else {
        panic!("it is told of {kind:?}");
    };
    let rules: Vec<_> = told
        .conversations
        .iter()
        .map(conversation_service::proto::ConversationWatermarks::reappearance)
        .collect();
    assert_eq!(rules, [Reappearance::OnMessage; 2]);
    let expected = ConversationSettings {
        conversation_id: Some(c2c("bob")),
        muted: true,
        marks: 1 << 63 | 5,
        custom_data: b"\0data".to_vec(),
        folders: vec!["work".to_owned(), "rest".to_owned()],
    };
    assert_eq!(told.settings, [expected]);
}

async fn undo_may_exceed_the_limit_of_folders_and_then_only_adding_is_refused(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    let friends: Vec<_> = (0..101).map(|number| format!("friend {number}")).collect();
    for friend in &friends {
        client.send(friend, c2c("alice"), "hi").await;
    }
    let hundred: Vec<_> = friends[..100].iter().map(|friend| c2c_of(friend)).collect();
    for number in 0..10 {
        let name = format!("folder {number}");
        client.create_folder("alice", &name, hundred.clone()).await;
    }
    let deletion = client.delete("alice", hundred[..50].to_vec());
    let deletion = deletion
        .with(|request| request.forget_settings = true)
        .await;
    let last = c2c_of(&friends[100]);
    client
        .create_folder("alice", "one more", [last.clone()])
        .await;
    client.restored("alice", &deletion.deletion_id).await;
    let shown = client.folders("alice").await;
    let shown: usize = shown
        .iter()
        .map(|folder| folder.conversation_ids.len())
        .sum();
    assert_eq!(shown, 1001);
    let refused = client.add_to_folder("alice", "folder 0", [last.clone()]);
    refused.result().await.expect_err("there are too many");
    client.remove_from_folder("alice", "one more", [last]).await;
    client.rename_folder("alice", "folder 0", "folder").await;
}

fn c2c_of(friend: &str) -> conversation_service::proto::ConversationId {
    c2c(friend)
}
