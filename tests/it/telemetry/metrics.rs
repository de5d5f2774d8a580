//! The server's metrics, and that docs/reference/metrics.md documents them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use conversation_service::{
    config::Config,
    proto::{DeleteConversationsRequest, PinConversationsRequest},
    server::Server,
};
use tonic::Code;

use super::{
    documented::{self, Documented},
    scrape::Scrape,
};
use crate::support::{
    client::Client,
    clock::TestClock,
    databases::{Backend, TestDatabase, on_every_database},
    errors::refused,
    ids::{c2c, group},
    rows::Rows,
    server::{TestServer, config},
    wire::Wire,
};

on_every_database!(
    every_metric_is_as_documented_and_every_documented_metric_is_there,
    calls_are_counted_by_method_and_status,
    watchers_and_what_they_are_sent_are_counted,
    users_of_a_stream_of_many_are_counted,
    changes_and_messages_are_counted_once,
    a_round_of_the_background_jobs_is_counted,
    connections_of_the_pool_are_counted,
);

const DURATION: &str = "rpc_server_call_duration_seconds_count";
const SEND: &str = "conversation.v1.MessageService/SendMessage";
const DELETE: &str = "conversation.v1.ConversationService/DeleteConversations";
const WATCH: &str = "conversation.v1.ConversationService/WatchConversations";

/// The usual configuration, and a port for metrics.
pub(super) fn measured(database: &TestDatabase) -> Config {
    Config {
        metrics_listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        ..config(database)
    }
}

/// A server, a client of it, and the address of its metrics.
pub(super) async fn start(config: Config, clock: &TestClock) -> (TestServer, SocketAddr) {
    let server = TestServer::start_with(config, clock).await;
    let metrics = server.metrics_address().expect("metrics are served");
    (server, metrics)
}

async fn pin(client: &Client, user: &str, friend: &str) {
    let request = PinConversationsRequest {
        user_id: user.to_owned(),
        conversation_ids: vec![c2c(friend)],
        pinned: true,
        ..PinConversationsRequest::default()
    };
    let answer = client
        .conversations
        .clone()
        .pin_conversations(request)
        .await;
    answer.expect("accepted");
}

async fn every_metric_is_as_documented_and_every_documented_metric_is_there(
    database: TestDatabase,
) {
    let (server, metrics) = start(measured(&database), &TestClock::new()).await;
    let client = server.client().await;
    client.send("bob", c2c("alice"), "hi").await;
    let _watcher = client.follow("alice", "phone", None).await;
    let scrape = Scrape::until(metrics, |scrape| {
        scrape.value(DURATION, &[("rpc_method", SEND)]).is_some()
    })
    .await;

    let mut found: BTreeMap<String, Documented> = BTreeMap::new();
    for (name, kind) in &scrape.kinds {
        let documented = Documented {
            kind: kind.clone(),
            labels: BTreeSet::new(),
        };
        found.insert(name.clone(), documented);
    }
    for sample in &scrape.samples {
        let name = sample.metric(&scrape.kinds);
        let metric = found.get_mut(name);
        let metric = metric.unwrap_or_else(|| panic!("{name} has no type"));
        // The bound of a histogram's bucket is none of the service's labels.
        let labels = sample.labels.keys().filter(|label| *label != "le");
        metric.labels.extend(labels.cloned());
    }
    assert_eq!(found, documented::metrics());
}

async fn calls_are_counted_by_method_and_status(database: TestDatabase) {
    let (server, metrics) = start(measured(&database), &TestClock::new()).await;
    let client = server.client().await;
    for _ in 0..3 {
        client.send("bob", c2c("alice"), "hi").await;
    }
    let nothing = DeleteConversationsRequest {
        user_id: "alice".to_owned(),
        ..DeleteConversationsRequest::default()
    };
    let answer = client
        .conversations
        .clone()
        .delete_conversations(nothing)
        .await;
    refused(answer, Code::InvalidArgument, "INVALID_REQUEST");
    let wire = Wire::connect(server.address()).await;
    for path in [
        "/a.B/C",
        "/a.B/D",
        "/",
        "/conversation.v1.MessageService/No",
    ] {
        let status = wire.post(path, &[], &[0; 5]).await;
        assert_eq!(status.code(), Code::Unimplemented);
    }
    let _watcher = client.follow("alice", "phone", None).await;

    let ended = |method, code| {
        [
            ("rpc_method", method),
            ("rpc_response_status_code", code),
            ("rpc_system_name", "grpc"),
        ]
    };
    let scrape = Scrape::until(metrics, |scrape| {
        scrape.is(DURATION, &ended(SEND, "OK"), 3.0)
            && scrape.is(DURATION, &ended("_OTHER", "UNIMPLEMENTED"), 4.0)
    })
    .await;
    scrape.assert(DURATION, &ended(DELETE, "INVALID_ARGUMENT"), 1.0);
    scrape.assert("conversation_calls_in_flight", &[("rpc_method", SEND)], 0.0);
    scrape.assert(
        "conversation_calls_in_flight",
        &[("rpc_method", WATCH)],
        1.0,
    );
    assert_eq!(scrape.value(DURATION, &[("rpc_method", WATCH)]), None);
    // Nothing that a caller makes up is a label.
    let methods: BTreeSet<_> = scrape
        .samples
        .iter()
        .filter(|sample| sample.name == DURATION || sample.name == "conversation_calls_in_flight")
        .filter_map(|sample| sample.labels.get("rpc_method"))
        .collect();
    let known = BTreeSet::from([DELETE, SEND, WATCH, "_OTHER"].map(str::to_owned));
    assert_eq!(methods, known.iter().collect());
}

