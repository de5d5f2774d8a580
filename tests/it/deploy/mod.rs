//! The means to call and to run the service: the client for callers, and the files of `deploy/`.

mod client;
mod container;
mod kubernetes;
mod runbook;
mod service_config;
mod systemd;
mod watches;

use std::{collections::BTreeSet, fs, path::Path};

use conversation_service::config::{Config, Settings};

use crate::support::process::program;

/// Begins like a setting and is none, as the file says that names it.
const NO_SETTING: &str = "CONVERSATION_GATEWAY_PORT";

/// The path of a file of the repository.
fn path(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the repository.
fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The configuration that the program makes of these variables.
fn config<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Config {
    let variables: Vec<_> = variables
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    Config::load(Settings::default(), variables).expect("the program takes these settings")
}

/// The variables that a text names.
fn variables(text: &str) -> BTreeSet<&str> {
    text.split(|character: char| !(character.is_ascii_uppercase() || character == '_'))
        .filter(|word| word.starts_with("CONVERSATION_"))
        .collect()
}

#[test]
fn every_variable_that_a_file_names_is_a_setting() {
    let help = program().arg("--help").output().expect("it can be started");
    let help = String::from_utf8(help.stdout).expect("help is text");
    let mut named = 0;
    for entry in fs::read_dir(path("deploy")).expect("there is such a directory") {
        let name = entry.expect("an entry").path();
        let text = fs::read_to_string(&name).expect("every file there is a text");
        for variable in variables(&text) {
            let flag = variable["CONVERSATION".len()..].replace('_', "-");
            let flag = format!("-{}", flag.to_lowercase());
            let is_setting = help.split([' ', '\n', '=', '[']).any(|word| word == flag);
            let name = Path::new(&name).display();
            assert!(
                is_setting || variable == NO_SETTING,
                "{name} names {variable}: {flag}"
            );
            named += 1;
        }
    }
    assert!(named > 10, "the files name settings");
}
