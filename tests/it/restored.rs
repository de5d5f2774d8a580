//! A database that was restored from a backup: nothing of the history that was lost is taken for what
//! comes after it, and what the backup holds goes on.

use std::collections::BTreeMap;

use conversation_service::proto::{ListConversationsResponse, RestorationOutcome};
use prost::Message as _;
use tonic::{Code, Status};

use crate::support::{
    client::Client,
    clock::TestClock,
    databases::{TestDatabase, on_one_server},
    errors::{reason, refused},
    ids::c2c,
    process::program,
    server::{TestServer, config},
    users::Heard,
};

on_one_server!(
    after_a_restore_every_older_revision_and_page_token_is_answered_with_list_again,
    after_a_restore_what_the_backup_holds_goes_on,
    a_watcher_of_the_former_incarnation_has_to_list_again,
    beginning_an_incarnation_twice_is_harmless_and_a_backup_can_be_restored_twice,
);

const ALICE: &str = "alice";
/// Not in the backup.
const CAROL: &str = "carol";
const REQUEST: &str = "0b9c0f5e-5f3e-4f0e-9c7e-0d2f6a1b3c4d";

/// The clients' knowledge of a database: the revisions of its users, and pages they are in the midst of.
#[derive(Default)]
struct Known {
    revisions: BTreeMap<&'static str, u64>,
    pages: Vec<(&'static str, ListConversationsResponse)>,
}

/// Runs what is to be run after a restore; returns what it says.
fn after_restore(database: &TestDatabase) -> String {
    let output = program()
        .args(["after-restore", "--database-url", database.url()])
        .output()
        .expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    said
}

/// One change of a user.
async fn change(client: &Client, user: &str) -> u64 {
    client.send("bob", c2c(user), "hi").await;
    let deletion = client.delete(user, [c2c("bob")]).clear(false).sync(true);
    deletion.await.revision
}

async fn revision(client: &Client, user: &str) -> u64 {
    let page = client.list_page(user, None, 1, String::new()).await;
    page.expect("the list can be read").revision
}

impl Known {
    /// Lets clients learn where the users are, and begin to list.
    async fn learn(&mut self, client: &Client) {
        for user in [ALICE, CAROL] {
            for friend in ["dave", "erin"] {
                client.send(friend, c2c(user), "hello").await;
            }
            let page = client.list_page(user, None, 1, String::new()).await;
            let page = page.expect("the list can be read");
            assert!(!page.next_page_token.is_empty(), "there is more");
            self.revisions.insert(user, page.revision);
            self.pages.push((user, page));
        }
    }

