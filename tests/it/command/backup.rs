//! The command `backup`.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

use tempfile::tempdir;

use super::{run, stderr, stdout};
use crate::support::{
    databases::{Backend, TestDatabase},
    ids::c2c,
    process::{Process, program},
};

fn backup(url: &str, file: &Path) -> Output {
    run(program().args(["backup", "--database-url", url]).arg(file))
}

/// The permission bits of a file.
fn mode(file: &Path) -> u32 {
    let metadata = fs::metadata(file).expect("it is there");
    metadata.permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_use_is_copied_whole_and_the_copy_serves() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let server = Process::start(&database).await;
    let client = server.client().await;
    let before = client.send("bob", c2c("alice"), "before").await;

    let directory = tempdir().expect("a temporary directory can be created");
    let file = directory.path().join("backup.db");
    let output = backup(database.url(), &file);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    let size = fs::metadata(&file).expect("it is there").len();
    assert!(said.contains(&format!("{size} bytes, at m")), "{said}");
    assert!(said.contains("backup.db"), "{said}");
    let database = database.url().trim_start_matches("sqlite://");
    for private in [Path::new(database), &file] {
        assert_eq!(mode(private), 0o600, "{}", private.display());
    }
    for beside in ["-wal", "-shm"] {
        assert_eq!(mode(Path::new(&format!("{database}{beside}"))), 0o600);
    }
    let entries = fs::read_dir(directory.path())
        .expect("it can be read")
        .count();
    assert_eq!(entries, 1, "nothing else is left");

    // A later message is not in the copy.
    client.send("bob", c2c("alice"), "after").await;
    let copy = format!("sqlite://{}", file.display());
    let copy = TestDatabase::at_url(Backend::Sqlite, copy);
    let restored = Process::start(&copy).await;
    let history = restored.client().await.history("alice", c2c("bob")).await;
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].seq, before.seq);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_overwritten_and_nothing_is_made_of_nothing() {
    let database = TestDatabase::create(Backend::Sqlite).await;
    let database = database.expect("SQLite is always there");
    let directory = tempdir().expect("a temporary directory can be created");
    let file = directory.path().join("backup.db");

    let output = backup(database.url(), &file);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("there is no database"),
        "{}",
        stderr(&output)
    );
    assert!(!file.exists());
    let made = database.url().trim_start_matches("sqlite://");
    assert!(
        !Path::new(made).exists(),
        "asking for a copy makes no database"
    );

    fs::write(&file, "mine").expect("it can be written");
    let migrated = run(program().args(["migrate", "--database-url", database.url()]));
    assert!(migrated.status.success(), "{}", stderr(&migrated));
    let output = backup(database.url(), &file);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("is not overwritten"),
        "{}",
        stderr(&output)
    );
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "mine");
}

#[test]
fn on_postgres_it_names_the_program_to_use() {
    let output = backup(
        "postgres://someone:secret@127.0.0.1:1/chat",
        Path::new("backup.db"),
    );
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("pg_dump") && !said.contains("secret"),
        "{said}"
    );
}
