//! Mute, marks and the product's own data alike: a deletion leaves them alone, and they list nothing.

use conversation_service::proto::ChangeOutcome;

use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group, system},
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    settings_made_while_deleted_apply_when_it_reappears,
    a_setting_makes_nothing_appear_and_is_not_kept_for_strangers,
    settings_are_the_users_own,
);

const CHANGED: ChangeOutcome = ChangeOutcome::Changed;
const NOT_FOUND: ChangeOutcome = ChangeOutcome::NotFound;

async fn settings_made_while_deleted_apply_when_it_reappears(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for clear in [true, false] {
        client.send("bob", c2c("alice"), "hi").await;
        client.delete("alice", [c2c("bob")]).clear(clear).await;
        let muted = client.mute("alice", [c2c("bob")]).outcomes().await;
        let marked = client.mark("alice", [c2c("bob")], 4, 0).outcomes().await;
        let set = client.set_data("alice", [c2c("bob")], b"mine".to_vec());
        for outcomes in [muted, marked, set.outcomes().await] {
            assert_eq!(outcomes, [CHANGED], "deleted or not");
        }
        assert_eq!(client.listed("alice").await, []);
        let found = client.get("alice", [c2c("bob")]).await;
        assert_eq!(found.missing, [c2c("bob")]);

        client.send("bob", c2c("alice"), "again").await;
        let entry = client.entry("alice", c2c("bob")).await;
        assert!(entry.muted && !entry.pinned);
        assert_eq!((entry.marks, entry.custom_data), (4, b"mine".to_vec()));
        client.unmute("alice", [c2c("bob")]).await;
        client.mark("alice", [c2c("bob")], 0, 4).await;
        client.set_data("alice", [c2c("bob")], vec![]).await;
    }
}

async fn a_setting_makes_nothing_appear_and_is_not_kept_for_strangers(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    // A new member has the group, though nothing of it can be seen yet.
    client.join("crew", &["alice", "bob"]).await;
    let ids = [group("crew"), c2c("stranger"), system()];
    let expected = [CHANGED, NOT_FOUND, NOT_FOUND];
    let muted = client.mute("alice", ids.clone()).outcomes().await;
    let marked = client.mark("alice", ids.clone(), 1, 0).outcomes().await;
    let set = client.set_data("alice", ids.clone(), b"x".to_vec());
    for outcomes in [muted, marked, set.outcomes().await] {
        assert_eq!(outcomes, expected);
    }
    assert_eq!(client.listed("alice").await, []);
    let rows = Rows::of(&database).await;
    let rows = rows.number("SELECT count(*) FROM members WHERE user_id = 'alice'");
    assert_eq!(rows.await, 1, "only the group has a row");

    client.send("bob", group("crew"), "hi").await;
    client.send("stranger", c2c("alice"), "hi").await;
    client.send_system(&["alice"], "news").await;
    let found = client.get("alice", ids).await.conversations;
    let seen: Vec<_> = found
        .iter()
        .map(|entry| (entry.muted, entry.marks, entry.custom_data.len()))
        .collect();
    assert_eq!(seen, [(true, 1, 1), (false, 0, 0), (false, 0, 0)]);
}

async fn settings_are_the_users_own(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob", "carol"]).await;
    client.send("bob", group("crew"), "hi").await;
    client.send("bob", c2c("alice"), "hi").await;
    let of_bob = client.list_all("bob").await;
    let of_carol = client.list_all("carol").await;
    let ids = [group("crew"), c2c("bob")];
    client.mute("alice", ids.clone()).await;
    client.mark("alice", ids.clone(), 1, 0).await;
    client.set_data("alice", ids.clone(), b"x".to_vec()).await;
    client.pin("alice", ids.clone()).await;
    client.create_folder("alice", "mine", ids).await;
    assert_eq!(client.list_all("bob").await, of_bob);
    assert_eq!(client.list_all("carol").await, of_carol);
    assert_eq!(client.folders("bob").await, []);
    assert_eq!(client.revision("bob").await, 1, "that of joining");
}