async fn watchers_and_what_they_are_sent_are_counted(database: TestDatabase) {
    let (server, metrics) = start(measured(&database), &TestClock::new()).await;
    let client = server.client().await;
    client.send("bob", c2c("alice"), "hi").await;
    let one = client.follow("alice", "phone", None).await;
    let mut other = client.follow("alice", "laptop", None).await;
    pin(&client, "alice", "bob").await;
    other.change().await;
    Scrape::until(metrics, |scrape| {
        scrape.is("conversation_watchers", &[], 2.0)
            && scrape.is(
                "conversation_watch_events_total",
                &[("kind", "change")],
                2.0,
            )
            && scrape.is(
                "conversation_watch_events_total",
                &[("kind", "bookmark")],
                2.0,
            )
    })
    .await;
    drop(one);
    let scrape = Scrape::until(metrics, |scrape| {
        scrape.is("conversation_watchers", &[], 1.0)
            && scrape.is(DURATION, &[("rpc_method", WATCH)], 1.0)
    })
    .await;
    let gone = [("reason", "client_gone")];
    scrape.assert("conversation_watches_ended_total", &gone, 1.0);
    scrape.assert("conversation_watches_ended_total", &[], 1.0);
    let cancelled = [
        ("rpc_method", WATCH),
        ("rpc_response_status_code", "CANCELLED"),
    ];
    scrape.assert(DURATION, &cancelled, 1.0);
}

async fn users_of_a_stream_of_many_are_counted(database: TestDatabase) {
    let (server, metrics) = start(measured(&database), &TestClock::new()).await;
    let client = server.client().await;
    let mut watcher = client.watch_users("").await;
    watcher.follow("alice", None).await;
    watcher.follow("bob", None).await;
    watcher.add(" ", None);
    watcher.ended(" ").await;
    watcher.add("alice", Some(9));
    watcher.ended("alice").await;
    watcher.follow("carol", None).await;
    let scrape = Scrape::until(metrics, |scrape| {
        scrape.is("conversation_watched_users", &[], 2.0)
            && scrape.is("conversation_watchers", &[], 1.0)
            && scrape.is(
                "conversation_watch_events_total",
                &[("kind", "bookmark")],
                3.0,
            )
    })
    .await;
    for (reason, times) in [("invalid", 1.0), ("list_again", 1.0), ("limit", 0.0)] {
        let reason = [("reason", reason)];
        scrape.assert("conversation_watched_users_ended_total", &reason, times);
    }
    watcher.close();
    let (_, status) = watcher.until_the_end().await;
    status.expect("a stream that was closed ends well");
    let scrape = Scrape::until(metrics, |scrape| {
        scrape.is("conversation_watched_users", &[], 0.0)
            && scrape.is("conversation_watchers", &[], 0.0)
    })
    .await;
    let closed = [("reason", "closed")];
    scrape.assert("conversation_watches_ended_total", &closed, 1.0);
}

async fn changes_and_messages_are_counted_once(database: TestDatabase) {
    let (server, metrics) = start(measured(&database), &TestClock::new()).await;
    let client = server.client().await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send_system(&["alice", "bob"], "hello").await;
    for _ in 0..2 {
        // The second time it is a retry.
        let request = DeleteConversationsRequest {
            user_id: "alice".to_owned(),
            conversation_ids: vec![c2c("bob")],
            request_id: "00000000-0000-4000-8000-000000000001".to_owned(),
            ..DeleteConversationsRequest::default()
        };
        let answer = client
            .conversations
            .clone()
            .delete_conversations(request)
            .await;
        answer.expect("accepted");
    }
    pin(&client, "bob", "alice").await;
    let scrape = Scrape::of(metrics).await;
    scrape.assert("conversation_messages_stored_total", &[], 3.0);
    for (kind, count) in [("delete_and_clear", 1.0), ("pin", 1.0), ("delete", 0.0)] {
        scrape.assert("conversation_changes_total", &[("kind", kind)], count);
    }
    scrape.assert("conversation_changes_total", &[], 2.0);
    let append = [("db_operation_name", "append"), ("error_type", "")];
    scrape.assert("db_client_operation_duration_seconds_count", &append, 2.0);
}

