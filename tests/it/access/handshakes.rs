//! Handshakes: which connections succeed, and that a failing one does not delay others.

use std::net::SocketAddr;

use rcgen::ExtendedKeyUsagePurpose;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::rustls::ProtocolVersion;

use super::{HEALTH, call, connect, server, sqlite};
use crate::support::{
    certificates::{Authority, Files, Trust},
    client::Client,
    clock::TestClock,
    server::{TestServer, config},
    stage::PATIENCE,
};

/// Whether a client gets an answer from the server.
async fn reaches(address: SocketAddr, trust: Option<&Trust>) -> Result<(), String> {
    let channel = connect(address, trust)
        .await
        .map_err(|error| format!("{error:?}"))?;
    let answer = call(&channel, HEALTH, None).await;
    answer.map(drop).map_err(|status| format!("{status:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_must_come_from_an_authority_that_is_listed() {
    let database = sqlite().await;
    let (authority, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let files = Files::mutual(&authority.server(), &[&clients]);
    let server = server(&database, Some(&files)).await;
    let address = server.address();

    let good = authority
        .trust()
        .showing(&clients.issue(&["edge.internal"], "edge"));
    reaches(address, Some(&good)).await.expect("it is let in");
    let usages = [ExtendedKeyUsagePurpose::ServerAuth];
    for (shown, why) in [
        (
            others.issue(&["edge.internal"], "edge"),
            "another authority",
        ),
        (
            authority.issue(&["edge.internal"], "edge"),
            "the server's authority",
        ),
        (
            clients.issue_for(&["edge.internal"], "edge", &usages),
            "not for clients",
        ),
    ] {
        let trust = authority.trust().showing(&shown);
        let refused = reaches(address, Some(&trust)).await;
        assert!(refused.is_err(), "{why}");
    }
    assert!(
        reaches(address, Some(&authority.trust())).await.is_err(),
        "none"
    );
    assert!(reaches(address, None).await.is_err(), "plaintext");
    reaches(address, Some(&good))
        .await
        .expect("it is still let in");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_shows_its_certificate_and_speaks_http_2_over_tls_alone() {
    let database = sqlite().await;
    let (authority, others) = (Authority::new(), Authority::new());
    let shown = authority.server();
    let server = server(&database, Some(&Files::of(&shown))).await;
    let address = server.address();
    let stream = authority.trust().stream(address).await.expect("trusted");
    let (_, session) = stream.get_ref();
    assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(authority.trust().shown_by(address).await, shown.certificate);
    assert!(reaches(address, Some(&others.trust())).await.is_err());
    assert!(reaches(address, None).await.is_err(), "plaintext");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_end_its_handshake_holds_up_nobody() {
    const SILENT: usize = 100;
    let database = sqlite().await;
    let authority = Authority::new();
    let server = server(&database, Some(&Files::of(&authority.server()))).await;
    let mut silent = Vec::with_capacity(SILENT);
    for number in 0..SILENT {
        let mut stream = TcpStream::connect(server.address())
            .await
            .expect("accepted");
        if number % 2 == 0 {
            // The first bytes of a handshake, and no more.
            stream.write_all(&[22, 3, 1]).await.expect("open");
        }
        silent.push(stream);
    }
    let trust = authority.trust();
    let reached = timeout(PATIENCE, reaches(server.address(), Some(&trust)));
    reached.await.expect("in time").expect("it is answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_its_own_connection_and_no_other() {
    let database = sqlite().await;
    let authority = Authority::new();
    let server = server(&database, Some(&Files::of(&authority.server()))).await;
    let channel = connect(server.address(), Some(&authority.trust()))
        .await
        .expect("accepted");
    let mut stream = TcpStream::connect(server.address())
        .await
        .expect("accepted");
    stream
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("open");
    let mut answer = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(ended.is_ok(), "the server hangs up");
    call(&channel, HEALTH, None)
        .await
        .expect("the other goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_drains_waits_for_no_handshake() {
    let database = sqlite().await;
    let authority = Authority::new();
    let mut config = config(&database);
    let files = Files::of(&authority.server());
    config.tls = Some(files.config());
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let _silent = TcpStream::connect(server.address())
        .await
        .expect("accepted");
    reaches(server.address(), Some(&authority.trust()))
        .await
        .expect("it is answered");
    // Anything longer would be the drain timeout's end, or the handshake's.
    timeout(PATIENCE, server.stop()).await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_connections_work_as_ever() {
    let database = sqlite().await;
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = Client::connect(server.address()).await;
    assert_eq!(client.list_all("alice").await, []);
}
