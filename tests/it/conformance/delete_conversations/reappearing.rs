//! A newer message brings a deleted conversation back.

use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group, text},
    stage::Stage,
};

on_every_database!(
    after_a_clearing_deletion_the_history_starts_at_the_new_message,
    after_a_deletion_that_kept_the_history_all_of_it_is_there_again,
    both_sides_delete_and_either_writes_again,
    the_users_own_message_brings_it_back_without_anything_unread,
    a_group_comes_back_for_everybody_who_deleted_it,
);

async fn after_a_clearing_deletion_the_history_starts_at_the_new_message(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for words in ["one", "two", "three"] {
        client.send("bob", c2c("alice"), words).await;
    }
    client.delete("alice", [c2c("bob")]).await;
    assert_eq!(client.listed("alice").await, []);
    client.send("bob", c2c("alice"), "four").await;
    client.send("bob", c2c("alice"), "five").await;

    let entry = &client.list_all("alice").await[0];
    assert_eq!((entry.unread_count, entry.last_seq), (2, 5));
    let last = entry
        .last_message
        .as_ref()
        .expect("the newest message is visible");
    assert_eq!((last.seq, last.body.clone()), (5, Some(text("five"))));
    let seqs: Vec<_> = client
        .history("alice", c2c("bob"))
        .await
        .iter()
        .map(|m| m.seq)
        .collect();
    assert_eq!(seqs, [5, 4]);
}

async fn after_a_deletion_that_kept_the_history_all_of_it_is_there_again(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for words in ["one", "two", "three"] {
        client.send("bob", c2c("alice"), words).await;
    }
    client.delete("alice", [c2c("bob")]).clear(false).await;
    client.send("bob", c2c("alice"), "four").await;

    assert_eq!(client.list_all("alice").await[0].unread_count, 1);
    let seqs: Vec<_> = client
        .history("alice", c2c("bob"))
        .await
        .iter()
        .map(|m| m.seq)
        .collect();
    assert_eq!(seqs, [4, 3, 2, 1]);
}

async fn both_sides_delete_and_either_writes_again(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "one").await;
    client.send("alice", c2c("bob"), "two").await;
    client.delete("alice", [c2c("bob")]).await;
    client.delete("bob", [c2c("alice")]).await;
    assert_eq!(
        (client.listed("alice").await, client.listed("bob").await),
        (vec![], vec![])
    );

    for (round, (from, to)) in [(3, ("alice", "bob")), (4, ("bob", "alice"))] {
        let sent = client.send(from, c2c(to), "again").await;
        assert_eq!(sent.seq, round);
        let (mine, theirs) = (
            client.history(from, c2c(to)).await,
            client.history(to, c2c(from)).await,
        );
        assert_eq!(mine[0], sent);
        for history in [&mine, &theirs] {
            assert_eq!(
                history.iter().map(|m| m.seq).collect::<Vec<_>>().last(),
                Some(&3)
            );
        }
        assert_eq!(client.list_all(to).await[0].unread_count, 1);
        assert_eq!(client.list_all(from).await[0].unread_count, 0);
    }
}

async fn the_users_own_message_brings_it_back_without_anything_unread(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "one").await;
    client.delete("alice", [c2c("bob")]).await;
    let sent = client.send("alice", c2c("bob"), "two").await;
    let entry = &client.list_all("alice").await[0];
    assert_eq!(
        (entry.unread_count, entry.last_message.clone()),
        (0, Some(sent))
    );
}

async fn a_group_comes_back_for_everybody_who_deleted_it(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob", "carol"]).await;
    client.send("alice", group("crew"), "one").await;
    client.delete("bob", [group("crew")]).await;
    client.delete("carol", [group("crew")]).clear(false).await;
    client.send("alice", group("crew"), "two").await;
    for (user, readable) in [("bob", 1), ("carol", 2), ("alice", 2)] {
        assert_eq!(client.listed(user).await, [group("crew")], "{user}");
        assert_eq!(
            client.history(user, group("crew")).await.len(),
            readable,
            "{user}"
        );
    }
}
