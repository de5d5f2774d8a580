//! The file of a SQLite database is private, and is missed when it is gone.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

use conversation_service::proto::SendMessageRequest;
use tonic::{Code, Status};

use crate::support::{
    client::Client,
    databases::{Backend, TestDatabase},
    errors::refused,
    health::Health,
    ids::{c2c, text},
    logged::Logged,
    process::{Process, program},
    stage::Stage,
};

async fn database() -> (TestDatabase, PathBuf) {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let path = database.url().strip_prefix("sqlite://").expect("a file");
    let path = PathBuf::from(path);
    (database, path)
}

/// Sends a message that may be refused.
async fn send(client: &Client) -> Result<(), Status> {
    let request = SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(c2c("alice")),
        body: Some(text("into nowhere")),
        client_message_id: String::new(),
    };
    let sent = client.messages.clone().send_message(request).await;
    sent.map(drop)
}

/// The files in the directory of the database.
fn files(path: &std::path::Path) -> Vec<PathBuf> {
    let directory = path.parent().expect("it is in a directory");
    let entries = fs::read_dir(directory).expect("it can be read");
    entries.map(|it| it.expect("an entry").path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_and_its_companions_are_its_owners_alone_whatever_the_umask() {
    let (database, path) = database().await;
    let mut shell = Command::new("sh");
    let arguments = "umask 000; exec \"$0\" \"$@\"";
    shell
        .args(["-c", arguments])
        .arg(program().get_program())
        .args(["--listen", "127.0.0.1:0", "--database-url", database.url()]);
    let server = Logged::start(&mut shell).await;
    let client = Client::connect(server.address()).await;
    client.send("bob", c2c("alice"), "hello").await;
    let files = files(&path);
    assert!(
        files.len() >= 3,
        "the write-ahead log and its index: {files:?}"
    );
    for file in files {
        let mode = fs::metadata(&file)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_file_is_deleted_nothing_is_acknowledged_and_health_says_so() {
    let (database, path) = database().await;
    let stage = Stage::open(&database).await;
    let mut health = Health::follow(stage.server.address()).await;
    stage.client.send("bob", c2c("alice"), "hello").await;
    health.serving().await;

    let elsewhere = path.with_extension("away");
    fs::rename(&path, &elsewhere).expect("it can be moved");
    // At once, not when somebody has noticed.
    let lost = send(&stage.client).await;
    refused(lost, Code::Unavailable, "DATABASE_UNAVAILABLE");
    health.not_serving().await;
    assert!(!path.exists(), "nobody makes another one in its place");

    fs::rename(&elsewhere, &path).expect("it can be moved");
    health.serving().await;
    stage.client.send("bob", c2c("alice"), "again").await;
    assert_eq!(stage.client.history("alice", c2c("bob")).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_its_file_is_replaced_nothing_is_acknowledged_until_a_restart() {
    let (database, path) = database().await;
    let server = Process::start(&database).await;
    let client = server.client().await;
    let mut health = Health::follow(server.address()).await;
    client.send("bob", c2c("alice"), "hello").await;
    health.serving().await;

    let other = path.with_extension("other");
    fs::copy(&path, &other).expect("it can be copied");
    fs::rename(&other, &path).expect("it can be replaced");
    let lost = send(&client).await;
    refused(lost, Code::Unavailable, "DATABASE_UNAVAILABLE");
    health.not_serving().await;
    let server = server.kill_and_restart().await;
    server
        .client()
        .await
        .send("bob", c2c("alice"), "here")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_server_on_a_file_says_that_it_is() {
    let (database, _) = database().await;
    let start = || {
        let mut program = program();
        program.args(["--listen", "127.0.0.1:0", "--database-url", database.url()]);
        program
    };
    let one = Logged::start(&mut start()).await;
    let mut other = Logged::start(&mut start()).await;
    other.line("another server uses the same SQLite file").await;
    assert!(!one.log().contains("another server"));
}
