//! The log names the caller, or the address of a stranger. It never holds a token or a digest.

use std::process::Command;

use tonic::Code;

use super::{ADMIN, FEEDER, GATEWAY, LIST, WRONG, call, connect, sqlite};
use crate::support::{
    certificates::{Authority, Files},
    errors::refused,
    logged::Logged,
    process::program,
};

/// The callers `gateway` and `feeder`, as the settings file names them.
fn settings() -> String {
    let digest = |token: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        digits.collect::<String>()
    };
    format!(
        "[[callers]]\nname = \"gateway\"\ntoken_sha256 = \"{}\"\nroles = [\"conversations\"]\n\
         [[callers]]\nname = \"feeder\"\ntoken_sha256 = \"{}\"\nroles = [\"pipeline\"]\n",
        digest(GATEWAY),
        digest(FEEDER)
    )
}

fn command(url: &str, files: &Files, filter: &str) -> Command {
    let mut command = program();
    command
        .args(["--listen", "127.0.0.1:0", "--database-url", url, "--config"])
        .arg(files.write("settings.toml", &settings()))
        .args(files.arguments())
        .env("RUST_LOG", filter);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_line_of_a_call_names_the_caller_and_that_of_a_stranger_the_address() {
    let database = sqlite().await;
    let authority = Authority::new();
    let files = Files::of(&authority.server());
    let filter = "conversation_service=debug";
    let mut server = Logged::start(&mut command(database.url(), &files, filter)).await;
    let trust = authority.trust();
    let channel = connect(server.address(), Some(&trust))
        .await
        .expect("it connects");

    let answer = call(&channel, LIST, Some(GATEWAY)).await;
    refused(answer, Code::InvalidArgument, "INVALID_REQUEST");
    let line = server.line("INVALID_REQUEST").await;
    assert!(
        line.contains("caller=\"gateway\"") && line.contains(LIST),
        "{line}"
    );
    let answer = call(&channel, LIST, Some(FEEDER)).await;
    refused(answer, Code::PermissionDenied, "ROLE_MISSING");
    let line = server.line("ROLE_MISSING").await;
    assert!(line.contains("caller=\"feeder\""), "{line}");
    let answer = call(&channel, LIST, Some(WRONG)).await;
    refused(answer, Code::Unauthenticated, "CREDENTIALS_INVALID");
    let line = server.line("CREDENTIALS_INVALID").await;
    assert!(
        line.contains("peer=127.0.0.1:") && !line.contains("caller="),
        "{line}"
    );
    call(
        &channel,
        "/conversation.v1.MessageService/ListMessages",
        Some(FEEDER),
    )
    .await
    .expect_err("empty");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_of_any_level_holds_a_token_or_a_digest() {
    let database = sqlite().await;
    let authority = Authority::new();
    let files = Files::of(&authority.server());
    let mut server = Logged::start(&mut command(database.url(), &files, "trace")).await;
    let trust = authority.trust();
    let channel = connect(server.address(), Some(&trust))
        .await
        .expect("it connects");
    for token in [GATEWAY, FEEDER, WRONG, ADMIN] {
        let _ = call(&channel, LIST, Some(token)).await;
    }
    // The last of these calls is the last of its kind in the log.
    let answer = call(&channel, LIST, None).await;
    refused(answer, Code::Unauthenticated, "CREDENTIALS_MISSING");
    server.line("CREDENTIALS_MISSING").await;
    let log = server.log();
    assert!(log.contains("TRACE"), "it is all there");
    for secret in [GATEWAY, FEEDER, WRONG, ADMIN, "hunter2"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
    let settings = settings();
    let digests = settings
        .lines()
        .filter_map(|line| line.strip_prefix("token_sha256 = "));
    for digest in digests {
        assert!(!log.contains(digest.trim_matches('"')));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_come_unencrypted_over_a_network_are_warned_of() {
    let database = sqlite().await;
    let files = Files::of(&Authority::new().server());
    let settings = files.write("settings.toml", &settings());
    let start = async |listen: &str, tls: bool| {
        let mut command = program();
        command.args([
            "--listen",
            listen,
            "--database-url",
            database.url(),
            "--config",
        ]);
        command.arg(&settings);
        if tls {
            command.args(files.arguments());
        }
        Logged::start(&mut command).await.log()
    };
    assert!(start("0.0.0.0:0", false).await.contains("come unencrypted"));
    assert!(
        !start("127.0.0.1:0", false)
            .await
            .contains("come unencrypted")
    );
    assert!(!start("0.0.0.0:0", true).await.contains("come unencrypted"));
}
