//! SIGTERM and SIGINT: the program finishes the calls in flight, and then ends.

use std::time::Duration;

use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_stream::StreamExt as _;
use tonic::transport::Channel;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

use super::Serving;
use crate::support::{
    client::Client,
    databases::{TestDatabase, on_one_server},
    ids::{c2c, text},
    rows::{Rows, is_sqlite},
    stage::PATIENCE,
};

on_one_server!(
    a_call_in_flight_is_finished_and_nothing_new_is_accepted,
    an_open_connection_does_not_hold_the_end_up,
    a_stream_that_goes_on_is_cut_when_the_drain_timeout_has_passed,
    a_second_signal_ends_it_at_once,
);

const FREE_PORT: [&str; 2] = ["--listen", "127.0.0.1:0"];

async fn a_call_in_flight_is_finished_and_nothing_new_is_accepted(database: TestDatabase) {
    let mut serving = Serving::start(&database, &FREE_PORT);
    let client = Client::connect(serving.address).await;
    client.send("bob", c2c("alice"), "one").await;
    // The next message has to wait for this.
    let rows = Rows::of(&database).await;
    rows.run(if is_sqlite(&database) {
        "BEGIN IMMEDIATE"
    } else {
        "BEGIN; SELECT 1 FROM conversations FOR UPDATE"
    })
    .await;
    let mut in_flight = JoinSet::new();
    let sender = client.clone();
    let mut sending = Box::pin(async move { sender.send("bob", c2c("alice"), "two").await });
    // Looked at once, the call is on its way, and a later one on the connection comes after it.
    let begun = timeout(Duration::ZERO, &mut sending).await;
    assert!(begun.is_err(), "the call waits");
    in_flight.spawn(sending);
    if is_sqlite(&database) {
        client.list_all("alice").await;
    } else {
        let observer = Rows::of(&database).await;
        observer.until_waiting(|waiting| waiting > 0).await;
    }

    serving.signal("TERM");
    let refused = timeout(PATIENCE, async {
        while TcpStream::connect(serving.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    refused.await.expect("nothing new is accepted");
    assert!(in_flight.try_join_next().is_none(), "the call waits");
    rows.run("COMMIT").await;
    let sent = in_flight.join_all().await.remove(0);
    assert_eq!((sent.seq, sent.body), (2, Some(text("two"))));
    assert_eq!(serving.ended().await.code(), Some(0));
    rows.assert_whole().await;
}

async fn an_open_connection_does_not_hold_the_end_up(database: TestDatabase) {
    // It would have to wait for an hour otherwise.
    let arguments = [FREE_PORT.as_slice(), &["--drain-timeout", "1h"]].concat();
    let mut serving = Serving::start(&database, &arguments);
    let client = Client::connect(serving.address).await;
    client.send("bob", c2c("alice"), "hi").await;
    serving.signal("TERM");
    assert_eq!(serving.ended().await.code(), Some(0));
    drop(client);
}

/// A stream that goes on for as long as the client wants to ask.
async fn ask(serving: &Serving) -> impl Sized + use<> {
    let endpoint = Channel::from_shared(format!("http://{}", serving.address));
    let channel = endpoint.expect("a valid URI").connect().await;
    let mut reflection =
        ServerReflectionClient::new(channel.expect("the server accepts connections"));
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let questions = tokio_stream::once(question).chain(tokio_stream::pending());
    let answers = reflection.server_reflection_info(questions).await;
    let mut answers = answers.expect("reflection is served").into_inner();
    let first = answers.message().await.expect("the stream goes on");
    first.expect("the first question is answered");
    answers
}

async fn a_stream_that_goes_on_is_cut_when_the_drain_timeout_has_passed(database: TestDatabase) {
    let arguments = [FREE_PORT.as_slice(), &["--drain-timeout", "200ms"]].concat();
    let mut serving = Serving::start(&database, &arguments);
    let stream = ask(&serving).await;
    serving.signal("TERM");
    assert_eq!(serving.ended().await.code(), Some(0));
    drop(stream);
}

async fn a_second_signal_ends_it_at_once(database: TestDatabase) {
    let arguments = [FREE_PORT.as_slice(), &["--drain-timeout", "1h"]].concat();
    let mut serving = Serving::start(&database, &arguments);
    let stream = ask(&serving).await;
    serving.signal("TERM");
    let refused = timeout(PATIENCE, async {
        while TcpStream::connect(serving.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    refused.await.expect("nothing new is accepted");
    serving.signal("INT");
    assert_eq!(serving.ended().await.code(), Some(0));
    drop(stream);
}
