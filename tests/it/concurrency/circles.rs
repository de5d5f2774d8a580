//! Use cases that lock the same rows never deadlock.

use crate::support::{
    concurrently::concurrently,
    databases::{Backend, TestDatabase},
    dice::Dice,
    ids::group,
    rows::Rows,
    stage::Stage,
};

const USERS: usize = 40;
const GROUPS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn leaving_joining_and_deleting_on_postgres_cause_no_deadlock() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let Stage { client, server, .. } = Stage::open(&database).await;
    let users: Vec<_> = (0..USERS).map(|n| format!("user {n}")).collect();
    let groups: Vec<_> = (0..GROUPS).map(|n| format!("group {n}")).collect();
    let refs: Vec<_> = users.iter().map(String::as_str).collect();
    for name in &groups {
        client.join(name, &refs).await;
        client.send(refs[0], group(name), "hi").await;
    }
    let mut dice = Dice::new(11);
    let calls = (0..600).map(|_| {
        let client = client.clone();
        let kind = dice.below(3);
        let name = dice.one_of(&groups).clone();
        let user = dice.one_of(&users).clone();
        // Everybody names them in another order.
        let mut members = users.clone();
        let by = usize::try_from(dice.below(USERS as u64)).expect("a small number");
        members.rotate_left(by);
        let mut mine: Vec<_> = groups.iter().map(group).collect();
        let by = usize::try_from(dice.below(GROUPS as u64)).expect("a small number");
        mine.rotate_left(by);
        async move {
            let members: Vec<_> = members.iter().map(String::as_str).collect();
            match kind {
                0 => {
                    client.join(&name, &members).await;
                }
                1 => {
                    client.leave(&name, &members).await;
                }
                _ => {
                    client.delete(&user, mine).await;
                }
            }
        }
    });
    concurrently(calls).await;

    drop(client);
    server.stop().await;
    assert_no_deadlock(&database).await;
    Rows::of(&database).await.assert_whole().await;
}

/// That PostgreSQL has never had to end a deadlock in this database, which the service would have
/// passed over by trying again. Nobody may be connected to it any more.
pub(super) async fn assert_no_deadlock(database: &TestDatabase) {
    let rows = Rows::of(database).await;
    // A connection reports what it has counted at the latest when it ends.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND application_name = 'conversation-service'";
    rows.until(others, |count| count == 0).await;
    rows.run("SELECT pg_stat_clear_snapshot()").await;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(rows.number(deadlocks).await, 0);
    rows.close().await;
}
