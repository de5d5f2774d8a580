//! Deleting changes the calling user's view and nobody else's.

use conversation_service::proto::{Conversation, ConversationId, Message};

use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group, system},
    stage::Stage,
};

on_every_database!(
    the_other_side_of_a_chat_keeps_everything,
    the_other_members_of_a_group_keep_everything,
    the_system_messages_of_other_users_stay,
    one_users_deletions_do_not_raise_the_revision_of_another,
);

/// A user's list and one history, which holds all that the user can see.
async fn view(
    client: &Client,
    user: &str,
    conversation: ConversationId,
) -> (Vec<Conversation>, Vec<Message>) {
    let list = client.list_all(user).await;
    (list, client.history(user, conversation).await)
}

async fn the_other_side_of_a_chat_keeps_everything(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("alice", c2c("bob"), "one").await;
    client.send("bob", c2c("alice"), "two").await;
    client.send("alice", c2c("bob"), "three").await;
    let before = view(&client, "bob", c2c("alice")).await;
    assert_eq!(before.0[0].unread_count, 1);

    for clear in [false, true] {
        client.delete("alice", [c2c("bob")]).clear(clear).await;
        assert_eq!(view(&client, "bob", c2c("alice")).await, before);
    }
}

async fn the_other_members_of_a_group_keep_everything(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob", "carol"]).await;
    for words in ["one", "two", "three"] {
        client.send("alice", group("crew"), words).await;
    }
    let bob = view(&client, "bob", group("crew")).await;
    let alice = view(&client, "alice", group("crew")).await;
    assert_eq!(bob.0[0].unread_count, 3);

    client.delete("carol", [group("crew")]).await;
    assert_eq!(view(&client, "bob", group("crew")).await, bob);
    assert_eq!(view(&client, "alice", group("crew")).await, alice);
}

async fn the_system_messages_of_other_users_stay(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client
        .send_system(&["alice", "bob"], "maintenance tonight")
        .await;
    let before = view(&client, "bob", system()).await;
    client.delete("alice", [system()]).await;
    assert_eq!(view(&client, "bob", system()).await, before);
    assert_eq!(view(&client, "alice", system()).await, (vec![], vec![]));
}

async fn one_users_deletions_do_not_raise_the_revision_of_another(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("alice", c2c("bob"), "hi").await;
    for expected in 1..=3 {
        let deletion = client.delete("alice", [c2c("bob")]).await;
        assert_eq!(deletion.revision, expected);
    }
    let bob = client.list_in_pages("bob", None, 10).await;
    assert_eq!(bob.expect("the list can be read").revision, 0);
    assert_eq!(client.delete("bob", [c2c("alice")]).await.revision, 1);
}
