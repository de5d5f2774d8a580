//! Every change wakes the watchers of its user. The slow poll, which would find it later, never comes here.

use std::time::Duration;

use super::USER;
use crate::{
    conformance::retries::{every_change, furnish},
    support::{
        databases::{TestDatabase, on_every_database},
        ids::c2c,
        server::config,
        stage::Stage,
    },
};

on_every_database!(every_change_wakes_the_watchers_of_its_user);

/// So rare that no test sees it happen.
const NEVER: Duration = Duration::from_hours(1);

async fn every_change_wakes_the_watchers_of_its_user(database: TestDatabase) {
    let mut config = config(&database);
    config.watch.poll_interval = NEVER;
    config.deletion.sync_by_default = true;
    let Stage { client, clock, .. } = Stage::open_with(config).await;
    furnish(&client, &clock).await;
    let mut revision = client.revision(USER).await;
    let mut watcher = client.follow(USER, "", Some(revision)).await;
    for (what, change) in every_change(&client) {
        change.bytes().await.expect("it is accepted");
        revision += 1;
        assert_eq!(watcher.change().await.revision, revision, "{what}");
    }
    let deletion = client.delete(USER, [c2c("carol")]).await.deletion_id;
    assert_eq!(watcher.change().await.revision, revision + 1);
    client.restored(USER, &deletion).await;
    assert_eq!(watcher.change().await.revision, revision + 2);
    client.clear_history(USER, [c2c("carol")]).await;
    assert_eq!(watcher.change().await.revision, revision + 3);
    client.join("club", &[USER]).await;
    assert_eq!(watcher.change().await.revision, revision + 4);
    client.leave("club", &[USER]).await;
    assert_eq!(watcher.change().await.revision, revision + 5);
}
