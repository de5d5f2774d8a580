//! Behind a real `PgBouncer`, as it comes: nothing is lost, nothing fails, and other replicas' changes are
//! seen; and what cannot work is refused when the service starts.

use std::time::Duration;

use conversation_service::{config::Config, proto::PinConversationsRequest};
use tokio::task::JoinSet;

use super::refusal;
use crate::support::{
    client::Client,
    clock::TestClock,
    databases::{Backend, TestDatabase},
    ids::c2c,
    pgbouncer::PgBouncer,
    rows::Rows,
    server::{TestServer, config},
    traffic::{GROUP, Kind, MEMBERS, ask},
};

/// How many callers there are, on two replicas, and how many calls each makes.
const CALLERS: u64 = 12;
const CALLS: u64 = 100;

/// Fewer than the callers, so that sessions change hands.
const FEW: u32 = 5;
/// As many as two replicas may want, each of which keeps what it has.
const ENOUGH: u32 = 40;

async fn database() -> Option<TestDatabase> {
    TestDatabase::create_on_one_server(Backend::Postgres).await
}

fn through(pooler: &PgBouncer, database: &TestDatabase) -> Config {
    let mut config = config(database);
    config.database.url = pooler.url(database).parse().expect("a valid URL");
    config
}

/// Each caller sends, deletes and lists, one call after the other; each call has to succeed.
async fn work(client: Client, caller: u64) {
    for number in caller * CALLS..(caller + 1) * CALLS {
        let kind = match number % 2 {
            0 => Kind::Message,
            _ => Kind::Deletion,
        };
        let answer = ask(&client, kind, number).await;
        answer.unwrap_or_else(|status| panic!("{kind:?} {number}: {status:?}"));
        client.listed("alice").await;
    }
}

async fn pin(client: &Client, pinned: bool) {
    let request = PinConversationsRequest {
        user_id: "alice".to_owned(),
        conversation_ids: vec![c2c("bob")],
        pinned,
        ..PinConversationsRequest::default()
    };
    let mut conversations = client.conversations.clone();
    let answer = conversations.pin_conversations(request).await;
    answer.expect("accepted");
}

/// All that two replicas do with this configuration, with no failure.
async fn traffic(database: &TestDatabase, config: Config) {
    let clock = TestClock::new();
    let one = TestServer::start_with(config.clone(), &clock).await;
    let other = TestServer::start_with(config, &clock).await;
    let (client, far) = (one.client().await, other.client().await);
    client.join(GROUP, &MEMBERS).await;
    client.send("bob", c2c("alice"), "hi").await;

    let mut callers = JoinSet::new();
    for caller in 1..=CALLERS {
        let client = if caller % 2 == 0 { &client } else { &far };
        callers.spawn(work(client.clone(), caller));
    }
    while let Some(done) = callers.join_next().await {
        done.expect("no call has failed");
    }

    // A watcher sees what another replica changes.
    client.send("bob", c2c("alice"), "again").await;
    let mut watcher = client.follow("alice", "phone", None).await;
    for pinned in [true, false] {
        pin(&far, pinned).await;
        watcher.change().await;
    }
    let rows = Rows::of(database).await;
    rows.assert_whole().await;
    let half = i64::try_from(CALLERS * CALLS / 2).expect("a small number");
    assert_eq!(rows.number("SELECT count(*) FROM messages").await, half + 2);
    drop(watcher);
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_through_a_pooler_in_session_mode_never_fails() {
    let Some(database) = database().await else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&database, "session", ENOUGH).await else {
        return;
    };
    traffic(&database, through(&pooler, &database)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_through_a_pooler_in_transaction_mode_never_fails() {
    let Some(database) = database().await else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&database, "transaction", FEW).await else {
        return;
    };
    let mut config = through(&pooler, &database);
    config.watch.poll_interval = Duration::from_millis(50);
    traffic(&database, config).await;
}

/// The poll comes too late for the test to end in time: what is seen was notified.
#[tokio::test(flavor = "multi_thread")]
async fn with_a_direct_url_replicas_behind_a_pooler_notify_each_other() {
    let Some(database) = database().await else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&database, "transaction", FEW).await else {
        return;
    };
    let mut config = through(&pooler, &database);
    config.database.direct_url = Some(database.url().parse().expect("a valid URL"));
    config.watch.poll_interval = Duration::from_hours(1);
    traffic(&database, config).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_without_transactions_is_refused_in_a_sentence() {
    let Some(database) = database().await else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&database, "statement", FEW).await else {
        return;
    };
    let error = refusal(&database, &pooler.url(&database)).await;
    assert!(
        error.contains("pool_mode must be session or transaction"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_url_that_leads_elsewhere_is_refused() {
    let (Some(database), Some(elsewhere)) = (database().await, database().await) else {
        return;
    };
    let mut config = config(&database);
    config.database.direct_url = Some(elsewhere.url().parse().expect("a valid URL"));
    let connected = conversation_service::store::connect(&config.database).await;
    let Err(error) = connected else {
        panic!("it connects");
    };
    assert!(
        error.to_string().contains("leads to another database"),
        "{error}"
    );
}
