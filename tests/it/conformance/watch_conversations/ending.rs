//! The ends of watches: clients that do not read, servers that stop, and clients that leave nothing behind.
//!
//! The watched users can be seen from outside: the slow poll asks for exactly these.

use std::time::Duration;

use conversation_service::{config::Config, proto::ConversationId, store};
use tokio::{sync::watch, time::timeout};
use tonic::Code;

use super::{USER, conversations, revisions};
use crate::support::{
    client::Client,
    clock::TestClock,
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::c2c,
    server::{TestServer, config},
};

on_every_database!(
    a_watcher_that_does_not_read_is_cut_off_and_resumes_without_loss,
    a_watcher_that_does_not_read_holds_nobody_up,
    draining_ends_the_streams_and_the_server_stops_in_order,
    a_watcher_that_does_not_read_holds_the_stop_up_no_longer_than_the_drain_lasts,
    nothing_is_left_of_watchers_who_have_gone,
);

/// So long that a test that waits for it fails.
const NEVER: Duration = Duration::from_hours(1);
const OFTEN: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(30);

/// A user whom nobody but the test watches, so that there always is a poll.
pub(crate) const SENTINEL: &str = "sentinel";

/// A server, and the users that its slow poll has asked for last.
pub(crate) struct Polled {
    pub(crate) server: TestServer,
    asked_for: watch::Receiver<String>,
}

impl Polled {
    pub(crate) async fn start(mut config: Config) -> Self {
        config.watch.poll_interval = OFTEN;
        let store = store::connect(&config.database).await;
        let store = store.expect("the database is there");
        let (asking, asked_for) = watch::channel(String::new());
        store.database().observe(move |statement| {
            let sql = &statement.sql;
            if sql.starts_with("SELECT i.user_id") && sql.contains("LEFT JOIN users AS u") {
                asking.send_replace(format!("{:?}", statement.values));
            }
        });
        let server = TestServer::start_on(store, config, &TestClock::new()).await;
        Self { server, asked_for }
    }

    /// Waits until nobody but the sentinel, whom the caller watches, is watched.
    pub(crate) async fn until_nobody_else_is_watched(&mut self, users: &[String]) {
        self.asked_for.mark_unchanged();
        let alone = self.asked_for.wait_for(|asked_for| {
            asked_for.contains(SENTINEL) && !users.iter().any(|user| asked_for.contains(user))
        });
        let alone = timeout(PATIENCE, alone).await;
        alone
            .expect("nobody else is watched in time")
            .expect("the server polls");
    }
}

/// 100 conversations with long IDs, so that an event about all of them is large.
pub(crate) async fn large_batch(client: &Client) -> Vec<ConversationId> {
    let friends: Vec<_> = (0..100).map(|number| format!("{number:0>128}")).collect();
    concurrently(friends.clone().into_iter().map(|friend| {
        let client = client.clone();
        async move { client.send(&friend, c2c(USER), "hi").await }
    }))
    .await;
    friends.into_iter().map(c2c).collect()
}

/// Makes changes that together fill every buffer between the log and a client that does not read:
/// each event has 14 KiB, the transport's windows hold at most 2 MiB, the service's buffer 16 events.
async fn flood(client: &Client, ids: &[ConversationId]) -> u64 {
    let mut last = 0;
    for _ in 0..120 {
        let deletion = client.delete(USER, ids.to_vec()).clear(false).sync(true);
        let deletion = deletion.await.deletion_id;
        let restored = client.restore_by(USER, &deletion, "").await;
        last = restored.expect("it can be undone").revision;
    }
    last
}

async fn a_watcher_that_does_not_read_is_cut_off_and_resumes_without_loss(database: TestDatabase) {
    let mut config = config(&database);
    config.watch.patience = Duration::from_millis(100);
    let mut polled = Polled::start(config).await;
    let client = polled.server.client().await;
    let _sentinel = client.follow(SENTINEL, "", None).await;
    // On a connection of its own.
    let mut slow = polled.server.client().await.follow(USER, "", Some(0)).await;
    let ids = large_batch(&client).await;
    let last = flood(&client, &ids).await;
    polled
        .until_nobody_else_is_watched(&[USER.to_owned()])
        .await;

    let (events, status) = slow.until_the_end().await;
    refused::<()>(Err(status), Code::Aborted, "WATCHER_TOO_SLOW");
    let received = events.len() as u64;
    assert!(received < last, "everything fitted into the buffers");
    assert_eq!(revisions(&events), (1..=received).collect::<Vec<_>>());
    let mut resumed = client.follow(USER, "", Some(received)).await;
    for revision in received + 1..=last {
        assert_eq!(resumed.change().await.revision, revision);
    }
}

async fn a_watcher_that_does_not_read_holds_nobody_up(database: TestDatabase) {
    let mut config = config(&database);
    config.watch.patience = NEVER;
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let _slow = server.client().await.follow(USER, "", Some(0)).await;
    let mut quick = client.follow(USER, "", Some(0)).await;
    let ids = large_batch(&client).await;
    let last = flood(&client, &ids).await;
    for revision in 1..=last {
        assert_eq!(quick.change().await.revision, revision);
    }
}

async fn draining_ends_the_streams_and_the_server_stops_in_order(database: TestDatabase) {
    let mut config = config(&database);
    config.drain_timeout = NEVER;
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 1).await;
    client.delete(USER, ids).sync(true).await;
    let mut idle = client.follow(USER, "", None).await;
    let mut behind = client.follow(USER, "", Some(0)).await;
    assert_eq!(behind.change().await.revision, 1);

    let stopped = timeout(PATIENCE, server.stop());
    let (stopped, idle, behind) =
        tokio::join!(stopped, idle.until_the_end(), behind.until_the_end());
    for (events, status) in [idle, behind] {
        assert_eq!(events, []);
        refused::<()>(Err(status), Code::Unavailable, "SHUTTING_DOWN");
    }
    stopped.expect("the server stops although its watchers have not hung up");
}

async fn a_watcher_that_does_not_read_holds_the_stop_up_no_longer_than_the_drain_lasts(
    database: TestDatabase,
) {
    let mut config = config(&database);
    config.watch.patience = NEVER;
    config.drain_timeout = Duration::from_millis(100);
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let _slow = server.client().await.follow(USER, "", Some(0)).await;
    let ids = large_batch(&client).await;
    flood(&client, &ids).await;
    let stopped = timeout(PATIENCE, server.stop()).await;
    stopped.expect("the server stops although a watcher does not read");
}

async fn nothing_is_left_of_watchers_who_have_gone(database: TestDatabase) {
    const USERS: usize = 200;
    let mut polled = Polled::start(config(&database)).await;
    let client = polled.server.client().await;
    let _sentinel = client.follow(SENTINEL, "", None).await;
    let users: Vec<_> = (0..USERS)
        .map(|number| format!("user-{number:03}"))
        .collect();
    // Each user is watched twice, and both watchers hang up at the same time.
    let address = polled.server.address();
    for _ in 0..2 {
        let one = Client::connect(address).await;
        let two = Client::connect(address).await;
        let watches = users.iter().flat_map(|user| {
            [&one, &two].map(|client| {
                let (client, user) = (client.clone(), user.clone());
                async move { client.follow(&user, "", None).await }
            })
        });
        let begun = concurrently(watches.collect::<Vec<_>>()).await;
        let leaving = begun
            .into_iter()
            .map(|watcher| async move { drop(watcher) });
        concurrently(leaving.collect::<Vec<_>>()).await;
    }
    polled.until_nobody_else_is_watched(&users).await;
}
