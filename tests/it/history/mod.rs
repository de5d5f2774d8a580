//! A history checker: callers do everything that users do, at the same time, on two replicas (SQLite:
//! one process), while the replicas and the database are killed, stopped and cut off, and one more replica
//! has a clock that is a day wrong. Every call is
//! unpinned with its beginning, its end and its outcome. Afterwards all of it must be explicable.
//!
//! - [`recording`]: what was seen; [`drawing`], [`clients`] and [`watchers`]: by whom;
//! - [`nemesis`]: what happens to the service meanwhile;
//! - [`settling`]: what is in doubt is asked again when all is quiet;
//! - [`found`]: what the database holds then;
//! - [`checks`]: what must hold of it all;
//! - [`planted`]: that the checks find what is wrong with a database.
//!
//! The requests are drawn from a seed, which stands in every failure; `TEST_SEED` sets another one. The
//! machine decides which of them happen at the same time. `TEST_HISTORY_CALLS` sets the number of calls:
//! the more, the more is found. By hand, for a longer run:
//!
//! ```text
//! TEST_HISTORY_CALLS=20000 TEST_SEED=7 cargo test --test it history::
//! ```
//!
//! `TEST_HISTORY_POSTGRES` gives PostgreSQL settings of your own, separated by spaces.

pub(crate) mod checks;
mod clients;
mod drawing;
mod found;
mod nemesis;
mod planted;
mod recording;
mod settling;
mod watchers;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    clients::{Caller, Replicas, ask},
    drawing::{CROWD, LARGE_GROUP, SMALL_GROUP, USERS},
    nemesis::Service,
    recording::{Asked, Membership, Recorder},
    settling::{Afterwards, settle},
};
use crate::support::{
    client::Client,
    cluster::Cluster,
    databases::{Backend, TestDatabase},
    dice::{number, seed, words},
};

/// Where randomness begins, if `TEST_SEED` does not say otherwise.
const SEED: u64 = 20_231_114;

/// How many calls there are, if `TEST_HISTORY_CALLS` does not say otherwise.
const CALLS: usize = 600;

const CALLERS: usize = 8;

/// How many calls come to an end between two troubles.
const CALLS_BETWEEN_TROUBLES: usize = 60;

/// How long a history may take, and how much longer for each call, before it counts as a hang.
const PATIENCE: Duration = Duration::from_mins(5);
const PATIENCE_FOR_A_CALL: Duration = Duration::from_secs(1);

/// The settings of the service: few pins, so that there is often no room for another, and a restore
/// window so short that much is erased meanwhile.
const SETTINGS: [&str; 6] = [
    "--pin-limit",
    "2",
    "--restore-window",
    "5s",
    "--purge-interval",
    "1s",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_history_on_sqlite_can_be_explained() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    run(&database, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_history_on_postgres_can_be_explained() {
    let Some(mut cluster) = Cluster::create() else {
        return;
    };
    let settings = settings_of_postgres();
    cluster.start(&settings.iter().map(String::as_str).collect::<Vec<_>>());
    let database = cluster.database();
    run(&database, Some((cluster, settings))).await;
}

/// Settings of PostgreSQL's, if `TEST_HISTORY_POSTGRES` says any.
fn settings_of_postgres() -> Vec<String> {
    let settings = words("TEST_HISTORY_POSTGRES");
    settings.split_whitespace().map(ToOwned::to_owned).collect()
}

#[expect(
    clippy::print_stdout,
    reason = "the harness shows it when the test fails"
)]
async fn run(database: &TestDatabase, cluster: Option<(Cluster, Vec<String>)>) {
    let seed = seed(SEED);
    let calls = number("TEST_HISTORY_CALLS", CALLS);
    let service = Service::start(database, cluster, &SETTINGS).await;
    let for_calls = u32::try_from(calls).expect("fewer calls than that");
    let patience = PATIENCE + PATIENCE_FOR_A_CALL * for_calls;
    let making = make_history(service, seed, calls, Some(CALLS_BETWEEN_TROUBLES));
    let made = timeout(patience, making).await;
    let (recorder, service) = made.unwrap_or_else(|_| panic!("TEST_SEED={seed}: it hangs"));
    let _cluster = service.stop().await;
    let Afterwards {
        violations,
        history,
        ..
    } = settle(database, &recorder).await;
    println!("{}", history.summary());
    violations.assert_none(seed);
}

/// Has everything done and watched, with so many calls between two troubles, if there are any.
async fn make_history(
    service: Service,
    seed: u64,
    calls: usize,
    between_troubles: Option<usize>,
) -> (Arc<Recorder>, Service) {
    let recorder = Arc::new(Recorder::default());
    furnish(&service.clients().await[0], &recorder).await;
    let stop = CancellationToken::new();
    let mut watchers = JoinSet::new();
    for (user, number) in USERS.into_iter().zip(1..) {
        let replicas = replicas(&service, &recorder).await;
        let recorder = Arc::clone(&recorder);
        watchers.spawn(watchers::watch(
            recorder,
            replicas,
            user,
            seed ^ number,
            stop.clone(),
        ));
    }
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let caller = Caller::new(
            &recorder,
            replicas(&service, &recorder).await,
            seed,
            number as u64,
        );
        callers.spawn(caller.work(calls / CALLERS));
    }
    let done = recorder.done.subscribe();
    let finished = CancellationToken::new();
    let every = between_troubles.unwrap_or(usize::MAX / 2);
    let trouble = service.trouble(done, every, seed, finished.clone());
    let working = async {
        callers.join_all().await;
        finished.cancel();
    };
    let (service, ()) = tokio::join!(trouble, working);
    stop.cancel();
    watchers.join_all().await;
    (recorder, service)
}

async fn replicas(service: &Service, recorder: &Recorder) -> Replicas {
    Replicas {
        clients: service.clients().await,
        troubled: service.troubled(),
        done: recorder.done.subscribe(),
    }
}

/// How many changes [`furnish`] makes for each user.
fn joined() -> BTreeMap<String, u64> {
    let users = USERS.into_iter().map(|user| (user, 2));
    let crowd = CROWD.into_iter().map(|user| (user, 1));
    let joined = users.chain(crowd);
    joined
        .map(|(user, count)| (user.to_owned(), count))
        .collect()
}

/// Everybody joins the groups, before there is any message.
async fn furnish(client: &Client, recorder: &Recorder) {
    client.join(LARGE_GROUP, &CROWD).await;
    for (group, number) in [SMALL_GROUP, LARGE_GROUP].into_iter().zip(1_u128..) {
        let asked = Asked::Membership(Membership {
            group,
            users: USERS.to_vec(),
            joins: true,
            request_id: Uuid::from_u128(number).to_string(),
        });
        let call = recorder.begin(asked);
        ask(recorder, client, call).await;
    }
}
