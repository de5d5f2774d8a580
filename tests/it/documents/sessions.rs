//! The sessions of the README and of the guide print what they say they print.
//!
//! A session's commands go to one shell with a real `grpcurl`, against a server of their own. Times differ from
//! run to run and are left out of the comparison.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use regex::Regex;

use super::blocks;
use crate::support::{
    databases::{Backend, TestDatabase},
    process::Process,
    tools,
};

/// The documents with sessions, in the order in which they are read: the second one goes on where the
/// first one ends.
const DOCUMENTS: [&str; 2] = ["README.md", "docs/guide.md"];

/// The address that the documents call.
const ADDRESS: &str = "127.0.0.1:50051";

/// Printed after each command; no command prints it.
const END: &str = "--- end of a command ---";

/// A command of a session and what it prints.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    command: String,
    printed: String,
}

/// Whether a shell would wait for more of the command.
fn is_complete(command: &str) -> bool {
    let status = Command::new("bash")
        .args(["-n", "-c", command])
        .stderr(Stdio::null())
        .status();
    status.expect("there is a shell").success()
}

/// The steps of a block: a command begins with `$ ` and goes on until it is complete, and what follows is what
/// it prints.
fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                printed: String::new(),
            }),
            (None, Some(step)) if step.printed.is_empty() && !is_complete(&step.command) => {
                step.command.push('\n');
                step.command.push_str(line);
            }
            (None, Some(step)) => {
                step.printed.push_str(line);
                step.printed.push('\n');
            }
            (None, None) => panic!("a session begins with a command: {block}"),
        }
    }
    steps
}

/// The text without what differs from run to run, and without the details of an error, which each version of
/// `grpcurl` lays out in its own way.
fn comparable(text: &str) -> String {
    let (text, _) = text.split_once("  Details:\n").unwrap_or((text, ""));
    let time = Regex::new(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z").expect("a pattern");
    time.replace_all(text.trim_end(), "<time>").into_owned()
}

#[test]
fn a_command_ends_where_the_shell_needs_no_more_of_it() {
    let block = "$ call A '{\"a\":\n    1}' | grep x\n  x\n$ call B\n";
    let step = |command: &str, printed: &str| Step {
        command: command.to_owned(),
        printed: printed.to_owned(),
    };
    let expected = [
        step("call A '{\"a\":\n    1}' | grep x", "  x\n"),
        step("call B", ""),
    ];
    assert_eq!(steps(block), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_print_what_the_documents_say() {
    let version = Command::new("grpcurl").arg("-version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        return tools::is_missing("grpcurl", "TEST_GRPCURL");
    }
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let server = Process::start(&database).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = DOCUMENTS.map(|name| fs::read_to_string(root.join(name)).expect(name));

    let shell = blocks(&documents[0], "sh");
    let function = shell.iter().find(|block| block.starts_with("call() {"));
    let function = function.expect("the README defines the function that its sessions call");
    let steps: Vec<_> = documents
        .iter()
        .flat_map(|document| blocks(document, "console"))
        .flat_map(steps)
        .collect();
    assert!(steps.len() > 40, "the sessions are found");

    let function = function.replace(ADDRESS, &server.address().to_string());
    let commands = steps.iter().map(|step| &step.command);
    let commands = commands.map(|command| format!("{command}\nprintf '\\n%s\\n' '{END}'\n"));
    let commands: String = commands.collect();
    let script = format!("exec 2>&1\n{function}{commands}");
    let scratch = tempfile::tempdir().expect("a directory");
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(scratch.path())
        .stdin(Stdio::null())
        .output();
    let output = String::from_utf8(output.expect("there is a shell").stdout).expect("text");
    let printed: Vec<_> = output.split(&format!("\n{END}\n")).collect();
    assert_eq!(printed.len(), steps.len() + 1, "{output}");
    let differences: Vec<_> = steps
        .iter()
        .zip(printed)
        .map(|(step, printed)| (step, comparable(printed)))
        .filter(|(step, printed)| comparable(&step.printed) != *printed)
        .map(|(step, printed)| format!("$ {}\n{printed}\n", step.command))
        .collect();
    assert!(
        differences.is_empty(),
        "something else is printed:\n{}",
        differences.concat()
    );
}
