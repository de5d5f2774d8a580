//! A member of a group sees the messages that are sent during the membership.

use conversation_service::proto::DeletionOutcome;

use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    ids::group,
    stage::Stage,
};

on_every_database!(
    joining_alone_lists_nothing,
    a_new_member_sees_only_what_comes_after_joining,
    a_member_who_left_keeps_what_they_saw_and_receives_nothing_new,
    a_member_who_left_can_still_delete_it,
    rejoining_starts_at_the_head_again,
    deleting_after_rejoining_is_not_undone_by_the_time_before,
    adding_and_removing_count_only_what_changed,
);

async fn seqs(client: &Client, user: &str) -> Vec<u64> {
    let history = client.history(user, group("crew")).await;
    history.iter().map(|message| message.seq).collect()
}

async fn joining_alone_lists_nothing(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    assert_eq!(client.listed("alice").await, []);
    assert_eq!(
        client.get("alice", [group("crew")]).await.missing,
        [group("crew")]
    );
    let outcomes = client.delete("alice", [group("crew")]).outcomes().await;
    assert_eq!(outcomes, [DeletionOutcome::NotFound]);
}

async fn a_new_member_sees_only_what_comes_after_joining(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice"]).await;
    client.send("alice", group("crew"), "one").await;
    client.join("crew", &["bob"]).await;
    assert_eq!(client.listed("bob").await, []);
    client.send("alice", group("crew"), "two").await;
    assert_eq!(client.list_all("bob").await[0].unread_count, 1);
    assert_eq!(seqs(&client, "bob").await, [2]);
    assert_eq!(seqs(&client, "alice").await, [2, 1]);
}

async fn a_member_who_left_keeps_what_they_saw_and_receives_nothing_new(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("alice", group("crew"), "one").await;
    client.send("alice", group("crew"), "two").await;
    client.leave("crew", &["bob"]).await;
    let before = client.list_all("bob").await;
    assert_eq!((before[0].unread_count, before[0].last_seq), (2, 2));
    client.send("alice", group("crew"), "three").await;
    assert_eq!(client.list_all("bob").await, before);
    assert_eq!(seqs(&client, "bob").await, [2, 1]);
}

async fn a_member_who_left_can_still_delete_it(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("alice", group("crew"), "one").await;
    client.leave("crew", &["bob"]).await;
    client.send("alice", group("crew"), "two").await;

    let deletion = client.delete("bob", [group("crew")]).await;
    let result = &deletion.results[0];
    assert_eq!(result.outcome(), DeletionOutcome::Deleted);
    assert_eq!((result.hidden_through, result.cleared_through), (1, 1));
    assert_eq!(client.listed("bob").await, []);
    assert_eq!(seqs(&client, "bob").await, Vec::<u64>::new());
    client.send("alice", group("crew"), "three").await;
    assert_eq!(client.listed("bob").await, []);
    let again = client.delete("bob", [group("crew")]).outcomes().await;
    assert_eq!(again, [DeletionOutcome::AlreadyDeleted]);
}

async fn rejoining_starts_at_the_head_again(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("alice", group("crew"), "one").await;
    client.leave("crew", &["bob"]).await;
    client.send("alice", group("crew"), "two").await;
    client.join("crew", &["bob"]).await;
    assert_eq!(client.listed("bob").await, []);
    assert_eq!(seqs(&client, "bob").await, Vec::<u64>::new());
    client.send("alice", group("crew"), "three").await;
    assert_eq!(client.list_all("bob").await[0].unread_count, 1);
    assert_eq!(seqs(&client, "bob").await, [3]);
}

async fn deleting_after_rejoining_is_not_undone_by_the_time_before(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("alice", group("crew"), "one").await;
    client.leave("crew", &["bob"]).await;
    client.join("crew", &["bob"]).await;
    // It was in the list once, so it is not unknown.
    let outcomes = client.delete("bob", [group("crew")]).outcomes().await;
    assert_eq!(outcomes, [DeletionOutcome::AlreadyDeleted]);
    client.send("alice", group("crew"), "two").await;
    let outcomes = client
        .delete("bob", [group("crew")])
        .clear(false)
        .outcomes()
        .await;
    assert_eq!(outcomes, [DeletionOutcome::Deleted]);
    assert_eq!(seqs(&client, "bob").await, [2]);
    assert_eq!(client.listed("bob").await, []);
}

async fn adding_and_removing_count_only_what_changed(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    assert_eq!(client.leave("crew", &["alice"]).await, 0);
    assert_eq!(client.join("crew", &["alice", "bob"]).await, 2);
    assert_eq!(client.join("crew", &["bob", "carol"]).await, 1);
    assert_eq!(client.leave("crew", &["alice", "stranger"]).await, 1);
    assert_eq!(client.leave("crew", &["alice"]).await, 0);
    assert_eq!(client.join("crew", &["alice"]).await, 1);
    client.send("bob", group("crew"), "hi").await;
    assert_eq!(client.join("crew", &["bob", "alice", "carol"]).await, 0);
    assert_eq!(seqs(&client, "carol").await, [1], "a member is left as is");
}
