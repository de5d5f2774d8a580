//! Nothing is left of erased messages, in the files of SQLite or in the rows of PostgreSQL.

use std::{collections::BTreeSet, time::Duration};

use crate::support::{
    clock::TestClock,
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    process::Process,
    rounds::Rounds,
    stored::{Stored, marked, markers},
};

/// Of each size and kind, so that pages are split, filled and merged in many ways.
const MESSAGES: u32 = 600;

async fn no_trace_of_an_erased_text_is_left_while_the_server_runs(database: TestDatabase) {
    // The real program, at work during the round, without undo: what is cleared is due at once.
    let process = Process::start_with(&database, &["--restore-window", "0s"]).await;
    let client = process.client().await;
    client.join("g", &["alice", "bob"]).await;
    let chats = [c2c("bob"), c2c("alice"), group("g"), c2c("carol")];
    let sending = (0..MESSAGES).map(|number| {
        let chat = chats[number as usize % chats.len()].clone();
        let client = client.clone();
        // Some fill pages of their own.
        let length = [20, 300, 1_200, 11_000][number as usize / 7 % 4];
        async move {
            client.send("alice", chat, &marked(number, length)).await;
        }
    });
    concurrently(sending).await;
    let stored = Stored::open(&database).await;
    let all: BTreeSet<u32> = (0..MESSAGES).collect();
    assert_eq!(
        markers(&stored.everything().await),
        all,
        "the search finds them"
    );

    // The notes to oneself go, and what both have cleared; bob keeps the group, carol her chat.
    client.clear_history("alice", chats.clone()).await;
    client.delete("bob", [c2c("alice")]).await;
    let clock = TestClock::new();
    clock.advance(Duration::from_hours(24 * 3650));
    let rounds = Rounds::on(&database, &clock, Duration::from_hours(24 * 36500)).await;
    assert_eq!(rounds.run().await.messages, u64::from(MESSAGES) / 2);
    let left = all.iter().copied().filter(|number| number % 4 >= 2);
    assert_eq!(markers(&stored.everything().await), left.collect());

    client.delete("bob", [group("g")]).await;
    client.delete("carol", [c2c("alice")]).await;
    assert_eq!(rounds.run().await.messages, u64::from(MESSAGES) / 2);
    assert_eq!(markers(&stored.everything().await), BTreeSet::new());
    assert!(process.terminate().success());
    assert_eq!(markers(&stored.everything().await), BTreeSet::new());
}

on_every_database!(no_trace_of_an_erased_text_is_left_while_the_server_runs);
