//! What deleting hides, and what it leaves as it is.

use conversation_service::proto::{ConversationType, ListFilter};

use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    a_deleted_conversation_leaves_every_list_and_filter,
    a_deleted_conversation_is_missing_when_looked_up,
    a_deleted_conversation_is_unpinned_and_keeps_the_users_settings,
    settings_alone_do_not_make_it_reappear,
);

async fn a_deleted_conversation_leaves_every_list_and_filter(database: TestDatabase) {
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("carol", c2c("alice"), "hi").await;
    let rows = Rows::of(&database).await;
    rows.run("UPDATE members SET marks = 1 WHERE user_id = 'alice'")
        .await;
    let filters = [
        None,
        Some(ListFilter {
            types: vec![ConversationType::C2c.into()],
            ..ListFilter::default()
        }),
        Some(ListFilter {
            unread_only: true,
            ..ListFilter::default()
        }),
        Some(ListFilter {
            mark: 1,
            ..ListFilter::default()
        }),
    ];
    for (left, step) in [(2, 0), (1, 1)] {
        if step == 1 {
            client.delete("alice", [c2c("bob")]).clear(false).await;
        }
        for filter in filters.clone() {
            let listing = client.list_in_pages("alice", filter.clone(), 50).await;
            let listing = listing.expect("the list can be read");
            assert_eq!(listing.conversations.len(), left, "{filter:?}");
        }
    }
}

async fn a_deleted_conversation_is_missing_when_looked_up(database: TestDatabase) {
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("carol", c2c("alice"), "hi").await;
    client.delete("alice", [c2c("bob")]).await;

    let ids = [c2c("nobody"), c2c("carol"), c2c("bob")];
    let found = client.get("alice", ids).await;
    let carol = found.conversations[0].conversation_id.clone();
    assert_eq!((found.conversations.len(), carol), (1, Some(c2c("carol"))));
    assert_eq!(found.missing, [c2c("nobody"), c2c("bob")]);
}

async fn a_deleted_conversation_is_unpinned_and_keeps_the_users_settings(database: TestDatabase) {
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "hi").await;
    // There is no RPC yet that sets these.
    let rows = Rows::of(&database).await;
    rows.run(
        "UPDATE members SET pinned_at = 1, muted = 1, marks = 12, custom_data = content \
         FROM messages WHERE user_id = 'alice'",
    )
    .await;
    let before = &client.list_all("alice").await[0];
    assert!(before.pinned && before.muted);

    client.delete("alice", [group("crew")]).await;
    client.send("bob", group("crew"), "there").await;
    let after = &client.list_all("alice").await[0];
    assert!(!after.pinned, "deleting unpins");
    assert!(after.muted);
    assert_eq!(
        (after.marks, after.custom_data.as_slice()),
        (12, b"hi".as_slice())
    );
}

async fn settings_alone_do_not_make_it_reappear(database: TestDatabase) {
    let Stage {
        client,
        server: _server,
        ..
    } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.delete("alice", [c2c("bob")]).await;
    let rows = Rows::of(&database).await;
    rows.run("UPDATE members SET pinned_at = 2, muted = 1, marks = 1 WHERE user_id = 'alice'")
        .await;
    assert_eq!(client.listed("alice").await, []);
}
