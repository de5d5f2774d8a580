//! Settings about who may call, which hang together with others.

use super::{Config, file, flags, load_file, message};

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
