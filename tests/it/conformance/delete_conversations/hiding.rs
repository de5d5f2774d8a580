//! A deletion hides a conversation everywhere, and leaves the user's settings as they are.

use conversation_service::proto::{ChangeOutcome, ConversationType};

use crate::support::{
    client::{Client, folder, in_folder, marked, of_types, unread},
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    stage::Stage,
};

on_every_database!(
    a_deleted_conversation_leaves_every_list_filter_folder_and_total,
    a_deleted_conversation_is_unpinned_and_keeps_the_users_settings,
    undoing_brings_back_an_entry_with_all_its_settings,
    settings_alone_do_not_make_it_reappear,
);

/// Sets all that can be set on alice's group.
async fn set_everything(client: &Client) {
    let crew = || [group("crew")];
    client.pin("alice", crew()).await;
    client.mute("alice", crew()).await;
    client.mark("alice", crew(), 12, 0).await;
    client.set_data("alice", crew(), b"mine".to_vec()).await;
    client.create_folder("alice", "work", crew()).await;
}

async fn a_deleted_conversation_leaves_every_list_filter_folder_and_total(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let both = [c2c("bob"), c2c("carol")];
    for sender in ["bob", "carol"] {
        client.send(sender, c2c("alice"), "hi").await;
    }
    client.mark("alice", both.clone(), 1, 0).await;
    client.create_folder("alice", "work", both.clone()).await;
    client.pin("alice", both.clone()).await;
    let filters = [
        None,
        Some(of_types(&[ConversationType::C2c])),
        Some(unread()),
        Some(marked(1)),
        Some(in_folder("work")),
    ];
    for left in [&both[..], &both[1..]] {
        if left.len() == 1 {
            client.delete("alice", [c2c("bob")]).clear(false).await;
        }
        for filter in filters.clone() {
            let mut listed = client.listed_in_pages("alice", filter.clone(), 50).await;
            listed.sort_by_key(|id| format!("{id:?}"));
            assert_eq!(listed, left, "{filter:?}");
            let count = client.unread_with("alice", filter.clone()).await;
            assert_eq!(count, left.len() as u64, "{filter:?}");
        }
        let work = folder("work", left.to_vec());
        assert_eq!(client.folders("alice").await, [work]);
    }
    let read = client.read_all("alice").outcomes().await;
    assert_eq!(read, [ChangeOutcome::Changed], "only carol's was unread");
}

async fn a_deleted_conversation_is_unpinned_and_keeps_the_users_settings(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "hi").await;
    set_everything(&client).await;
    let before = client.entry("alice", group("crew")).await;
    assert!(before.pinned && before.muted);

    for clear in [true, false] {
        client.delete("alice", [group("crew")]).clear(clear).await;
        client.send("bob", group("crew"), "there").await;
        let after = client.entry("alice", group("crew")).await;
        assert!(!after.pinned, "deleting unpins");
        assert!(after.muted);
        assert_eq!(
            (after.marks, after.custom_data.as_slice()),
            (12, b"mine".as_slice())
        );
        assert_eq!(after.folders, ["work"]);
    }
}

async fn undoing_brings_back_an_entry_with_all_its_settings(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "hi").await;
    set_everything(&client).await;
    let before = client.list_all("alice").await;
    let deletion = client.delete("alice", [group("crew")]).await;
    assert_eq!(client.listed("alice").await, []);
    client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(client.list_all("alice").await, before);
}

async fn settings_alone_do_not_make_it_reappear(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "hi").await;
    client.delete("alice", [group("crew")]).await;
    set_everything(&client).await;
    assert_eq!(client.listed("alice").await, []);
    let found = client.get("alice", [group("crew")]).await;
    assert_eq!(found.missing, [group("crew")]);
    for filter in [marked(4), in_folder("work")] {
        assert_eq!(client.listed_with("alice", filter).await, []);
    }
    assert_eq!(client.folders("alice").await, [folder("work", [])]);
    assert_eq!(client.unread("alice").await, 0);
}
