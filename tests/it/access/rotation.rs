//! Certificates that are replaced while calls go on.

use std::{net::SocketAddr, process::Command};

use conversation_service::proto::{
    SendMessageRequest, WatchConversationsRequest, WatchConversationsResponse,
    conversation_service_client::ConversationServiceClient,
    message_service_client::MessageServiceClient,
};
use prost::Message as _;
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tonic::{Code, Streaming, transport::Channel};

use super::{HEALTH, call, sqlite};
use crate::support::{
    certificates::{Authority, Files, Issued, Trust},
    clock::TestClock,
    ids::{c2c, text},
    logged::Logged,
    process::program,
    server::{TestServer, config},
    stage::PATIENCE,
    wire::{Wire, frame},
};

/// How often the certificate is replaced.
const ROUNDS: usize = 12;
const SEND: &str = "/conversation.v1.MessageService/SendMessage";

fn message() -> SendMessageRequest {
    SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(c2c("alice")),
        body: Some(text("hello")),
        client_message_id: String::new(),
    }
}

/// Sends over one connection that cannot be made again, and counts, until nobody counts with it.
async fn send_over_one(wire: Wire, sent: watch::Sender<usize>) {
    let message = frame(&message().encode_to_vec());
    while !sent.is_closed() {
        let status = wire.post(SEND, &[], &message).await;
        assert_eq!(status.code(), Code::Ok, "{status:?}");
        sent.send_modify(|sent| *sent += 1);
    }
}

/// Sends over one new connection after the other, and counts, until nobody counts with it.
async fn send_over_new(trust: Trust, address: SocketAddr, sent: watch::Sender<usize>) {
    while !sent.is_closed() {
        let channel = trust.channel(address).await.expect("it connects");
        let sending = MessageServiceClient::new(channel)
            .send_message(message())
            .await;
        sending.expect("it is answered");
        sent.send_modify(|sent| *sent += 1);
    }
}

/// Waits until something more was sent. It never is if a call has failed.
async fn until_more(sent: &mut watch::Receiver<usize>) {
    let before = *sent.borrow_and_update();
    let more = timeout(PATIENCE, sent.wait_for(|sent| *sent > before)).await;
    more.expect("calls go on").expect("no call has failed");
}

/// Waits until new connections are shown this certificate.
async fn until_shown(trust: &Trust, address: SocketAddr, expected: &Issued) {
    let shown = timeout(PATIENCE, async {
        while trust.shown_by(address).await != expected.certificate {
            tokio::task::yield_now().await;
        }
    });
    shown.await.expect("the new certificate is shown");
}

