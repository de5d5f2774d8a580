//! Connections over which nothing is said, or half of it.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::{
    Attacked, SLOWEST, now,
    peer::{Peer, connect_from},
};
use crate::support::{
    certificates::{Authority, Files},
    stage::PATIENCE,
    wire::frame,
};

const CHECK: &str = "/grpc.health.v1.Health/Check";
/// So long that a drain that does not end by itself makes the test fail.
const SLOW_DRAIN: [&str; 2] = ["--drain-timeout", "1h"];
/// More than there may be, and more than arrive at once.
const SILENT: usize = 1500;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// An empty frame of settings.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

/// The bytes that a silent peer sends before it falls silent.
async fn silent(attacked: &Attacked, number: usize, said: &[u8]) -> Vec<TcpStream> {
    let mut silent = Vec::new();
    for _ in 0..number {
        let mut stream = connect_from("127.0.0.1", attacked.process.address()).await;
        stream.write_all(said).await.expect("there is room for it");
        silent.push(stream);
    }
    silent
}

/// A new connection finds room, and a call over it an answer.
async fn assert_reachable(attacked: &Attacked) {
    let begun = now();
    let peer = Peer::connect(attacked.process.address()).await;
    let mut call = peer.begin(CHECK, frame(b""), true).await;
    assert_eq!(call.status().await.code(), Code::Ok);
    assert!(begun.elapsed() < SLOWEST, "{:?}", begun.elapsed());
}

async fn assert_closed(mut stream: TcpStream) {
    let mut bytes = Vec::new();
    // A server that closes without having read all that was sent resets the connection.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("it is closed in time");
}

async fn keep_nobody_out(said: &[u8]) {
    let attacked = Attacked::start(&SLOW_DRAIN).await;
    let mut silent = silent(&attacked, SILENT, said).await;
    for _ in 0..10 {
        assert_reachable(&attacked).await;
    }
    assert_closed(silent.swap_remove(0)).await;
    attacked.assert_within_budget();
    assert!(attacked.process.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_which_nothing_is_said_keep_nobody_out() {
    keep_nobody_out(b"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_which_half_of_the_preface_is_said_keep_nobody_out() {
    keep_nobody_out(&PREFACE[..12]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_which_half_of_an_older_request_is_said_keep_nobody_out() {
    keep_nobody_out(b"POST / HTTP/1.1\r\nhost: ").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_over_which_no_call_comes_keep_nobody_out() {
    let said = [PREFACE, SETTINGS].concat();
    keep_nobody_out(&said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_over_which_nothing_is_said_is_closed_in_time() {
    let attacked = Attacked::start(&[]).await;
    for said in [&b""[..], &PREFACE[..23], b"GET / HTTP/1.1\r\n"] {
        let silent = silent(&attacked, 1, said).await;
        for stream in silent {
            assert_closed(stream).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_2_is_closed_at_once() {
    let attacked = Attacked::start(&[]).await;
    for said in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x16\x03\x01", b"PRI x"] {
        let begun = now();
        for stream in silent(&attacked, 1, said).await {
            assert_closed(stream).await;
        }
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_hear_that_the_server_stops_does_not_hold_it_up() {
    for said in [b"".to_vec(), [PREFACE, SETTINGS].concat()] {
        let attacked = Attacked::start(&SLOW_DRAIN).await;
        let silent = silent(&attacked, 3, &said).await;
        assert_reachable(&attacked).await;
        let begun = now();
        assert!(attacked.process.terminate().success());
        assert!(begun.elapsed() < SLOWEST, "{:?}", begun.elapsed());
        drop(silent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_leaves_room_for_others() {
    let attacked = Attacked::start(&["--max-connections", "30"]).await;
    let address = attacked.process.address();
    let mut used = Vec::new();
    for _ in 0..30 {
        let peer = Peer::connect(address).await;
        let mut call = peer.begin(CHECK, frame(b""), true).await;
        assert_eq!(call.status().await.code(), Code::Ok);
        used.push(peer);
    }
    // There is no room for another one of it: it waits, and goes on as soon as there is.
    let waiting = Peer::connect(address).await;
    let mut call = waiting.begin(CHECK, frame(b""), true).await;
    let other = Peer::over(connect_from("127.0.0.2", address).await, 65_535).await;
    let mut of_other = other.begin(CHECK, frame(b""), true).await;
    assert_eq!(of_other.status().await.code(), Code::Ok);
    used.pop();
    assert_eq!(call.status().await.code(), Code::Ok);
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_do_not_delay_a_handshake() {
    let authority = Authority::new();
    let files = Files::of(&authority.server());
    let arguments = files.arguments();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let attacked = Attacked::start(&arguments).await;
    let silent = silent(&attacked, SILENT, b"").await;
    let mut protected = Vec::new();
    let trust = authority.trust();
    // Those that have shown themselves, and say nothing more, do not either.
    for _ in 0..300 {
        let stream = trust.stream(attacked.process.address()).await;
        protected.push(stream.expect("the handshake is not held up"));
    }
    let begun = now();
    let channel = trust.channel(attacked.process.address()).await;
    let mut health = HealthClient::new(channel.expect("it connects"));
    let answer = health.check(HealthCheckRequest::default()).await;
    answer.expect("it is answered");
    assert!(begun.elapsed() < SLOWEST, "{:?}", begun.elapsed());
    drop((silent, protected));
}
