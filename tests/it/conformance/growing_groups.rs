//! Groups that grow from eight members to nine while users join and leave.

use super::{
    get_unread_count::assert_unread,
    large_groups::{found, members, names, say, sight},
};
use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    stage::Stage,
};

on_every_database!(
    a_group_that_grows_beyond_eight_looks_the_same_to_everybody,
    users_who_join_and_leave_while_a_group_grows_see_only_their_messages,
);

async fn a_group_that_grows_beyond_eight_looks_the_same_to_everybody(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    found(&client, "crew", 7).await;
    for _ in 0..3 {
        say(&client, &clock, "crew").await;
    }
    client.send("member 2", c2c("alice"), "hi").await;
    client
        .read("alice", [group("crew")])
        .seen(group("crew"), 1)
        .await;
    client.delete("member 3", [group("crew")]).await;
    client.clear_history("member 4", [group("crew")]).await;
    client.pin("member 5", [group("crew")]).await;
    client.leave("crew", &["member 6"]).await;
    client.join("crew", &["member 8"]).await;
    say(&client, &clock, "crew").await;
    client
        .delete("member 7", [group("crew")])
        .clear(false)
        .await;

    let mut users = members(8);
    users.push("alice".to_owned());
    let mut before = Vec::new();
    for user in &users {
        before.push(sight(&client, user).await);
    }
    // Eight are in it: one more, and it is large.
    assert_eq!(client.join("crew", &["member 9"]).await, 1);
    for (user, before) in users.iter().zip(&before) {
        assert_eq!(sight(&client, user).await, *before, "{user}");
    }
    assert_eq!(sight(&client, "member 9").await, (vec![], 0, vec![]));

    say(&client, &clock, "crew").await;
    for (user, readable) in [
        ("alice", vec![5, 4, 3, 2, 1]),
        ("member 3", vec![5, 4]),
        ("member 4", vec![5, 4]),
        ("member 6", vec![3, 2, 1]),
        ("member 7", vec![5, 4, 3, 2, 1]),
        ("member 8", vec![5, 4]),
        ("member 9", vec![5]),
    ] {
        let (list, _, history) = sight(&client, user).await;
        assert_eq!(history, readable, "{user}");
        let entry = list
            .iter()
            .find(|entry| entry.conversation_id == Some(group("crew")));
        let entry = entry.unwrap_or_else(|| panic!("{user} has it in the list"));
        assert_eq!(entry.last_seq, readable[0], "{user}");
    }
    assert_unread(&client, "alice", 5).await;
    assert_unread(&client, "member 7", 1).await;
    assert_unread(&client, "member 9", 1).await;
    assert!(client.entry("member 5", group("crew")).await.pinned);
    // It stays right when it shrinks again.
    let leaving = members(7);
    client.leave("crew", &names(&leaving[1..])).await;
    say(&client, &clock, "crew").await;
    assert_unread(&client, "alice", 6).await;
    assert_unread(&client, "member 7", 1).await;
    assert_eq!(client.entry("alice", group("crew")).await.last_seq, 6);
}

async fn users_who_join_and_leave_while_a_group_grows_see_only_their_messages(
    database: TestDatabase,
) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    found(&client, "crew", 7).await;
    say(&client, &clock, "crew").await;
    // Out with one, in with two: eight stay, and the ninth makes it large.
    client.leave("crew", &["alice", "member 2"]).await;
    client.join("crew", &["member 8", "member 9"]).await;
    say(&client, &clock, "crew").await;
    assert_unread(&client, "alice", 1).await;
    assert_unread(&client, "member 9", 1).await;
    assert_eq!(client.join("crew", &["alice", "member 9"]).await, 1);
    assert_eq!(client.listed("alice").await, [], "she begins anew");
    assert_unread(&client, "alice", 0).await;
    assert_unread(&client, "member 2", 1).await;
    assert_unread(&client, "member 9", 1).await;
    say(&client, &clock, "crew").await;
    assert_unread(&client, "alice", 1).await;
    assert_unread(&client, "member 2", 1).await;
    assert_unread(&client, "member 9", 2).await;
    // And again, now that it is large.
    client.leave("crew", &["alice"]).await;
    say(&client, &clock, "crew").await;
    assert_eq!(client.entry("alice", group("crew")).await.last_seq, 3);
    client.join("crew", &["alice", "member 2"]).await;
    assert_eq!(client.listed("alice").await, []);
    say(&client, &clock, "crew").await;
    let entry = client.entry("alice", group("crew")).await;
    assert_eq!((entry.last_seq, entry.unread_count), (5, 1));
    assert_unread(&client, "member 2", 1).await;
    assert_unread(&client, "member 9", 4).await;
}