    /// Checks that a client that knows any of it has to list again, and gets no change of another history.
    async fn is_refused(&self, client: &Client) {
        for (user, present) in &self.revisions {
            for after in 0..=*present {
                let status = match client.watch(user, "", Some(after)).await {
                    Ok(mut watcher) => {
                        let (events, status) = watcher.until_the_end().await;
                        let changes = events.iter().filter(|event| event.change.is_some());
                        assert_eq!(changes.count(), 0, "{user} after {after}");
                        status
                    }
                    Err(status) => status,
                };
                for status in [status, end_among_many(client, user, after).await] {
                    assert_eq!(status.code(), Code::OutOfRange, "{user} after {after}");
                    let reason = reason(&status);
                    assert!(
                        ["REVISION_COMPACTED", "REVISION_UNKNOWN"].contains(&reason.as_str()),
                        "{reason}"
                    );
                }
            }
        }
        for (user, page) in &self.pages {
            let token = page.next_page_token.clone();
            let next = client.list_page(user, None, 1, token).await;
            refused(next, Code::OutOfRange, "REVISION_UNKNOWN");
        }
    }
}

/// How a stream of many users ends one of them, who has no change before that.
async fn end_among_many(client: &Client, user: &str, after: u64) -> Status {
    let mut watcher = client.watch_users("").await;
    watcher.add(user, Some(after));
    loop {
        match watcher.next().await {
            Heard::Bookmark(..) => {}
            Heard::Ended(_, status) => return status,
            Heard::Change(of, change) => panic!("{of} after {after}: {change:?}"),
        }
    }
}

async fn after_a_restore_every_older_revision_and_page_token_is_answered_with_list_again(
    database: TestDatabase,
) {
    let clock = TestClock::new();
    let mut known = Known::default();
    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    for _ in 0..3 {
        change(&client, ALICE).await;
    }
    known.learn(&client).await;
    drop(client);
    server.stop().await;
    let backup = database.copy().await;

    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    for _ in 0..4 {
        change(&client, ALICE).await;
    }
    for _ in 0..2 {
        change(&client, CAROL).await;
    }
    known.learn(&client).await;
    assert_eq!(known.revisions, BTreeMap::from([(ALICE, 7), (CAROL, 2)]));
    drop(client);
    server.stop().await;

    after_restore(&backup);
    let server = TestServer::start(&backup, &clock).await;
    let client = server.client().await;
    known.is_refused(&client).await;
    // The backup does not have it: its window has not passed, it is unknown.
    let lost = client.restore(ALICE, "6", "").await;
    assert_ne!(reason(&lost.expect_err("lost")), "RESTORE_WINDOW_EXPIRED");
    for user in [ALICE, CAROL] {
        // A client that lists again misses nothing.
        let mut listed = revision(&client, user).await;
        assert!(listed > 7);
        let mut watcher = client.follow(user, "", Some(listed)).await;
        for _ in 0..9 {
            listed += 1;
            assert_eq!(change(&client, user).await, listed);
            assert_eq!(watcher.change().await.revision, listed);
        }
    }
    // The users have passed all that the clients know.
    known.is_refused(&client).await;
    let mut watcher = client.follow(CAROL, "", None).await;
    let next = change(&client, CAROL).await;
    assert_eq!(watcher.change().await.revision, next);
}

async fn after_a_restore_what_the_backup_holds_goes_on(database: TestDatabase) {
    let clock = TestClock::new();
    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    client.send("bob", c2c(ALICE), "one").await;
    let deletion = client.delete(ALICE, [c2c("bob")]).request_id(REQUEST);
    let first = deletion.clone().await;
    drop(client);
    server.stop().await;
    let backup = database.copy().await;

    after_restore(&backup);
    let server = TestServer::start(&backup, &clock).await;
    let client = server.client().await;
    assert_eq!(deletion_of(&client).await, first.encode_to_vec());
    let restored = client.restored(ALICE, &first.deletion_id).await;
    assert_eq!(restored, [RestorationOutcome::Restored]);
    assert_eq!(client.listed(ALICE).await, [c2c("bob")]);
    let newer = client.delete(ALICE, [c2c("bob")]).await;
    assert!(newer.revision > first.revision);
    let restored = client.restored(ALICE, &newer.deletion_id).await;
    assert_eq!(restored, [RestorationOutcome::Restored]);
}

/// The answer to the request of that name, as it stands on the wire.
async fn deletion_of(client: &Client) -> Vec<u8> {
    let again = client.delete(ALICE, [c2c("bob")]).request_id(REQUEST);
    again.await.encode_to_vec()
}

async fn a_watcher_of_the_former_incarnation_has_to_list_again(database: TestDatabase) {
    let mut config = config(&database);
    config.watch.poll_interval = std::time::Duration::from_millis(50);
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    change(&client, ALICE).await;
    let mut alice = client.follow(ALICE, "", None).await;
    let mut carol = client.follow(CAROL, "", None).await;
    after_restore(&database);
    for watcher in [&mut alice, &mut carol] {
        let (events, status) = watcher.until_the_end().await;
        assert_eq!(events, []);
        refused(Err::<(), _>(status), Code::OutOfRange, "REVISION_COMPACTED");
    }
    let mut alice = client.follow(ALICE, "", None).await;
    let next = change(&client, ALICE).await;
    assert_eq!(alice.change().await.revision, next);
}

async fn beginning_an_incarnation_twice_is_harmless_and_a_backup_can_be_restored_twice(
    database: TestDatabase,
) {
    let clock = TestClock::new();
    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    change(&client, ALICE).await;
    drop(client);
    server.stop().await;
    let (one, other) = (database.copy().await, database.copy().await);

    after_restore(&one);
    after_restore(&one);
    let server = TestServer::start(&one, &clock).await;
    let client = server.client().await;
    for _ in 0..20 {
        change(&client, ALICE).await;
    }
    let lost = change(&client, CAROL).await;
    drop(client);
    server.stop().await;

    after_restore(&other);
    let server = TestServer::start(&other, &clock).await;
    let client = server.client().await;
    for user in [ALICE, CAROL] {
        assert!(change(&client, user).await > lost + 20);
        let watch = client.follow(user, "", Some(lost)).await.hear().await;
        refused(watch, Code::OutOfRange, "REVISION_COMPACTED");
    }
}
