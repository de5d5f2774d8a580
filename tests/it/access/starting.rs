//! Settings of access that the server refuses to start with, and those that it accepts.

use std::process::Command;

use super::sqlite;
use crate::support::{
    certificates::{Authority, Files},
    logged::Logged,
    process::program,
};

/// Checks that the program refuses to start, what it says, and what it does not.
#[track_caller]
fn refused(command: &mut Command, says: &[&str], secrets: &[&str]) {
    let output = command.output().expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(output.stdout.is_empty());
    for part in says {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    for secret in secrets {
        assert!(!said.contains(secret), "{secret:?} is in:\n{said}");
    }
}

/// A start that gets as far as the certificates, and must not get to the database.
fn start(files: &Files) -> Command {
    let mut command = program();
    command.args(["--database-url", "sqlite:///no/such/place/x.db"]);
    command.args(files.arguments());
    command
}

#[test]
fn certificates_that_cannot_be_used_stop_the_start() {
    let (authority, others) = (Authority::new(), Authority::new());
    let (own, other) = (authority.server(), others.server());
    let files = Files::mutual(&own, &[&authority]);
    let key = own.key_pem();
    let secret = key.lines().nth(1).expect("three lines or more");
    let name = |name| files.path(name).display().to_string();
    let spoilt = format!("-----BEGIN PRIVATE KEY-----\n{secret}\n");
    for (file, content, says) in [
        ("cert.pem", "", "holds no certificate in PEM form"),
        ("cert.pem", key.as_str(), "holds no certificate in PEM form"),
        (
            "cert.pem",
            &other.certificate_pem(),
            "cannot be used with the key",
        ),
        ("key.pem", "", "holds no private key"),
        ("key.pem", &own.certificate_pem(), "holds no private key"),
        ("key.pem", &spoilt, "holds no private key"),
        ("key.pem", &other.key_pem(), "cannot be used with the key"),
        ("ca.pem", "nothing", "holds no certificate in PEM form"),
        ("ca.pem", &key, "holds no certificate in PEM form"),
    ] {
        files.write(file, content);
        let setting = if says.contains("with the key") {
            "tls_cert and tls_key".to_owned()
        } else {
            let setting = match file {
                "cert.pem" => "tls_cert",
                "key.pem" => "tls_key",
                _ => "tls_client_ca",
            };
            format!("{setting}: {}", name(file))
        };
        refused(&mut start(&files), &[&setting, says], &[secret]);
        files.replace(&own);
        files.replace_authorities(&[&authority]);
    }
    for (file, setting) in [
        ("cert.pem", "tls_cert"),
        ("key.pem", "tls_key"),
        ("ca.pem", "tls_client_ca"),
    ] {
        std::fs::remove_file(files.path(file)).expect("it is there");
        let says = format!("{setting}: {} cannot be read", name(file));
        refused(&mut start(&files), &[&says], &[secret]);
        files.replace(&own);
        files.replace_authorities(&[&authority]);
    }
}

#[test]
fn files_that_belong_together_and_are_not_all_named_stop_the_start() {
    for (flags, says) in [
        (&["--tls-cert=c"][..], "tls_cert is set and tls_key is not"),
        (&["--tls-key=k"], "tls_key is set and tls_cert is not"),
        (
            &["--tls-client-ca=a"],
            "tls_client_ca is set and tls_cert is not",
        ),
    ] {
        refused(program().args(flags), &[says], &[]);
    }
}

#[test]
fn callers_that_are_not_well_formed_stop_the_start_and_no_secret_is_shown() {
    let files = Files::of(&Authority::new().server());
    let caller = |lines: &str| format!("[[callers]]\n{lines}\n");
    for (text, says) in [
        (
            caller("name = 'a'\ntoken = 'hunter2'"),
            &["settings.toml: `callers[0]`: `token`: there is no such setting"][..],
        ),
        (
            caller("name = 'a'\ntoken_sha256 = 'hunter2'\nroles = ['pipeline']"),
            &["settings.toml: `callers[0]`: `token_sha256`: expected a SHA-256"],
        ),
        (
            caller("name = 'a'\ncertificate_name = 'a'\nroles = ['pipeline']"),
            &["`a`", "tls_client_ca must say whose"],
        ),
        (
            caller("name = 'a'\ncertificate_name = 'a'\nroles = ['hunter2']"),
            &["settings.toml: `callers[0]`: `roles`"],
        ),
        (
            "[callers]\nhunter2 = 1\n".to_owned(),
            &["settings.toml: `callers`", "[[callers]]"],
        ),
    ] {
        let settings = files.write("settings.toml", &text);
        refused(program().arg("--config").arg(settings), says, &["hunter2"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_callers_listens_beyond_loopback_without_more_ado() {
    let database = sqlite().await;
    let files = Files::of(&Authority::new().server());
    let digest = "0a".repeat(32);
    let settings = files.write(
        "settings.toml",
        &format!("[[callers]]\nname = 'a'\ntoken_sha256 = '{digest}'\nroles = ['pipeline']\n"),
    );
    let mut command = program();
    command
        .args([
            "--listen",
            "0.0.0.0:0",
            "--database-url",
            database.url(),
            "--config",
        ])
        .arg(settings);
    let server = Logged::start(&mut command).await;
    assert!(server.address().ip().is_unspecified());
}
