//! Draining: callers and watchers of a server that stops see no failure.

use tokio::time::timeout;
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
    health_client::HealthClient,
};

use super::Serving;
use crate::support::{
    client::Client,
    databases::{TestDatabase, on_one_server},
    errors::refused,
    ids::c2c,
    overload::{block, fill},
    stage::PATIENCE,
};

on_one_server!(
    calls_in_flight_are_answered_and_watches_end_in_order,
    a_watcher_of_health_is_notified_and_delays_nothing,
);

const WATCHERS: usize = 100;
const CALLS: u32 = 100;

/// So long that a drain that does not end by itself makes the test fail.
const SLOW_DRAIN: [&str; 4] = ["--listen", "127.0.0.1:0", "--drain-timeout", "1h"];

async fn calls_in_flight_are_answered_and_watches_end_in_order(database: TestDatabase) {
    // Full when the calls have all been let in.
    let places = CALLS.to_string();
    let arguments = [SLOW_DRAIN.as_slice(), &["--max-requests", &places]].concat();
    let mut serving = Serving::start(&database, &arguments);
    let client = Client::connect(serving.address).await;
    client.send("bob", c2c("alice"), "hi").await;
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        watchers.push(client.follow("alice", "", None).await);
    }
    let rows = block(&database).await;
    let mut calls = fill(&client, CALLS).await;

    serving.signal("TERM");
    for mut watcher in watchers {
        let (events, status) = watcher.until_the_end().await;
        assert_eq!(events, []);
        refused::<()>(Err(status), Code::Unavailable, "SHUTTING_DOWN");
    }
    assert!(calls.try_join_next().is_none(), "they wait for the lock");
    rows.run("COMMIT").await;
    let mut seqs: Vec<_> = calls.join_all().await.iter().map(|sent| sent.seq).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (2..=u64::from(CALLS) + 1).collect::<Vec<_>>());
    let ended = serving.ended().await;
    assert_eq!(ended.code(), Some(0), "long before its time is up");
    rows.assert_whole().await;
}

async fn a_watcher_of_health_is_notified_and_delays_nothing(database: TestDatabase) {
    let mut serving = Serving::start(&database, &SLOW_DRAIN);
    let endpoint = Channel::from_shared(format!("http://{}", serving.address));
    let channel = endpoint.expect("a valid URI").connect().await;
    let mut health = HealthClient::new(channel.expect("the server accepts connections"));
    let mut followed = Vec::new();
    for service in ["", "conversation.v1.ConversationService"] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let stream = health.watch(request).await.expect("health is served");
        let mut stream = stream.into_inner();
        let first = stream.message().await;
        assert_eq!(status(first), Some(ServingStatus::Serving));
        followed.push(stream);
    }
    serving.signal("TERM");
    for mut stream in followed {
        let told = timeout(PATIENCE, stream.message()).await;
        let told = told.expect("it is told in time");
        assert_eq!(status(told), Some(ServingStatus::NotServing));
        let end = timeout(PATIENCE, stream.message()).await;
        assert_eq!(status(end.expect("the stream ends")), None);
    }
    assert_eq!(serving.ended().await.code(), Some(0));
}

fn status(message: Result<Option<HealthCheckResponse>, Status>) -> Option<ServingStatus> {
    let message = message.expect("the stream ends in order, if it ends");
    message.map(|message| message.status())
}
