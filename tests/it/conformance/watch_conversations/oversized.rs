//! Changes that are too large for an event: former versions marked any number of conversations read at once. A log
//! may still have such changes.

use tonic::Code;

use super::{USER, conversations};
use crate::support::{
    databases::{TestDatabase, on_every_database},
    errors::refused,
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    after_a_change_too_large_for_an_event_the_client_lists_again,
    an_old_change_that_fits_an_event_is_sent,
    a_retry_of_a_change_that_is_too_large_is_answered_in_part,
);

const REQUEST: &str = "0191e1b4-0000-7000-8000-000000000001";

/// As if the user's first change had read so many groups.
async fn as_if_read(database: &TestDatabase, groups: usize) {
    let filler = "x".repeat(100);
    let ids: Vec<_> = (0..groups)
        .map(|number| format!("\"GROUP{number:020}{filler}\""))
        .collect();
    let results = vec!["[1,7]"; groups];
    let sql = format!(
        "UPDATE changes SET conversations = '[{}]', results = '[{}]' \
         WHERE user_id = '{USER}' AND revision = 1",
        ids.join(","),
        results.join(",")
    );
    Rows::of(database).await.run(&sql).await;
}

async fn after_a_change_too_large_for_an_event_the_client_lists_again(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let ids = conversations(&client, USER, 2).await;
    client.read_all(USER).await;
    as_if_read(&database, 9_000).await;
    client.mute(USER, ids).await;
    for _ in 0..2 {
        let mut watcher = client.follow(USER, "", Some(0)).await;
        refused(watcher.hear().await, Code::OutOfRange, "REVISION_COMPACTED");
    }
    let listing = client.list_page(USER, None, 0, String::new()).await;
    let revision = listing.expect("the list can be read").revision;
    let mut watcher = client.follow(USER, "", Some(revision)).await;
    let mut behind = client.follow(USER, "", Some(1)).await;
    client.read_all(USER).await;
    let muted = behind.change().await;
    assert_eq!(muted.revision, 2);
    let others = client.delete(USER, conversations(&client, USER, 1).await);
    others.sync(true).await;
    assert_eq!(watcher.change().await.revision, 4, "nothing was unread");
}

async fn an_old_change_that_fits_an_event_is_sent(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    conversations(&client, USER, 2).await;
    client.read_all(USER).await;
    as_if_read(&database, 2_000).await;
    let mut watcher = client.follow(USER, "", Some(0)).await;
    assert_eq!(watcher.change().await.revision, 1);
}

async fn a_retry_of_a_change_that_is_too_large_is_answered_in_part(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    conversations(&client, USER, 2).await;
    let first = client.read_all(USER).request_id(REQUEST).await;
    assert_eq!((first.results.len(), first.more), (2, false));
    as_if_read(&database, 40_000).await;
    for _ in 0..2 {
        let retry = client.read_all(USER).request_id(REQUEST).await;
        assert_eq!((retry.results.len(), retry.more), (1_000, true));
        assert_eq!(retry.revision, 1);
    }
}
