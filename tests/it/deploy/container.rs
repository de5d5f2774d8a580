//! `deploy/Containerfile`. Nothing here builds it; what it says is compared with what there is.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use conversation_service::config::Config;
use tempfile::tempdir;

use super::{config, path, read};
use crate::support::{
    databases::{Backend, TestDatabase},
    process::{Process, program},
};

/// The instructions, each with its arguments on one line.
fn instructions() -> Vec<(String, String)> {
    let text = read("deploy/Containerfile").replace("\\\n", "");
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| line.split_once(' ').expect("an instruction has arguments"))
        .map(|(instruction, arguments)| (instruction.to_owned(), arguments.trim().to_owned()))
        .collect()
}

fn all(instruction: &str) -> Vec<String> {
    instructions()
        .into_iter()
        .filter(|(name, _)| name == instruction)
        .map(|(_, arguments)| arguments)
        .collect()
}

/// The last of its kind, which is what the image has.
fn last(instruction: &str) -> String {
    let mut all = all(instruction);
    all.pop()
        .unwrap_or_else(|| panic!("there is {instruction}"))
}

/// The words of a command in the form that needs no shell.
fn exec_form(command: &str) -> Vec<String> {
    serde_json::from_str(command).unwrap_or_else(|error| panic!("{command}: {error}"))
}

fn settings() -> Config {
    let set = all("ENV");
    config(
        set.iter()
            .map(|set| set.split_once('=').expect("a name and a value")),
    )
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("the directory is writable");
        for entry in fs::read_dir(from).expect("it can be read") {
            let entry = entry.expect("an entry");
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }
}

#[test]
fn what_is_copied_is_all_that_the_build_needs() {
    let directory = tempdir().expect("a temporary directory can be created");
    for arguments in all("COPY") {
        if arguments.starts_with("--from") {
            continue;
        }
        let (sources, target) = arguments.rsplit_once(' ').expect("what, and where to");
        for source in sources.split(' ') {
            let to = match target.strip_suffix("./") {
                Some(_) => directory.path().join(source),
                None => directory.path().join(target),
            };
            copy(Path::new(&path(source)), &to);
        }
    }
    for needed in ["build.rs", "proto/conversation/v1"] {
        assert!(directory.path().join(needed).exists(), "{needed}");
    }
    // Cargo reads the manifest, finds every target that it names, and that the lock file fits.
    let fetched = cargo(&["fetch", "--locked", "--offline", "--target", &host()])
        .current_dir(directory.path())
        .output()
        .expect("Cargo can be started");
    let said = String::from_utf8_lossy(&fetched.stderr);
    assert!(fetched.status.success(), "{said}");
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments);
    command
}

/// The platform that this is built for, whose dependencies are at hand.
fn host() -> String {
    let version = cargo(&["-vV"]).output().expect("Cargo can be started");
    let version = String::from_utf8(version.stdout).expect("a text");
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("Cargo says what it runs on").to_owned()
}

#[test]
fn the_compiler_is_the_one_that_the_manifest_asks_for() {
    let asked = format!("rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(all("FROM")[0].contains(&asked), "{asked}");
}

#[test]
fn it_runs_without_a_shell_and_as_nobody_in_particular() {
    let program = last("ENTRYPOINT");
    let program = exec_form(&program);
    assert_eq!(program.len(), 1, "it serves without a command");
    let installed = all("COPY").into_iter().any(|copy| {
        copy.starts_with("--from=build ") && copy.ends_with(&format!(" {}", program[0]))
    });
    assert!(installed, "{program:?}");
    let last = instructions()
        .iter()
        .rposition(|(name, _)| name == "FROM")
        .expect("an image to build on");
    let runs = |(name, _): &(String, String)| name == "RUN";
    assert!(!instructions()[last..].iter().any(runs), "nothing can run");

    let user = self::last("USER");
    let (user, group) = user.split_once(':').expect("a user and a group");
    assert!(user.parse::<u32>().is_ok_and(|id| id > 0), "{user}");
    assert!(group.parse::<u32>().is_ok_and(|id| id > 0), "{group}");
}

#[test]
fn it_listens_for_others_where_it_says_so_and_asks_for_callers() {
    let config = settings();
    assert!(config.listen.ip().is_unspecified());
    assert_eq!(config.listen.port().to_string(), last("EXPOSE"));
    assert!(config.refuse_open_listener().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn its_health_check_tells_whether_the_server_serves() {
    let check = last("HEALTHCHECK");
    let (options, command) = check.split_once("CMD ").expect("a command");
    let command = exec_form(command);
    assert_eq!(command[0], exec_form(&last("ENTRYPOINT"))[0]);
    let seconds = options
        .split(' ')
        .find_map(|option| option.strip_prefix("--timeout=")?.strip_suffix('s'))
        .and_then(|seconds| seconds.parse().ok());
    let limit = conversation_service::health_probe::TIME_LIMIT.as_secs();
    assert!(seconds.is_some_and(|seconds: u64| seconds > limit));

    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let server = Process::start(&database).await;
    let check = || {
        program()
            .args(&command[1..])
            .env("CONVERSATION_LISTEN", server.address().to_string())
            .output()
            .expect("the program can be started")
    };
    assert!(check().status.success());
    let check = program()
        .args(&command[1..])
        .env("CONVERSATION_LISTEN", "127.0.0.1:1")
        .output();
    let check = check.expect("the program can be started");
    assert_eq!(check.status.code(), Some(1));
}

/// Podman's own format has no health checks: it would leave this one out without a word.
#[test]
fn the_documented_build_keeps_the_health_check() {
    let text = read("deploy/Containerfile");
    let builds: Vec<_> = text
        .lines()
        .filter(|line| line.contains("podman build"))
        .collect();
    assert!(!builds.is_empty());
    for build in builds {
        assert!(build.contains("--format docker"), "{build}");
    }
}

#[test]
fn the_build_is_sent_what_is_copied_and_no_more() {
    let ignored = read(".dockerignore");
    let mut lines = ignored
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    assert_eq!(lines.next(), Some("*"), "everything is left out at first");
    let sent: BTreeSet<_> = lines
        .map(|line| line.strip_prefix('!').expect("is sent"))
        .collect();
    let copied = all("COPY");
    let copied = copied
        .iter()
        .filter(|arguments| !arguments.starts_with("--from"));
    let copied: BTreeSet<_> = copied
        .flat_map(|arguments| {
            arguments
                .rsplit_once(' ')
                .expect("what, and where to")
                .0
                .split(' ')
        })
        .collect();
    assert_eq!(sent, copied);
}
