//! The port for metrics, as anything on the network may use it, and until when it answers.

use std::{net::SocketAddr, time::Duration};

use conversation_service::{lifecycle::Shutdown, server::Server};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet, time::timeout};

use super::{
    metrics::measured,
    program::Program,
    scrape::{Scrape, request},
};
use crate::support::{
    client::Client,
    clock::TestClock,
    databases::{Backend, TestDatabase, on_one_server},
    ids::c2c,
    rows::{Rows, is_sqlite},
    server::TestServer,
    stage::PATIENCE,
};

on_one_server!(it_answers_until_the_server_has_drained);

async fn sqlite_server() -> (TestDatabase, TestServer, SocketAddr) {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let server = TestServer::start_with(measured(&database), &TestClock::new()).await;
    let metrics = server.metrics_address().expect("metrics are served");
    (database, server, metrics)
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_come_as_prometheus_text_or_as_what_is_asked_for() {
    let (_database, _server, metrics) = sqlite_server().await;
    let answer = request(metrics, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .headers
            .contains("content-type: text/plain; version=0.0.4")
    );
    assert!(
        answer
            .body
            .contains("# TYPE conversation_messages_stored_total counter\n")
    );
    assert!(!answer.body.contains("# EOF"));

    let accepting = "GET /metrics HTTP/1.1\r\nHost: x\r\n\
                     Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n\r\n";
    let answer = request(metrics, accepting).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .headers
            .contains("content-type: application/openmetrics-text")
    );
    assert!(
        answer
            .body
            .contains("# TYPE conversation_messages_stored counter\n")
    );
    assert!(answer.body.ends_with("# EOF\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_reading_metrics_is_answered() {
    let (_database, server, metrics) = sqlite_server().await;
    for (head, status) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (
            "GET /metrics/../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
            404,
        ),
        (
            "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
            405,
        ),
        ("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        ("GET /metrics HTTP/1.0\r\n\r\n", 200),
        ("what is this\r\n\r\n", 400),
    ] {
        assert_eq!(request(metrics, head).await.status, status, "{head}");
    }
    let endless = format!(
        "GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n",
        "x".repeat(64 * 1024)
    );
    assert_eq!(request(metrics, &endless).await.status, 431);
    server.client().await.send("bob", c2c("alice"), "hi").await;
    Scrape::of(metrics)
        .await
        .assert("conversation_messages_stored_total", &[], 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_where_its_metrics_are_and_otherwise_has_none() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let program = Program::start(database.url(), &["--metrics-listen=127.0.0.1:0"], &[]);
    let scrape = Scrape::of(program.metrics_address().await).await;
    scrape.assert("conversation_serving", &[], 1.0);
    let (status, _) = program.stop().await;
    assert!(status.success());

    let program = Program::start(database.url(), &[], &[]);
    program.client().await.send("bob", c2c("alice"), "hi").await;
    let said = program.said();
    let (_, written) = program.stop().await;
    assert!(!format!("{said:?} {written:?}").contains("metrics"));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_do_not_keep_the_server_from_stopping() {
    let (_database, server, metrics) = sqlite_server().await;
    // More than are served at a time.
    let mut silent = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(metrics).await.expect("it listens");
        stream.write_all(b"GET /metr").await.expect("it is read");
        silent.push(stream);
    }
    server.client().await.send("bob", c2c("alice"), "hi").await;
    timeout(PATIENCE, server.stop())
        .await
        .expect("it stops in time");
}

/// A call that cannot be finished yet holds the drain up. Meanwhile metrics say that the server does
/// not serve any more, and what it is waiting for.
async fn it_answers_until_the_server_has_drained(database: TestDatabase) {
    let mut config = measured(&database);
    config.drain_timeout = Duration::from_hours(1);
    let server = Server::bind(&config, TestClock::new().clock()).await;
    let server = server.expect("it starts");
    let (address, metrics) = (server.local_addr(), server.metrics_addr());
    let metrics = metrics.expect("metrics are served");
    let shutdown = Shutdown::new();
    let mut running = JoinSet::new();
    running.spawn({
        let shutdown = shutdown.clone();
        async move { server.serve(shutdown).await }
    });
    let client = Client::connect(address).await;
    client.send("bob", c2c("alice"), "one").await;
    let rows = Rows::of(&database).await;
    rows.run(if is_sqlite(&database) {
        "BEGIN IMMEDIATE"
    } else {
        "BEGIN; SELECT 1 FROM conversations FOR UPDATE"
    })
    .await;
    let mut in_flight = JoinSet::new();
    in_flight.spawn(async move { client.send("bob", c2c("alice"), "two").await });
    let of_sending = [("rpc_method", "conversation.v1.MessageService/SendMessage")];
    let flies = |scrape: &Scrape| scrape.is("conversation_calls_in_flight", &of_sending, 1.0);
    Scrape::until(metrics, flies)
        .await
        .assert("conversation_serving", &[], 1.0);

    shutdown.begin();
    let draining = Scrape::until(metrics, |scrape| {
        scrape.is("conversation_serving", &[], 0.0)
    });
    assert!(flies(&draining.await));
    rows.run("COMMIT").await;
    let sent = timeout(PATIENCE, in_flight.join_next()).await;
    assert_eq!(sent.expect("in time").expect("one").expect("sent").seq, 2);
    let ended = timeout(PATIENCE, running.join_next()).await;
    ended
        .expect("it ends in time")
        .expect("one")
        .expect("in order");
    assert!(TcpStream::connect(metrics).await.is_err(), "nobody listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_which_nothing_is_asked_do_not_blind_it() {
    let (_database, _server, metrics) = sqlite_server().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(metrics).await.expect("it is accepted"));
    }
    let asking = request(metrics, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    // None of the silent ones has been given up for its silence by then.
    let answer = timeout(Duration::from_secs(5), asking).await;
    assert_eq!(answer.expect("it is answered soon").status, 200);
    drop(silent);
}