async fn a_round_of_the_background_jobs_is_counted(database: TestDatabase) {
    let mut config = measured(&database);
    config.jobs.purge_interval = Duration::from_millis(20);
    let window = config.deletion.restore_window;
    let retention = config.jobs.change_retention;
    let clock = TestClock::new();
    let (server, metrics) = start(config, &clock).await;
    let client = server.client().await;
    client.join("crew", &["alice"]).await;
    client.send("alice", group("crew"), "one").await;
    client.send("alice", group("crew"), "two").await;
    client.delete("alice", [group("crew")]).await;
    let completed = [("outcome", "completed")];
    let before = Scrape::until(metrics, |scrape| {
        scrape.value("conversation_purge_rounds_total", &completed) >= Some(1.0)
    });
    let before = before.await;
    before.assert("conversation_purge_erased_messages_total", &[], 0.0);

    clock.advance(window + Duration::from_secs(1));
    let erased = |scrape: &Scrape| scrape.is("conversation_purge_erased_messages_total", &[], 2.0);
    Scrape::until(metrics, erased).await;
    clock.advance(retention);
    let trimmed = |scrape: &Scrape| scrape.is("conversation_purge_trimmed_changes_total", &[], 2.0);
    let after = Scrape::until(metrics, trimmed).await;
    after.assert("conversation_purge_backlog", &[], 0.0);
    after.assert(
        "conversation_purge_rounds_total",
        &[("outcome", "failed")],
        0.0,
    );
}

async fn connections_of_the_pool_are_counted(database: TestDatabase) {
    let mut config = measured(&database);
    config.database.pool_size = 3;
    let (server, metrics) = start(config, &TestClock::new()).await;
    server.client().await.send("bob", c2c("alice"), "hi").await;
    let scrape = Scrape::until(metrics, |scrape| {
        let used = [("db_client_connection_state", "used")];
        scrape.is("db_client_connections", &used, 0.0)
    })
    .await;
    scrape.assert("db_client_connection_max", &[], 3.0);
    let idle = [("db_client_connection_state", "idle")];
    assert!(scrape.value("db_client_connections", &idle) >= Some(1.0));
    scrape.assert("conversation_serving", &[], 1.0);
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    scrape.assert("conversation_build_info", &version, 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failing_round_leaves_is_measured() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let mut config = measured(&database);
    config.jobs.purge_interval = Duration::from_millis(20);
    let window = config.deletion.restore_window;
    let clock = TestClock::new();
    let (server, metrics) = start(config, &clock).await;
    let client = server.client().await;
    client.send("bob", c2c("alice"), "hi").await;
    client.delete("alice", [c2c("bob")]).await;
    client.delete("bob", [c2c("alice")]).await;
    let rows = Rows::of(&database).await;
    rows.run(
        "CREATE TRIGGER nothing_is_claimed BEFORE UPDATE ON changes \
         BEGIN SELECT RAISE(ABORT, 'not now'); END",
    )
    .await;
    clock.advance(window + Duration::from_secs(90));
    let failed = [("outcome", "failed")];
    let scrape = Scrape::until(metrics, |scrape| {
        scrape.is("conversation_purge_backlog", &[], 2.0)
            && scrape.value("conversation_purge_rounds_total", &failed) >= Some(1.0)
    })
    .await;
    scrape.assert("conversation_purge_lag_seconds", &[], 90.0);

    rows.run("DROP TRIGGER nothing_is_claimed").await;
    let scrape = Scrape::until(metrics, |scrape| {
        scrape.is("conversation_purge_backlog", &[], 0.0)
    })
    .await;
    scrape.assert("conversation_purge_lag_seconds", &[], 0.0);
    scrape.assert("conversation_purge_erased_messages_total", &[], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_one_process_do_not_mix_their_metrics() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let clock = TestClock::new();
    let (one, of_one) = start(measured(&database), &clock).await;
    let (_other, of_other) = start(measured(&database), &clock).await;
    one.client().await.send("bob", c2c("alice"), "hi").await;
    let sent = |scrape: &Scrape| scrape.is(DURATION, &[("rpc_method", SEND)], 1.0);
    Scrape::until(of_one, sent).await;
    let other = Scrape::of(of_other).await;
    assert_eq!(other.value(DURATION, &[("rpc_method", SEND)]), None);
    other.assert("conversation_messages_stored_total", &[], 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_listens_for_metrics_by_default() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let server = Server::bind(&config(&database), TestClock::new().clock()).await;
    assert_eq!(server.expect("it starts").metrics_addr(), None);
}
