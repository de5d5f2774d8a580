//! A message writes the rows of a few members, and never those of many.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    rows::{Rows, is_sqlite},
    stage::Stage,
};

on_every_database!(
    a_message_to_a_large_group_writes_its_senders_row_alone,
    a_message_to_a_small_group_writes_the_rows_of_its_current_members,
    a_message_to_one_other_user_writes_two_rows,
    the_members_of_a_group_lose_their_copies_of_the_head_when_it_grows_large,
);

/// Every column of every user's row of the only conversation of its kind, as text.
///
/// PostgreSQL also tells which transaction has written a row, so that a row that was written as it was
/// is noticed, too.
async fn written(rows: &Rows, database: &TestDatabase, kind: i16) -> BTreeMap<String, String> {
    let columns = [
        "joined_after",
        "left_at",
        "appeared_before",
        "hidden_through",
        "cleared_through",
        "read_through",
        "pinned_at",
        "muted",
        "marks",
        "last_seq",
        "last_time",
        "changed_by",
        "taken_by",
    ];
    let mut fields: Vec<_> = columns
        .iter()
        .map(|column| format!("COALESCE(CAST({column} AS text), '-')"))
        .collect();
    if !is_sqlite(database) {
        fields.push("CAST(xmin AS text)".to_owned());
    }
    let sql = format!(
        "SELECT user_id, {} FROM members WHERE kind = {kind}",
        fields.join(" || ' ' || ")
    );
    let rows = rows.query(&sql).await;
    rows.iter()
        .map(|row| {
            let text = |index| row.try_get_by_index::<String>(index).expect("a text");
            (text(0), text(1))
        })
        .collect()
}

/// The users whose rows a call writes.
async fn writers<T>(
    rows: &Rows,
    database: &TestDatabase,
    kind: i16,
    call: impl Future<Output = T>,
) -> BTreeSet<String> {
    let before = written(rows, database, kind).await;
    call.await;
    let after = written(rows, database, kind).await;
    after
        .into_iter()
        .filter(|(user, row)| before.get(user) != Some(row))
        .map(|(user, _)| user)
        .collect()
}

fn users(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

const C2C: i16 = 1;
const GROUP: i16 = 2;

const NINE: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

async fn send(client: &Client, sender: &str) {
    client.send(sender, group("crew"), "hi").await;
}

async fn a_message_to_a_large_group_writes_its_senders_row_alone(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let rows = Rows::of(&database).await;
    client.join("crew", &NINE).await;
    for sender in ["a", "i", "a", "a"] {
        let written = writers(&rows, &database, GROUP, send(&client, sender)).await;
        assert_eq!(written, users(&[sender]));
    }
    // It stays so when there are fewer of them than once there were.
    client.leave("crew", &NINE[1..5]).await;
    let written = writers(&rows, &database, GROUP, send(&client, "i")).await;
    assert_eq!(written, users(&["i"]));
    client.join("crew", &["b", "z"]).await;
    let written = writers(&rows, &database, GROUP, send(&client, "b")).await;
    assert_eq!(written, users(&["b"]));
}

async fn a_message_to_a_small_group_writes_the_rows_of_its_current_members(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let rows = Rows::of(&database).await;
    client.join("crew", &NINE[..8]).await;
    let written = writers(&rows, &database, GROUP, send(&client, "a")).await;
    assert_eq!(written, users(&NINE[..8]));
    client.leave("crew", &["c", "d"]).await;
    let left: Vec<_> = NINE[..8]
        .iter()
        .copied()
        .filter(|name| !["c", "d"].contains(name))
        .collect();
    let written = writers(&rows, &database, GROUP, send(&client, "a")).await;
    assert_eq!(written, users(&left));
    client.join("crew", &["c"]).await;
    let now = left.iter().copied().chain(["c"]).collect::<Vec<_>>();
    let written = writers(&rows, &database, GROUP, send(&client, "c")).await;
    assert_eq!(written, users(&now));
}

async fn a_message_to_one_other_user_writes_two_rows(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let rows = Rows::of(&database).await;
    for _ in 0..2 {
        let sent = client.send("a", c2c("b"), "hi");
        let written = writers(&rows, &database, C2C, sent).await;
        assert_eq!(written, users(&["a", "b"]));
    }
}

async fn the_members_of_a_group_lose_their_copies_of_the_head_when_it_grows_large(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    let rows = Rows::of(&database).await;
    let copies = async || {
        let sql = "SELECT count(*) FROM members WHERE last_seq IS NOT NULL";
        let times = "SELECT count(*) FROM members WHERE last_time IS NOT NULL";
        assert_eq!(rows.number(sql).await, rows.number(times).await);
        rows.number(sql).await
    };
    client.join("crew", &NINE[..8]).await;
    send(&client, "a").await;
    assert_eq!(copies().await, 8);
    client.leave("crew", &["h"]).await;
    client.join("crew", &["i"]).await;
    assert_eq!(copies().await, 9, "who has left keeps one too");
    client.join("crew", &["h"]).await;
    assert_eq!(copies().await, 0, "nine are in it at once");
    client.leave("crew", &["a"]).await;
    assert_eq!(copies().await, 1, "who has left has what reached them last");
    client.join("crew", &["a"]).await;
    assert_eq!(copies().await, 0);
}
