//! A log that nobody reads, and one that somebody tries to fill.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use http::uri::PathAndQuery;
use tokio::time::timeout;
use tonic::{Code, Request, Status, client::Grpc, transport::Channel};

use super::{
    program::{Program, objects},
    scrape::Scrape,
};
use crate::support::{
    databases::{Backend, TestDatabase},
    health::Health,
    process::program,
    raw::Raw,
    stage::PATIENCE,
};

const LISTENING: &str = "conversation-service listening on ";
const METRICS: &str = "metrics at http://";
const HEALTH: &str = "/grpc.health.v1.Health/Check";
const DELETE: &str = "/conversation.v1.ConversationService/DeleteConversations";

/// More than a pipe and the queue of lines hold, at the level that says most.
const CALLS: usize = 1000;

/// The program with pipes, of which only standard output is read.
struct Unread {
    child: Child,
    address: SocketAddr,
    metrics: SocketAddr,
}

impl Unread {
    fn start(url: &str, filter: &str) -> Self {
        let mut child = program()
            .args(["--listen", "127.0.0.1:0", "--database-url", url])
            .args(["--metrics-listen", "127.0.0.1:0"])
            .env("RUST_LOG", filter)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        let said = BufReader::new(child.stdout.take().expect("standard output is a pipe"));
        let mut lines = said.lines().map_while(Result::ok);
        let mut address = |before: &str, after: &str| {
            let line = lines.next().expect("it says where it listens");
            let line = line
                .strip_prefix(before)
                .and_then(|it| it.strip_suffix(after));
            line.expect("an address").parse().expect("an address")
        };
        Self {
            address: address(LISTENING, ""),
            metrics: address(METRICS, "/metrics"),
            child,
        }
    }

    async fn dropped(&self) -> f64 {
        let scrape = Scrape::of(self.metrics).await;
        let dropped = scrape.value("conversation_log_lines_dropped_total", &[]);
        dropped.expect("it is counted")
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn connect(address: SocketAddr) -> Channel {
    let channel = Channel::from_shared(format!("http://{address}"));
    let channel = channel.expect("a valid URI").connect().await;
    channel.expect("the server listens")
}

/// Calls with an empty message.
async fn call(channel: &Channel, path: &str) -> Result<(), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.expect("the server is there");
    let request = Request::new(tokio_stream::once(Vec::new()));
    let path = PathAndQuery::try_from(path.to_owned()).expect("a path");
    let answer = timeout(PATIENCE, client.streaming(request, path, Raw)).await;
    let mut answers = answer.expect("an answer in time")?.into_inner();
    answers.message().await.map(drop)
}

async fn refuse(channel: &Channel, path: &str, code: Code) {
    let refused = call(channel, path).await.expect_err("it is refused");
    assert_eq!(refused.code(), code);
}

async fn sqlite() -> TestDatabase {
    let database = TestDatabase::create(Backend::Sqlite).await;
    database.expect("SQLite is always there")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_holds_up_no_call_and_says_afterwards_what_it_lost() {
    let database = sqlite().await;
    let mut server = Unread::start(database.url(), "trace");
    let channel = connect(server.address).await;
    for _ in 0..CALLS {
        refuse(&channel, DELETE, Code::InvalidArgument).await;
    }
    call(&channel, HEALTH).await.expect("it serves");
    Health::follow(server.address).await.serving().await;
    assert!(server.dropped().await > 0.0, "there was too much to keep");

    // Somebody reads again.
    let written = server
        .child
        .stderr
        .take()
        .expect("standard error is a pipe");
    let read = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(written).lines().map_while(Result::ok);
        let mut lost = lines.filter(|line| line.contains("log lines were dropped"));
        lost.next().expect("it says so before it ends")
    });
    let line = timeout(PATIENCE, read).await.expect("in time");
    assert!(line.expect("no panic").contains("lines="));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_nobody_reads_does_not_keep_the_program_from_ending() {
    let database = sqlite().await;
    let mut server = Unread::start(database.url(), "trace");
    let channel = connect(server.address).await;
    for _ in 0..CALLS {
        refuse(&channel, DELETE, Code::InvalidArgument).await;
    }
    drop(channel);
    let asked = Command::new("kill")
        .args(["-s", "TERM", &server.child.id().to_string()])
        .status();
    assert!(asked.expect("there is a `kill`").success(), "it runs");
    let ended = timeout(PATIENCE, async {
        loop {
            if let Some(status) = server.child.try_wait().expect("the program is ours") {
                return status;
            }
            tokio::task::yield_now().await;
        }
    });
    assert!(ended.await.expect("it ends in time").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refusals_is_a_few_lines() {
    let database = sqlite().await;
    let server = Program::start(database.url(), &["--log-format=json"], &[]);
    let channel = connect(server.address().await).await;
    let long = format!("/x.Y/{}", "hunter2".repeat(500));
    for _ in 0..CALLS {
        refuse(&channel, &long, Code::Unimplemented).await;
        refuse(&channel, DELETE, Code::InvalidArgument).await;
    }
    drop(channel);
    let (status, lines) = server.stop().await;
    assert!(status.success());
    let bytes: usize = lines.iter().map(String::len).sum();
    assert!(bytes < 64 * 1024, "{bytes} bytes in {} lines", lines.len());
    let text = lines.join("\n");
    assert!(!text.contains("hunter2"), "{text}");

    // Nothing is lost of their number.
    for (method, code) in [("_OTHER", "UNIMPLEMENTED"), (DELETE, "INVALID_ARGUMENT")] {
        let lines = objects(&lines);
        let of_kind = lines.iter().filter(|line| line["code"] == code);
        let counted = of_kind.map(|line| {
            let again = line["method"] == method || line["method"] == method[1..];
            assert!(again, "{line}");
            line["count"].as_u64().unwrap_or(1)
        });
        assert_eq!(counted.sum::<u64>(), 1000, "{text}");
    }
}

#[test]
fn a_reader_who_has_gone_is_no_reason_to_stop() {
    let mut child = program()
        .args(["migrate", "--database-url", "sqlite:///nowhere/at/all.db"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    drop(child.stderr.take());
    let mut said = String::new();
    let mut out = child.stdout.take().expect("standard output is a pipe");
    out.read_to_string(&mut said).expect("plain text");
    let status = child.wait().expect("the program is ours");
    assert_eq!((status.code(), said.as_str()), (Some(1), ""));
}
