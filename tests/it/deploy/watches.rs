//! The watches of the client for callers, which resume by themselves.

use std::{collections::BTreeMap, net::SocketAddr};

use conversation_service::{
    client::{Client, UserUpdate, UsersWatch, reason},
    config::Config,
    proto::{ErrorReason, WatchConversationsRequest},
};
use tokio::time::timeout;

use super::client::free_address;
use crate::support::{
    client::Client as Caller,
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    ids::c2c,
    server::{TestServer, config},
    stage::PATIENCE,
};

on_every_database!(
    a_watch_goes_on_after_a_restart_without_loss_and_without_repetition,
    many_users_are_followed_after_a_restart_without_loss_and_without_repetition,
    a_user_that_cannot_be_followed_ends_and_the_others_go_on,
);

const USERS: [&str; 3] = ["alice", "bob", "carol"];

async fn serve(database: &TestDatabase, listen: SocketAddr) -> TestServer {
    let settings = Config {
        listen,
        ..config(database)
    };
    TestServer::start_with(settings, &TestClock::new()).await
}

/// Makes so many changes of a user; returns the user's revision.
async fn change(caller: &Caller, user: &str, times: u64) -> u64 {
    for _ in 0..times {
        caller.send("friend", c2c(user), "hi").await;
        caller.delete(user, [c2c("friend")]).sync(true).await;
    }
    caller.revision(user).await
}

async fn a_watch_goes_on_after_a_restart_without_loss_and_without_repetition(
    database: TestDatabase,
) {
    let listen = free_address().await;
    let client = Client::connect(format!("http://{listen}")).expect("an address");
    let mut watch = client.watch(WatchConversationsRequest {
        user_id: "alice".to_owned(),
        after_revision: Some(0),
        ..WatchConversationsRequest::default()
    });
    let mut heard = 0;
    for round in 1..=2 {
        let server = serve(&database, listen).await;
        let caller = server.client().await;
        let last = change(&caller, "alice", 3).await;
        assert_eq!(last, 3 * round);
        while heard < last {
            let entry = timeout(PATIENCE, watch.next()).await.expect("in time");
            let entry = entry.expect("the watch goes on");
            if entry.change.is_some() {
                assert_eq!(entry.revision, heard + 1);
                heard = entry.revision;
            }
        }
        drop(caller);
        server.stop().await;
    }
}

/// Follows until each user has come to its revision.
async fn until(watch: &mut UsersWatch, heard: &mut BTreeMap<String, u64>, last: &[(&str, u64)]) {
    let is_behind = |heard: &BTreeMap<String, u64>| {
        let mut users = last.iter();
        users.any(|(user, last)| heard.get(*user).is_none_or(|heard| heard < last))
    };
    while is_behind(heard) {
        let update = timeout(PATIENCE, watch.next()).await.expect("in time");
        let update = update.expect("the watch goes on");
        let Some(UserUpdate::Entry { user_id, entry }) = update else {
            panic!("nobody ends: {update:?}");
        };
        if entry.change.is_some() {
            let heard = heard.entry(user_id).or_default();
            assert_eq!(entry.revision, *heard + 1);
            *heard = entry.revision;
        }
    }
}

async fn many_users_are_followed_after_a_restart_without_loss_and_without_repetition(
    database: TestDatabase,
) {
    let listen = free_address().await;
    let client = Client::connect(format!("http://{listen}")).expect("an address");
    let mut watch = client.watch_users("gateway");
    let mut heard = BTreeMap::new();
    for round in 1..=2 {
        let server = serve(&database, listen).await;
        let caller = server.client().await;
        let mut last = Vec::new();
        for user in USERS {
            last.push((user, change(&caller, user, 2 * round).await));
            if round == 1 {
                watch.users().add(user, Some(0));
            }
        }
        until(&mut watch, &mut heard, &last).await;
        // Live, too.
        for (user, last) in &mut last {
            *last = change(&caller, user, 1).await;
        }
        until(&mut watch, &mut heard, &last).await;
        watch.users().remove("carol");
        watch.users().add("carol", Some(heard["carol"]));
        drop(caller);
        if round == 1 {
            server.stop().await;
        } else {
            watch.users().close();
            while let Some(update) = timeout(PATIENCE, watch.next())
                .await
                .expect("in time")
                .expect("it was closed")
            {
                let UserUpdate::Entry { entry, .. } = update else {
                    panic!("nobody ends");
                };
                assert!(entry.change.is_none(), "everything was heard of");
            }
        }
    }
}

async fn a_user_that_cannot_be_followed_ends_and_the_others_go_on(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let caller = server.client().await;
    let client = Client::connect(format!("http://{}", server.address())).expect("an address");
    let mut watch = client.watch_users("");
    let users = watch.users().clone();
    users.add("alice", Some(9));
    users.add(" ", None);
    users.add("bob", None);
    let (mut ended, mut is_followed) = (BTreeMap::new(), false);
    while ended.len() < 2 || !is_followed {
        let update = timeout(PATIENCE, watch.next()).await.expect("in time");
        match update.expect("the watch goes on").expect("it is open") {
            UserUpdate::Entry { user_id, entry } => {
                assert_eq!((user_id.as_str(), entry.revision), ("bob", 0));
                is_followed = true;
            }
            UserUpdate::Ended { user_id, status } => {
                ended.insert(user_id, reason(&status));
            }
        }
    }
    let expected = [
        (" ".to_owned(), Some(ErrorReason::InvalidRequest)),
        ("alice".to_owned(), Some(ErrorReason::RevisionUnknown)),
    ];
    assert_eq!(ended, BTreeMap::from(expected));
    // The caller lists again and adds the user with the list's revision.
    users.add("alice", Some(caller.revision("alice").await));
    let mut heard = BTreeMap::new();
    let last = [
        ("alice", change(&caller, "alice", 2).await),
        ("bob", change(&caller, "bob", 2).await),
    ];
    until(&mut watch, &mut heard, &last).await;
}
