//! Settings of callers that depend on other settings.

use super::{Config, file, flags, load_environment, load_file, message};

#[test]
fn a_caller_that_is_named_is_reason_enough_to_listen_beyond_loopback() {
    let callers = format!(
        "listen = '0.0.0.0:1'\n[[callers]]\nname = 'a'\ntoken_sha256 = '{}'\nroles = ['pipeline']",
        "0a".repeat(32)
    );
    let config = load_file(&callers).unwrap();
    assert!(config.refuse_open_listener().is_ok());
    assert!(config.has_tokens_in_clear());
    let tls = "tls_cert = 'c'\ntls_key = 'k'\n";
    assert!(
        !load_file(&format!("{tls}{callers}"))
            .unwrap()
            .has_tokens_in_clear()
    );
    let loopback = callers.replace("0.0.0.0", "127.0.0.1");
    assert!(!load_file(&loopback).unwrap().has_tokens_in_clear());
}

#[test]
fn the_files_of_tls_go_together() {
    for (file, given, missing) in [
        ("tls_cert = 'c'", "tls_cert", "tls_key"),
        ("tls_cert = 'c'\ntls_client_ca = 'a'", "tls_cert", "tls_key"),
        ("tls_key = 'k'", "tls_key", "tls_cert"),
        ("tls_client_ca = 'a'", "tls_client_ca", "tls_cert"),
    ] {
        let expected = format!("{given} is set and {missing} is not: they go together");
        assert_eq!(message(load_file(file)), expected);
    }
    let file = file("tls_cert = 'c'");
    let path = file.path().to_str().unwrap();
    let config = Config::load(flags(&["--config", path, "--tls-key", "k"]), []);
    assert!(config.unwrap().tls.is_some(), "from wherever they come");
}

#[test]
fn a_caller_that_is_known_by_its_certificate_needs_authorities() {
    let callers = "[[callers]]\nname = 'a'\ncertificate_name = 'a.internal'\nroles = ['pipeline']";
    let tls = "tls_cert = 'c'\ntls_key = 'k'\n";
    for file in [callers.to_owned(), format!("{tls}{callers}")] {
        let message = message(load_file(&file));
        assert!(
            message.contains("`a` is known by its certificate"),
            "{message}"
        );
        assert!(message.contains("tls_client_ca"), "{message}");
    }
    let config = load_file(&format!("{tls}tls_client_ca = 'a'\n{callers}"));
    assert!(config.unwrap().has_mutual_tls());
}

#[test]
fn callers_are_named_in_the_file_and_nowhere_else() {
    let variable = message(load_environment(&[("CONVERSATION_CALLERS", "a")]));
    assert!(variable.contains("there is no such setting"), "{variable}");
    let key = message(load_file("caller = 'a'"));
    assert!(key.contains(", callers"), "{key}");
}
