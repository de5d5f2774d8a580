//! The command `health`, where connections are protected.

use std::process::{Command, Output};

use rcgen::ExtendedKeyUsagePurpose;

use super::{server, sqlite};
use crate::support::{
    certificates::{Authority, Files},
    process::program,
};

fn health(arguments: &[String]) -> Output {
    let output = program().arg("health").args(arguments).output();
    output.expect("the program can be started")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn serves(arguments: &[String]) {
    let output = health(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[track_caller]
fn fails(arguments: &[String], code: i32, part: &str) {
    let output = health(arguments);
    assert_eq!(output.status.code(), Some(code), "{}", said(&output));
    assert!(said(&output).contains(part), "{}", said(&output));
}

fn with(more: &[&str], arguments: &[String]) -> Vec<String> {
    let more = more.iter().map(ToString::to_string);
    more.chain(arguments.iter().cloned()).collect()
}

fn file(flag: &str, files: &Files, name: &str, content: &str) -> String {
    format!("{flag}={}", files.write(name, content).display())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_beside_the_server_needs_the_servers_settings_and_no_more() {
    let database = sqlite().await;
    let authority = Authority::new();
    for files in [
        Files::of(&authority.server()),
        Files::mutual(&authority.server(), &[&authority]),
    ] {
        let server = server(&database, Some(&files)).await;
        let address = server.address().to_string();
        let secure = format!("https://{address}");
        serves(&with(&["--listen", &address], &files.arguments()));
        serves(&with(&["--address", &address], &files.arguments()));
        serves(&with(&["--address", &secure], &files.arguments()));
        let clear = format!("http://{address}");
        fails(
            &with(&["--address", &clear], &files.arguments()),
            1,
            &address,
        );
        // Another certificate of the same authority is another server's.
        let other = Files::mutual(&authority.server(), &[&authority]);
        fails(
            &with(&["--address", &address], &other.arguments()),
            1,
            "no connection",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_from_elsewhere_names_the_authorities_and_checks_the_name() {
    let database = sqlite().await;
    let authority = Authority::new();
    let named = authority.issue(&["localhost"], "a server");
    for (certificate, serving) in [(named, true), (authority.server(), false)] {
        let files = Files::of(&certificate);
        let server = server(&database, Some(&files)).await;
        let address = format!("localhost:{}", server.address().port());
        let ca = file("--ca", &files, "authority.pem", &authority.pem());
        let others = file("--ca", &files, "others.pem", &Authority::new().pem());
        for address in [&address, &format!("https://{address}")] {
            let asked = with(&["--address", address], std::slice::from_ref(&ca));
            if serving {
                serves(&asked);
            } else {
                fails(&asked, 1, "certificate");
            }
            let asked = with(&["--address", address], std::slice::from_ref(&others));
            fails(&asked, 1, "certificate");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_certificate_that_is_not_for_clients_needs_another_for_the_probe() {
    let database = sqlite().await;
    let authority = Authority::new();
    let usages = [ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = authority.issue_for(&["localhost"], "a server", &usages);
    let files = Files::mutual(&certificate, &[&authority]);
    let server = server(&database, Some(&files)).await;
    let address = server.address().to_string();
    let asked = with(&["--address", &address], &files.arguments());
    let output = health(&asked);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let probe = authority.issue(&[], "a probe");
    let shown = [
        file("--cert", &files, "probe.pem", &probe.certificate_pem()),
        file("--key", &files, "probe-key.pem", &probe.key_pem()),
    ];
    serves(&[asked, shown.to_vec()].concat());
}

#[test]
fn a_probe_without_what_it_needs_says_so() {
    let https = "https://127.0.0.1:1".to_owned();
    let address = ["--address".to_owned(), https];
    fails(&address, 2, "--ca");
    let with_files = |files: &[&str]| with(files, &address);
    fails(
        &with_files(&["--ca", "/no/such/file"]),
        2,
        "--ca: /no/such/file cannot be read",
    );
    fails(
        &with_files(&["--ca", "Cargo.toml"]),
        2,
        "holds no certificate",
    );
    fails(&with_files(&["--cert", "Cargo.toml"]), 2, "--key");
    let tls = ["--tls-cert", "/no/such/file", "--tls-key", "/no/such/file"];
    fails(
        &with_files(&tls),
        2,
        "tls_cert: /no/such/file cannot be read",
    );
    let mut nothing: Command = program();
    let output = nothing
        .args(["health", "--help"])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    for flag in ["--address", "--ca", "--cert", "--key"] {
        assert!(said.contains(flag), "{said}");
    }
}
