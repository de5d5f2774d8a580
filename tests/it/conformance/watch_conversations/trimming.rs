//! Watching from a revision that the log has forgotten.

use std::time::Duration;

use conversation_service::{
    jobs::{self, Schedule},
    store,
};
use tonic::Code;

use super::{USER, conversations, revisions};
use crate::support::{
    client::Client,
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    errors::refused,
    server::{TestServer, config},
};

on_every_database!(
    a_revision_older_than_the_log_is_answered_with_compacted,
    when_everything_was_trimmed_only_the_present_can_be_watched_from,
    a_log_with_a_gap_is_compacted_and_nothing_is_passed_over_in_silence,
);

const DAY: Duration = Duration::from_hours(24);

/// One round of the background jobs.
pub(crate) async fn purge(database: &TestDatabase, clock: &TestClock) {
    let config = config(database);
    let store = store::connect(&config.database).await;
    let store = store.expect("the database is there");
    let purged = jobs::run_once(&store, clock.clock().now(), Schedule::of(&config.jobs)).await;
    purged.expect("the jobs are done");
    store.close().await.expect("the database is left in order");
}

async fn delete_one(client: &Client) {
    let ids = conversations(client, USER, 1).await;
    client.delete(USER, ids).sync(true).await;
}

async fn is_compacted(client: &Client, after: u64) {
    let mut watcher = client.follow(USER, "", Some(after)).await;
    refused(watcher.hear().await, Code::OutOfRange, "REVISION_COMPACTED");
}

async fn a_revision_older_than_the_log_is_answered_with_compacted(database: TestDatabase) {
    let clock = TestClock::new();
    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    delete_one(&client).await;
    delete_one(&client).await;
    clock.advance(8 * DAY);
    delete_one(&client).await;
    let mut live = client.follow(USER, "", None).await;
    purge(&database, &clock).await;

    is_compacted(&client, 0).await;
    is_compacted(&client, 1).await;
    let mut watcher = client.follow(USER, "", Some(2)).await;
    assert_eq!(watcher.change().await.revision, 3);
    delete_one(&client).await;
    assert_eq!(watcher.change().await.revision, 4);
    assert_eq!(live.change().await.revision, 4);
}

async fn when_everything_was_trimmed_only_the_present_can_be_watched_from(database: TestDatabase) {
    let clock = TestClock::new();
    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    delete_one(&client).await;
    delete_one(&client).await;
    clock.advance(8 * DAY);
    purge(&database, &clock).await;

    is_compacted(&client, 0).await;
    is_compacted(&client, 1).await;
    let listed = client.list_page(USER, None, 0, String::new()).await;
    assert_eq!(listed.expect("the list can be read").revision, 2);
    let mut watcher = client.follow(USER, "", Some(2)).await;
    delete_one(&client).await;
    assert_eq!(watcher.change().await.revision, 3);
}

/// The clocks of machines differ, so a change can be older by its time than one with a lower revision,
/// and be trimmed before it.
async fn a_log_with_a_gap_is_compacted_and_nothing_is_passed_over_in_silence(
    database: TestDatabase,
) {
    let clock = TestClock::new();
    clock.advance(10 * DAY);
    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    delete_one(&client).await;
    clock.set_back(10 * DAY);
    delete_one(&client).await;
    clock.advance(10 * DAY);
    delete_one(&client).await;
    purge(&database, &clock).await;

    let mut watcher = client.follow(USER, "", Some(0)).await;
    let first = watcher.hear().await;
    if let Ok(first) = first {
        assert_eq!(first.revision, 1);
        let second = watcher.hear().await;
        refused(second, Code::OutOfRange, "REVISION_COMPACTED");
    } else {
        refused(first, Code::OutOfRange, "REVISION_COMPACTED");
    }
    let mut watcher = client.follow(USER, "", Some(2)).await;
    assert_eq!(revisions(&[watcher.change().await]), [3]);
}
