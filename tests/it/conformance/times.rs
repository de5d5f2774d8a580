//! Times never run backward within a conversation, even when the clock does.

use crate::support::{
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group, system},
    server::config,
    stage::{Assembled, at, clock_at},
};

on_every_database!(
    send_times_never_decrease_when_the_clock_is_turned_back,
    a_clock_that_is_turned_back_loses_no_deletion_and_no_message,
);

async fn send_times_never_decrease_when_the_clock_is_turned_back(database: TestDatabase) {
    let hands = clock_at(1_700_000_000);
    let server = Assembled::with_clock(&config(&database), hands.clock()).await;
    let client = server.client().await;
    client.join("crew", &["alice", "bob"]).await;
    let conversations = [
        ("bob", c2c("alice"), c2c("bob")),
        ("bob", group("crew"), group("crew")),
    ];
    for seconds in [
        1_700_000_010,
        1_600_000_000,
        1_700_000_005,
        1_700_000_020,
        0,
    ] {
        hands.set(at(seconds));
        for (sender, there, _) in &conversations {
            client.send(sender, there.clone(), "hi").await;
        }
        client.send_system(&["alice"], "hi").await;
    }
    let here = conversations
        .into_iter()
        .map(|(.., here)| here)
        .chain([system()]);
    for id in here {
        let history = client.history("alice", id.clone()).await;
        let times: Vec<_> = history
            .iter()
            .rev()
            .map(|message| message.send_time.expect("a message has a time").seconds)
            .collect();
        let ten = 1_700_000_010;
        assert_eq!(times, [ten, ten, ten, ten + 10, ten + 10], "{id:?}");
        let entry = client.get("alice", [id]).await.conversations.remove(0);
        assert_eq!(entry.update_time.map(|time| time.seconds), Some(ten + 10));
    }
}

async fn a_clock_that_is_turned_back_loses_no_deletion_and_no_message(database: TestDatabase) {
    let hands = clock_at(1_700_000_000);
    let server = Assembled::with_clock(&config(&database), hands.clock()).await;
    let client = server.client().await;
    client.send("bob", c2c("alice"), "one").await;
    hands.set(at(1_000_000_000));
    client.delete("alice", [c2c("bob")]).await;
    assert_eq!(client.listed("alice").await, []);
    hands.set(at(900_000_000));
    let sent = client.send("bob", c2c("alice"), "two").await;
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
    assert_eq!(client.history("alice", c2c("bob")).await[0].seq, sent.seq);
}