async fn watch_alice(channel: Channel) -> Streaming<WatchConversationsResponse> {
    let request = WatchConversationsRequest {
        user_id: "alice".to_owned(),
        ..WatchConversationsRequest::default()
    };
    let watching = ConversationServiceClient::new(channel)
        .watch_conversations(request)
        .await;
    let mut stream = watching.expect("alice can be watched").into_inner();
    stream.message().await.expect("it begins with a bookmark");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_replaced_without_an_interruption() {
    let database = sqlite().await;
    let authority = Authority::new();
    let first = authority.server();
    let files = Files::of(&first);
    let mut config = config(&database);
    config.tls = Some(files.config());
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let (address, trust) = (server.address(), authority.trust());

    let channel = trust.channel(address).await.expect("it connects");
    let mut watched = watch_alice(channel.clone()).await;
    let wire = Wire::over(trust.stream(address).await.expect("it connects")).await;
    let mut sending = JoinSet::new();
    let (sent, mut over_one) = watch::channel(0);
    sending.spawn(send_over_one(wire, sent));
    let (sent, mut over_new) = watch::channel(0);
    sending.spawn(send_over_new(trust.clone(), address, sent));

    for _ in 0..ROUNDS {
        let next = authority.server();
        files.replace(&next);
        until_shown(&trust, address, &next).await;
        until_more(&mut over_one).await;
        until_more(&mut over_new).await;
    }
    drop((over_one, over_new));
    while let Some(ended) = sending.join_next().await {
        ended.expect("no call has failed");
    }

    // The stream that began before is still the same.
    let request = conversation_service::proto::DeleteConversationsRequest {
        user_id: "alice".to_owned(),
        conversation_ids: vec![c2c("bob")],
        client_id: "phone".to_owned(),
        sync_to_other_clients: Some(true),
        ..Default::default()
    };
    let other = trust.channel(address).await.expect("it connects");
    let deleting = ConversationServiceClient::new(other)
        .delete_conversations(request)
        .await;
    deleting.expect("deleted");
    let event = timeout(PATIENCE, watched.message()).await.expect("in time");
    let event = event.expect("the stream goes on").expect("an event");
    assert_eq!((event.revision, event.client_id.as_str()), (1, "phone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_are_replaced_for_new_connections() {
    let database = sqlite().await;
    let (authority, before, after) = (Authority::new(), Authority::new(), Authority::new());
    let files = Files::mutual(&authority.server(), &[&before]);
    let mut config = config(&database);
    config.tls = Some(files.config());
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let address = server.address();
    let old = authority.trust().showing(&before.issue(&["a"], "a"));
    let new = authority.trust().showing(&after.issue(&["a"], "a"));
    let established = old.channel(address).await.expect("it connects");
    assert!(!is_let_in(&new, address).await);

    files.replace_authorities(&[&before, &after]);
    until(async || is_let_in(&new, address).await).await;
    assert!(is_let_in(&old, address).await, "while both are listed");
    files.replace_authorities(&[&after]);
    until(async || !is_let_in(&old, address).await).await;
    assert!(is_let_in(&new, address).await);
    call(&established, HEALTH, None)
        .await
        .expect("what there is goes on");
}

/// Whether a new connection of this client is answered.
async fn is_let_in(trust: &Trust, address: SocketAddr) -> bool {
    match trust.channel(address).await {
        Ok(channel) => call(&channel, HEALTH, None).await.is_ok(),
        Err(_) => false,
    }
}

async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let held = timeout(PATIENCE, async {
        while !holds().await {
            tokio::task::yield_now().await;
        }
    });
    held.await.expect("it becomes so");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_file_changes_nothing_and_the_warning_shows_none_of_its_content() {
    const SECRET: &str = "hunter2hunter2hunter2hunter2";
    let database = sqlite().await;
    let authority = Authority::new();
    let (first, second) = (authority.server(), authority.server());
    let files = Files::of(&first);
    let mut server = Logged::start(&mut command(database.url(), &files)).await;
    let (address, trust) = (server.address(), authority.trust());
    let channel = trust.channel(address).await.expect("it connects");

    // The key of another certificate, then nothing, then what is no key, then no file.
    files.write("key.pem", &second.key_pem());
    server.line("cannot be used with the key").await;
    assert_eq!(trust.shown_by(address).await, first.certificate);
    files.write("cert.pem", "");
    server.line("cert.pem holds no certificate").await;
    assert_eq!(trust.shown_by(address).await, first.certificate);
    files.write("cert.pem", &first.certificate_pem());
    let no_key = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END {SECRET}-----\n");
    files.write("key.pem", &no_key);
    server.line("key.pem holds no private key").await;
    assert_eq!(trust.shown_by(address).await, first.certificate);
    std::fs::remove_file(files.path("key.pem")).expect("it is there");
    server.line("key.pem cannot be read").await;
    assert_eq!(trust.shown_by(address).await, first.certificate);

    files.replace(&second);
    server.line("new connections use the new ones").await;
    assert_eq!(trust.shown_by(address).await, second.certificate);
    call(&channel, HEALTH, None)
        .await
        .expect("what there was goes on");
    let log = server.log();
    assert!(!log.contains(SECRET), "{log}");
    let key = second.key_pem();
    let content = key.lines().nth(1).expect("three lines or more");
    assert!(!log.contains(content), "{log}");
    let warnings = log
        .lines()
        .filter(|line| line.contains("cannot be used; those in use stay"));
    assert!(
        warnings.count() <= 6,
        "each is said once, not every time:\n{log}"
    );
}

fn command(url: &str, files: &Files) -> Command {
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--database-url", url]);
    command.args(files.arguments());
    command
}
