//! The client that this crate has for its callers.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use conversation_service::{
    access::{Caller, Callers, Credential, Role, TokenDigest},
    client::{Certificate, Client, ClientError, ClientTlsConfig, reason, retry_delay},
    config::Config,
    domain::CallerName,
    proto::{
        ConversationId, DeleteConversationsRequest, DeletionOutcome, ErrorReason,
        ListConversationsRequest, SendMessageRequest, WatchConversationsRequest,
    },
};
use tokio::{net::TcpListener, time::timeout};
use tonic::{Code, Status};

use crate::support::{
    certificates::{Authority, Files, SERVER},
    clock::TestClock,
    databases::{Backend, TestDatabase, on_every_database},
    ids::text,
    server::{TestServer, config},
    stage::PATIENCE,
};

const TOKEN: &str = "client-token-hunter2";

on_every_database!(two_lines_delete_a_conversation);

async fn sqlite() -> TestDatabase {
    let database = TestDatabase::create(Backend::Sqlite).await;
    database.expect("SQLite is always there")
}

/// An address that nobody listens on.
pub(super) async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("there is a free port");
    listener.local_addr().expect("a listener has an address")
}

async fn list(client: &Client) -> Result<usize, Status> {
    let request = ListConversationsRequest {
        user_id: "alice".to_owned(),
        ..ListConversationsRequest::default()
    };
    let answer = client.conversations().list_conversations(request).await?;
    Ok(answer.into_inner().conversations.len())
}

async fn send(client: &Client) {
    let request = SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(ConversationId::c2c("alice")),
        body: Some(text("hi")),
        client_message_id: String::new(),
    };
    let sent = client.messages().send_message(request).await;
    sent.expect("the message is accepted");
}

async fn two_lines_delete_a_conversation(database: TestDatabase) {
    let server = TestServer::start(&database, &TestClock::new()).await;
    let client = Client::connect(format!("http://{}", server.address())).expect("an address");
    send(&client).await;
    let deleted = client
        .conversations()
        .delete_conversations(DeleteConversationsRequest {
            user_id: "alice".to_owned(),
            conversation_ids: vec!["C2Cbob".parse().expect("an ID")],
            ..DeleteConversationsRequest::default()
        })
        .await
        .expect("the deletion is accepted")
        .into_inner();
    assert_eq!(deleted.results[0].outcome(), DeletionOutcome::Deleted);
    assert_eq!(list(&client).await.expect("a list"), 0);
}

#[tokio::test]
async fn a_client_finds_a_server_that_was_away() {
    let database = sqlite().await;
    let clock = TestClock::new();
    let listen = free_address().await;
    let client = Client::connect(format!("http://{listen}")).expect("an address");
    for _ in 0..2 {
        let away = list(&client).await.expect_err("nobody is there");
        assert_eq!(away.code(), Code::Unavailable, "{away:?}");
        assert!(retry_delay(&away).is_some(), "{away:?}");
        assert_eq!(reason(&away), None);

        let settings = Config {
            listen,
            ..config(&database)
        };
        let server = TestServer::start_with(settings, &clock).await;
        assert_eq!(list(&client).await.expect("a list"), 0);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_token_lets_in_over_tls_and_is_never_shown() {
    let database = sqlite().await;
    let authority = Authority::new();
    let files = Files::of(&authority.server());
    let caller = Caller {
        name: CallerName::new("gateway").expect("a name"),
        credential: Credential::Tokens(vec![TokenDigest::of(TOKEN.as_bytes())]),
        roles: [Role::Conversations].into(),
    };
    let settings = Config {
        callers: Callers::new(vec![caller]).expect("there is only one"),
        tls: Some(files.config()),
        ..config(&database)
    };
    let server = TestServer::start_with(settings, &TestClock::new()).await;

    let trust = ClientTlsConfig::new()
        .domain_name(SERVER)
        .ca_certificate(Certificate::from_pem(authority.pem()));
    let builder = Client::builder(format!("https://{}", server.address())).tls(trust);
    let nobody = builder.clone().connect().expect("a client");
    let refused = list(&nobody).await.expect_err("callers are named");
    assert_eq!(reason(&refused), Some(ErrorReason::CredentialsMissing));
    assert_eq!(retry_delay(&refused), None);

    let builder = builder.token(TOKEN).expect("plain text");
    let client = builder.clone().connect().expect("a client");
    assert_eq!(list(&client).await.expect("a list"), 0);
    let shown = format!("{builder:?} {client:?} {:?}", client.conversations());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn a_call_has_a_deadline_and_a_watch_has_none() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let silent = silent.expect("there is a free port");
    let address = silent.local_addr().expect("a listener has an address");
    let hasty = |address| {
        Client::builder(format!("http://{address}"))
            .deadline(Duration::ZERO)
            .connect()
            .expect("a client")
    };
    let answer = timeout(PATIENCE, list(&hasty(address))).await;
    let late = answer
        .expect("the call ends")
        .expect_err("nobody has answered");
    assert!(late.message().contains("Timeout"), "{late:?}");

    let database = sqlite().await;
    let server = TestServer::start(&database, &TestClock::new()).await;
    let watch = WatchConversationsRequest {
        user_id: "alice".to_owned(),
        ..WatchConversationsRequest::default()
    };
    let watch = hasty(server.address())
        .conversations()
        .watch_conversations(watch)
        .await;
    let mut watch = watch.expect("the watch is accepted").into_inner();
    let first = watch.message().await.expect("the stream goes on");
    assert!(first.expect("a bookmark").change.is_none());
}

#[tokio::test]
async fn what_cannot_be_connected_to_is_refused_at_once() {
    for address in ["", "127.0.0.1:50051", "unix:///socket", "ftp://host:1"] {
        let refused = Client::connect(address).expect_err(address);
        assert!(matches!(refused, ClientError::Address), "{refused}");
    }
    let refused = Client::connect("https://host:50051").expect_err("nobody to trust");
    assert!(matches!(refused, ClientError::NobodyToTrust), "{refused}");
    let refused = Client::builder("http://host:50051").token("two\nlines");
    let refused = refused.expect_err("no header");
    assert!(matches!(refused, ClientError::Token), "{refused}");
}
