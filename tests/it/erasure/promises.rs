//! A promise that was made with a change holds, whatever the settings are later (rules 9 and 11).

use std::time::Duration;

use conversation_service::proto::RestorationOutcome;
use tonic::Code;

use crate::support::{
    client::Client,
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::{c2c, group},
    rounds::Rounds,
    rows::Rows,
    server::{TestServer, config},
    stored::Stored,
};

const WINDOW: Duration = Duration::from_hours(24);
const RETENTION: Duration = Duration::from_hours(48);
const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_micros(1);
const NAME: &str = "6f1c1d0e-8c0b-4a53-9d7a-000000000001";

async fn start(
    database: &TestDatabase,
    clock: &TestClock,
    window: Duration,
    retention: Duration,
) -> (TestServer, Client) {
    let mut config = config(database);
    config.deletion.restore_window = window;
    config.jobs.change_retention = retention;
    let server = TestServer::start_with(config, clock).await;
    let client = server.client().await;
    (server, client)
}

async fn a_shorter_window_or_retention_does_not_end_an_earlier_undo(database: TestDatabase) {
    let clock = TestClock::new();
    let (server, client) = start(&database, &clock, WINDOW, WINDOW).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.delete("bob", [c2c("alice")]).await;
    client.send("alice", c2c("alice"), "note").await;
    let deletion = client.delete("alice", [c2c("bob"), c2c("alice")]).await;
    server.stop().await;

    let (_, client) = start(&database, &clock, Duration::ZERO, SECOND).await;
    let rounds = Rounds::on(&database, &clock, SECOND).await;
    // A deletion made now is promised nothing. Its message is erased alone, and the promised ones stay.
    client.send("alice", c2c("carol"), "hi").await;
    client.delete("carol", [c2c("alice")]).await;
    client.delete("alice", [c2c("carol")]).await;
    clock.advance(2 * SECOND);
    let erased = rounds.run().await;
    assert_eq!((erased.messages, erased.changes), (1, 2));
    clock.advance(WINDOW);
    clock.set_back(2 * SECOND + MOMENT);
    let erased = rounds.run().await;
    assert_eq!((erased.messages, erased.changes), (0, 0));
    let outcomes = client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(outcomes, [RestorationOutcome::Restored; 2]);
    assert_eq!(client.history("alice", c2c("bob")).await.len(), 1);
    assert_eq!(client.history("alice", c2c("alice")).await.len(), 1);
    assert_eq!(client.listed("alice").await.len(), 2);
}

async fn what_an_earlier_clearing_took_outlives_a_later_one_and_its_undo(database: TestDatabase) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock, WINDOW, RETENTION).await;
    let rounds = Rounds::on(&database, &clock, RETENTION).await;
    let crew = || [group("crew")];
    client.join("crew", &["alice", "bob"]).await;
    let mut clearings = Vec::new();
    for words in ["hi", "there"] {
        client.send("bob", group("crew"), words).await;
        let clearing = client.clear_history("alice", crew()).await;
        clearings.push(clearing.deletion_id);
    }
    for (clearing, messages) in clearings.iter().rev().zip([1, 2]) {
        // Nobody else sees the messages from now on, and a round looks at them.
        client.leave("crew", &["bob"]).await;
        client.join("crew", &["bob"]).await;
        clock.advance(SECOND);
        assert_eq!(rounds.run().await.messages, 0);
        let outcomes = client.restored("alice", clearing).await;
        assert_eq!(outcomes, [RestorationOutcome::Restored]);
        let history = client.history("alice", group("crew")).await;
        assert_eq!(history.len(), messages);
    }
}

