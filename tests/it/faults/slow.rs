//! The database is slow: statements wait for a lock.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use prost::Message as _;
use tokio::time::timeout;
use tonic::Code;

use super::{BESIDE_THE_POOL, through_a_proxy};
use crate::support::{
    client::Client,
    concurrently::concurrently,
    databases::{Backend, TestDatabase},
    errors::refused,
    health::Health,
    proxy::{Line, Way},
    rows::Rows,
    server::config,
    stage::{PATIENCE, Stage},
    traffic::{
        Answer, Asked, GROUP, Kind, MEMBERS, ask, deletion_request, message_request, repeat,
    },
    wire::{Wire, frame},
};

/// Fewer than the calls, so that some wait for a connection and some for the lock.
const CONNECTIONS: u32 = 4;
const CALLS: u64 = 12;

/// How long callers wait.
const DEADLINE: Duration = Duration::from_millis(500);

/// When PostgreSQL would have ended the statements by itself.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
     AND application_name = 'conversation-service' AND wait_event_type = 'Lock'";
const OPEN: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
     AND application_name = 'conversation-service' AND state LIKE 'idle in transaction%'";
const CONNECTED: &str = "SELECT count(*) FROM pg_stat_activity \
     WHERE datname = current_database() AND application_name = 'conversation-service'";

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_wait_too_long_end_in_time_and_leave_nothing_behind() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let mut config = config(&database);
    config.database.pool_size = CONNECTIONS;
    let Stage { client, server, .. } = Stage::open_with(config).await;
    let mut health = Health::follow(server.address()).await;
    client.join(GROUP, &MEMBERS).await;
    let mut first = Vec::new();
    for number in 0..CALLS {
        let (kind, answer) = answered(&client, number).await;
        first.push(Asked {
            kind,
            number,
            answer: Some(answer),
        });
    }
    let watching = Rows::of(&database).await;
    let stored = count(&watching).await;

    let locking = Rows::of(&database).await;
    locking
        .run("BEGIN; LOCK TABLE members IN ACCESS EXCLUSIVE MODE")
        .await;
    let mut longest = Duration::ZERO;
    for _ in 0..2 {
        let calls = (CALLS..2 * CALLS).map(|number| {
            let address = server.address();
            async move { expires(address, number).await }
        });
        let taken = concurrently(calls).await;
        longest = longest.max(taken.into_iter().max().expect("there were calls"));
    }
    assert!(longest < STATEMENT_TIMEOUT, "{longest:?}");

    // Nobody waits for the statements any more, so they end, although the lock is still held.
    let expired = Instant::now();
    watching.until(WAITING, |count| count == 0).await;
    let outlived = expired.elapsed();
    assert!(outlived < STATEMENT_TIMEOUT / 2, "{outlived:?}");
    watching.until(OPEN, |count| count == 0).await;
    assert!(health.is_serving(), "a lock is no outage");

    locking.run("ROLLBACK").await;
    // A call that has expired was not carried out behind its caller's back.
    watching.assert_whole().await;
    assert_eq!(count(&watching).await, stored);
    // The same requests are carried out now, more of them at a time than there are connections.
    let released = Instant::now();
    let retries = (CALLS..2 * CALLS).map(|number| {
        let client = client.clone();
        async move { answered(&client, number).await }
    });
    concurrently(retries).await;
    let recovered = released.elapsed();
    health.serving().await;
    watching.assert_whole().await;
    let now = count(&watching).await;
    assert_eq!(now, stored + i64::try_from(CALLS).expect("a small number"));
    let lost = repeat(&client, &first).await.lost;
    let most = i64::from(CONNECTIONS + BESIDE_THE_POOL);
    watching.until(CONNECTED, |count| count <= most).await;
    watching.until(OPEN, |count| count == 0).await;
    assert_eq!(lost, []);
    report(longest, outlived, recovered);
}

#[expect(
    clippy::print_stdout,
    reason = "the report is for whoever runs the test"
)]
fn report(longest: Duration, outlived: Duration, recovered: Duration) {
    println!(
        "statements wait for a lock, deadline {} ms: answered within {} ms; statements ended {} ms \
         later, with the lock still held; 0 lost, 0 half done; all retries answered {} ms after \
         the lock was released",
        DEADLINE.as_millis(),
        longest.as_millis(),
        outlived.as_millis(),
        recovered.as_millis(),
    );
}

/// Everything that is ever recorded.
async fn count(rows: &Rows) -> i64 {
    rows.number("SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM changes)")
        .await
}

/// The answer to the `BEGIN` of a message comes after the call's deadline has passed.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_begins_too_late_takes_nothing_with_it() {
    let Some(database) = TestDatabase::create(Backend::Postgres).await else {
        return;
    };
    let (mut config, proxy) = through_a_proxy(&database).await;
    // The next call has no other connection to use.
    config.database.pool_size = 1;
    let Stage { client, server, .. } = Stage::open_with(config).await;
    client.join(GROUP, &MEMBERS).await;
    let rows = Rows::of(&database).await;
    let stored = count(&rows).await;

    proxy.set(Line::Hole(Way::ToClient));
    expires(server.address(), 0).await;
    proxy.mend();

    answered(&client, 1).await;
    assert_eq!(
        count(&rows).await,
        stored + 1,
        "what is acknowledged is stored"
    );
    rows.until(OPEN, |count| count == 0).await;
}

fn kind(number: u64) -> Kind {
    if number.is_multiple_of(2) {
        Kind::Message
    } else {
        Kind::Deletion
    }
}

async fn answered(client: &Client, number: u64) -> (Kind, Answer) {
    let answer = timeout(PATIENCE, ask(client, kind(number), number)).await;
    let answer = answer.expect("it is answered");
    (kind(number), answer.expect("it is carried out"))
}

/// Makes the same call with a deadline, which passes; returns how long the answer took. The generated
/// client would keep the deadline by itself.
async fn expires(address: SocketAddr, number: u64) -> Duration {
    let wire = Wire::connect(address).await;
    let (method, message) = match kind(number) {
        Kind::Message => (
            "MessageService/SendMessage",
            message_request(number).encode_to_vec(),
        ),
        Kind::Deletion => (
            "ConversationService/DeleteConversations",
            deletion_request(number).encode_to_vec(),
        ),
    };
    let timeout = format!("{}m", DEADLINE.as_millis());
    let begun = Instant::now();
    let status = wire
        .post(
            &format!("/conversation.v1.{method}"),
            &[("grpc-timeout", &timeout)],
            &frame(&message),
        )
        .await;
    let taken = begun.elapsed();
    refused(
        Err::<(), _>(status),
        Code::DeadlineExceeded,
        "DEADLINE_EXCEEDED",
    );
    taken
}
