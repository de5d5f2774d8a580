//! The look at all views of a conversation, before messages are erased.

use std::{sync::atomic::Ordering, time::Duration};

use super::claims::counted;
use crate::support::{
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    ids::group,
    rounds::Rounds,
    server::{TestServer, config},
};

on_every_database!(the_views_of_a_large_group_are_looked_at_in_batches);

const WINDOW: Duration = Duration::from_hours(1);
const RETENTION: Duration = Duration::from_hours(2);
/// More than are looked at with one statement.
const LATER: usize = 1_050;

async fn the_views_of_a_large_group_are_looked_at_in_batches(database: TestDatabase) {
    let clock = TestClock::new();
    let mut config = config(&database);
    config.deletion.restore_window = WINDOW;
    let server = TestServer::start_with(config, &clock).await;
    let client = server.client().await;
    client.join("crowd", &["adam", "zoe"]).await;
    for _ in 0..3 {
        client.send("zoe", group("crowd"), "for two").await;
    }
    // None of them sees what was sent before, and their names lie between the two.
    let names: Vec<_> = (0..LATER)
        .map(|number| format!("user {number:04}"))
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    for names in names.chunks(100) {
        client.join("crowd", names).await;
    }
    client.send(names[0], group("crowd"), "for all").await;
    client.clear_history("adam", [group("crowd")]).await;
    clock.advance(WINDOW);
    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    let (rounds, looks) = counted(rounds, "WITH views");
    assert_eq!(rounds.run().await.messages, 0, "zoe is the last of them");
    assert_eq!(looks.load(Ordering::SeqCst), 2);

    client.leave("crowd", &["zoe"]).await;
    client.clear_history("zoe", [group("crowd")]).await;
    clock.advance(WINDOW);
    assert_eq!(rounds.run().await.messages, 3);
    for user in [names[0], names[LATER - 1]] {
        let history = client.history(user, group("crowd")).await;
        assert_eq!(history.len(), 1, "{user}");
    }
}
