//! Settings that change while the server runs: callers, synchronisation and log lines.

use std::process::Command;

use tonic::{Code, transport::Channel};

use super::{FEEDER, GATEWAY, LIST, call, connect, sqlite};
use crate::support::{
    certificates::{Authority, Files},
    errors::reason,
    logged::Logged,
    process::program,
};

/// The caller `gateway` with these tokens.
fn gateway(tokens: &[&str]) -> String {
    let digest = |token: &&str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
        let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
        format!("\"{}\"", digits.collect::<String>())
    };
    let digests: Vec<_> = tokens.iter().map(digest).collect();
    format!(
        "[[callers]]\nname = \"gateway\"\ntoken_sha256 = [{}]\nroles = [\"conversations\"]\n",
        digests.join(", ")
    )
}

/// Whether a token is one of a caller's. The request itself is refused, as it names no user.
async fn is_known(channel: &Channel, token: &str) -> bool {
    let status = call(channel, LIST, Some(token))
        .await
        .expect_err("it is refused");
    let is_let_in = status.code() == Code::InvalidArgument;
    if !is_let_in {
        assert_eq!(reason(&status), "CREDENTIALS_INVALID");
    }
    is_let_in
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_replaced_without_a_break_and_a_broken_file_changes_nothing() {
    let database = sqlite().await;
    let files = Files::of(&Authority::new().server());
    let settings = files.write("settings.toml", &gateway(&[GATEWAY]));
    let mut command: Command = program();
    command
        .args([
            "--listen",
            "127.0.0.1:0",
            "--database-url",
            database.url(),
            "--config",
        ])
        .arg(&settings)
        .env_remove("RUST_LOG");
    let mut server = Logged::start(&mut command).await;
    let channel = connect(server.address(), None).await.expect("it connects");
    assert!(is_known(&channel, GATEWAY).await && !is_known(&channel, FEEDER).await);

    files.write("settings.toml", &gateway(&[GATEWAY, FEEDER]));
    server
        .line("the settings file has changed changed=\"callers\"")
        .await;
    assert!(is_known(&channel, GATEWAY).await && is_known(&channel, FEEDER).await);

    files.write(
        "settings.toml",
        "[[callers]]\nname = 'gateway'\ntoken_sha256 = 'hunter2'\n",
    );
    let line = server.line("the settings file cannot be used").await;
    assert!(
        line.contains("token_sha256") && !line.contains("hunter2"),
        "{line}"
    );
    assert!(is_known(&channel, GATEWAY).await && is_known(&channel, FEEDER).await);

    files.write("settings.toml", "sync_deletions = true\n");
    server.line("would let everyone in").await;
    assert!(is_known(&channel, FEEDER).await);

    files.write(
        "settings.toml",
        &format!("log_filter = 'debug'\n{}", gateway(&[FEEDER])),
    );
    server.line("changed=\"callers, log_filter\"").await;
    assert!(!is_known(&channel, GATEWAY).await && is_known(&channel, FEEDER).await);
    server.line("DEBUG").await;
}