async fn a_retry_is_known_for_as_long_as_was_promised_and_no_longer(database: TestDatabase) {
    let clock = TestClock::new();
    let (server, client) = start(&database, &clock, Duration::ZERO, RETENTION).await;
    client.send("bob", c2c("alice"), "hi").await;
    let delete = |client: &Client| {
        let deletion = client.delete("alice", [c2c("bob")]);
        deletion.clear(false).request_id(NAME)
    };
    let first = delete(&client).await;
    server.stop().await;

    let (_, client) = start(&database, &clock, Duration::ZERO, SECOND).await;
    let rounds = Rounds::on(&database, &clock, SECOND).await;
    client.send("bob", c2c("alice"), "and another").await;
    clock.advance(RETENTION);
    assert_eq!(
        rounds.run().await.changes,
        0,
        "it is just as old as it may be"
    );
    assert_eq!(delete(&client).await, first, "a retry within the retention");
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
    clock.advance(MOMENT);
    assert_eq!(rounds.run().await.changes, 1);
    // The name is free again, and the request a new one.
    assert_eq!(delete(&client).await.revision, first.revision + 1);
    assert_eq!(client.listed("alice").await, []);
    // A change made from now on is promised less.
    clock.advance(SECOND + MOMENT);
    assert_eq!(rounds.run().await.changes, 1);
}

async fn a_change_is_kept_while_it_can_be_undone_although_its_retention_is_shorter(
    database: TestDatabase,
) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock, WINDOW, SECOND).await;
    client.send("bob", c2c("alice"), "hi").await;
    let deletion = client.delete("alice", [c2c("bob")]).await;
    clock.advance(WINDOW);
    clock.set_back(MOMENT);
    let rounds = Rounds::on(&database, &clock, SECOND).await;
    assert_eq!(rounds.run().await.changes, 0);
    let outcomes = client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(outcomes, [RestorationOutcome::Restored]);
}

/// Former versions recorded no promise.
async fn changes_without_a_promise_are_kept_by_their_age_and_while_they_can_be_undone(
    database: TestDatabase,
) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock, WINDOW, RETENTION).await;
    let stored = Stored::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let deletion = client.delete("alice", [c2c("bob")]).await;
    client.delete("alice", [c2c("stranger")]).await;
    stored.execute("UPDATE changes SET kept_until = NULL").await;
    let no_deletion = "UPDATE changes SET restorable_until = NULL, erasable_from = NULL \
                       WHERE revision = 2";
    stored.execute(no_deletion).await;
    let rounds = Rounds::on(&database, &clock, SECOND).await;
    clock.advance(SECOND);
    assert_eq!(rounds.run().await.changes, 0);
    clock.advance(MOMENT);
    assert_eq!(rounds.run().await.changes, 1);
    clock.advance(WINDOW);
    clock.set_back(SECOND + MOMENT);
    assert_eq!(rounds.run().await.changes, 0);
    clock.advance(MOMENT);
    assert_eq!(rounds.run().await.changes, 1);
    let late = client.restore("alice", &deletion.deletion_id, "").await;
    refused(late, Code::FailedPrecondition, "RESTORE_WINDOW_EXPIRED");
}

async fn a_clearing_is_kept_until_what_it_has_cleared_is_erased(database: TestDatabase) {
    let clock = TestClock::new();
    let (_, client) = start(&database, &clock, Duration::ZERO, SECOND).await;
    client.send("alice", c2c("alice"), "note").await;
    client.delete("alice", [c2c("alice")]).await;
    let rows = Rows::of(&database).await;
    // It cannot be read, so nothing can be erased.
    rows.run("UPDATE changes SET results = 'x' || results")
        .await;
    let rounds = Rounds::on(&database, &clock, SECOND).await;
    clock.advance(WINDOW);
    let erased = rounds.run().await;
    assert_eq!((erased.messages, erased.changes), (0, 0));
    rows.run("UPDATE changes SET results = SUBSTR(results, 2)")
        .await;
    clock.advance(WINDOW);
    let erased = rounds.run().await;
    assert_eq!((erased.messages, erased.changes), (1, 1));
}

on_every_database!(
    what_an_earlier_clearing_took_outlives_a_later_one_and_its_undo,
    a_shorter_window_or_retention_does_not_end_an_earlier_undo,
    a_retry_is_known_for_as_long_as_was_promised_and_no_longer,
    a_change_is_kept_while_it_can_be_undone_although_its_retention_is_shorter,
    changes_without_a_promise_are_kept_by_their_age_and_while_they_can_be_undone,
    a_clearing_is_kept_until_what_it_has_cleared_is_erased,
);
