//! A statement is one round trip to PostgreSQL: nothing is asked of a connection between two of them.

use super::Observed;
use crate::support::{
    databases::{Backend, TestDatabase},
    ids::c2c,
};

/// How many calls follow each other.
const CALLS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_makes_a_round_trip_to_postgres_for_each_of_its_statements() {
    let Some(database) = TestDatabase::create_on_one_server(Backend::Postgres).await else {
        return;
    };
    let (proxy, near) = TestDatabase::through_a_proxy(&database).await;
    let observed = Observed::open(&near).await;
    let client = &observed.client;
    let calls = async || {
        client.send("bob", c2c("alice"), "hi").await;
        client.unread("alice").await;
        client.read("alice", [c2c("bob")]).await;
    };
    // The statements are planned, and a connection is open.
    calls().await;

    observed.recorder.take();
    let before = proxy.sent();
    for _ in 0..CALLS {
        calls().await;
    }
    let (sent, statements) = (proxy.sent() - before, observed.recorder.take().len());
    assert!(statements >= 3 * CALLS, "{statements}");
    // Now and then the server asks whether the database is there, and a connection goes back to the pool.
    assert!(sent < statements * 3 / 2, "{sent} for {statements}");
}
