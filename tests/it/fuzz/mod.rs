//! Callers who send nearly anything, at the level of gRPC, of HTTP/2 and of its connections. Whatever
//! comes, every call is answered with a code and a reason of the service's own, none of them says that
//! the service failed, and nothing is left of it afterwards: no watch, no task, no connection of the
//! pool, which is so small that the first lost one would be missed.
//!
//! The seed is fixed and shown; `TEST_SEED` sets another one, and `TEST_OPERATIONS` the number of
//! calls. What parses requests is fuzzed without a server, too: see `fuzz/`.

mod caller;
mod calls;
mod frames;
mod mutations;
mod seeds;
mod tokens;

use std::{env, sync::Arc, time::Duration};

use conversation_service::store;
use tokio::{sync::watch, time::timeout};
use tonic::{Code, transport::Channel};

use self::caller::{Caller, Tally};
use crate::support::{
    clock::TestClock,
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    dice::seed,
    ids::c2c,
    server::{TestServer, config},
    stage::PATIENCE,
};

on_every_database!(any_input_is_answered_and_leaves_nothing_behind);

/// Where randomness begins, if `TEST_SEED` does not say otherwise.
const SEED: u64 = 20_261_124;
/// How many calls are made, if `TEST_OPERATIONS` does not say otherwise.
const CALLS: usize = 3_000;
/// How many callers make them.
const CALLERS: usize = 4;
/// How many connections the pool has.
const CONNECTIONS: u32 = 3;
/// How often the server asks for the users who are watched.
const OFTEN: Duration = Duration::from_millis(20);
/// So long that a server that waits for it fails the test.
const NEVER: Duration = Duration::from_hours(1);
/// A user whom nobody but the test watches.
const SENTINEL: &str = "sentinel";

async fn any_input_is_answered_and_leaves_nothing_behind(database: TestDatabase) {
    let mut config = config(&database);
    config.watch.poll_interval = OFTEN;
    config.drain_timeout = NEVER;
    config.database.pool_size = CONNECTIONS;
    let store = store::connect(&config.database).await;
    let store = store.expect("the database is there");
    let (asking, mut asked_for) = watch::channel(String::new());
    store.database().observe(move |statement| {
        if statement.sql.starts_with("SELECT i.user_id, ") {
            asking.send_replace(format!("{:?}", statement.values));
        }
    });
    let server = TestServer::start_on(store, config, &TestClock::new()).await;
    let client = server.client().await;
    let watcher = client.follow(SENTINEL, "", None).await;
    let alone = timeout(
        PATIENCE,
        asked_for.wait_for(|users| users.contains(SENTINEL)),
    )
    .await;
    let alone = alone
        .expect("the server polls in time")
        .expect("the server polls")
        .clone();

    let tally = everything(&server).await;
    for code in [
        Code::Ok,
        Code::InvalidArgument,
        Code::NotFound,
        Code::Unimplemented,
        Code::DeadlineExceeded,
    ] {
        assert!(
            tally.contains_key(&code.into()),
            "never {code:?}: {tally:?}"
        );
    }

    // Nobody is watched but by the test.
    asked_for.mark_unchanged();
    let left = timeout(PATIENCE, asked_for.wait_for(|users| *users == alone)).await;
    left.expect("no watch is left in time")
        .expect("the server polls");
    // The connections that everybody shared, and the server itself, are as they were.
    let sent = client.send("erin", c2c("frank"), "hi").await;
    assert_eq!(client.history("erin", c2c("frank")).await, [sent]);
    // It ends once no call, no task and no connection is left, however long that takes.
    drop((watcher, client));
    let stopped = timeout(PATIENCE, server.stop()).await;
    stopped.expect("nothing is left that the server waits for");
}

async fn everything(server: &TestServer) -> Tally {
    let channel = Channel::from_shared(format!("http://{}", server.address()));
    let channel = channel.expect("a valid URI").connect().await;
    let channel = channel.expect("the server accepts connections");
    let seeds = Arc::new(seeds::of_every_method(&channel).await);
    let beginning = seed(SEED);
    let calls = calls();
    let callers = (0..CALLERS as u64).map(|number| {
        let (seeds, address) = (Arc::clone(&seeds), server.address());
        async move {
            let caller = Caller::new(address, seeds, beginning.wrapping_add(number)).await;
            caller.run(calls / CALLERS).await
        }
    });
    let mut all = Tally::new();
    for tally in concurrently(callers).await {
        for (code, times) in tally {
            *all.entry(code).or_default() += times;
        }
    }
    all
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is no setting of the service"
)]
fn calls() -> usize {
    env::var("TEST_OPERATIONS").map_or(CALLS, |number| {
        number.parse().expect("TEST_OPERATIONS is a number")
    })
}
