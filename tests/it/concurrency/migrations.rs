//! Several replicas that start at the same time, and replicas of different versions.

use std::{fs, process::Stdio};

use conversation_service::{
    server::Server,
    store::{self, StoreError},
};

use crate::support::{
    concurrently::concurrently,
    databases::{TestDatabase, on_every_empty_database},
    process::program,
    rows::Rows,
    server::config,
    stage::{Stage, clock_at},
};

on_every_empty_database!(
    migrations_at_the_same_time_all_succeed,
    processes_that_migrate_at_the_same_time_all_succeed,
    a_schema_of_a_newer_version_is_refused,
);

/// How many run at a time.
const RUNS: usize = 4;

async fn migrations_at_the_same_time_all_succeed(database: TestDatabase) {
    let runs = (0..RUNS).map(|_| {
        let config = config(&database);
        async move { store::migrate(&config.database).await }
    });
    for run in concurrently(runs).await {
        run.unwrap_or_else(|error| panic!("{error}"));
    }
    let rows = Rows::of(&database).await;
    assert_eq!(
        rows.number("SELECT count(*) FROM conversation_schema")
            .await,
        migrations()
    );
    let Stage { client, .. } = Stage::open(&database).await;
    client.send_system(&["alice"], "it works").await;
}

/// How many migrations there are.
fn migrations() -> i64 {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/database/migration");
    let files = fs::read_dir(directory).expect("the sources are there");
    let names = files.map(|file| file.expect("the directory can be read").file_name());
    let migrations = names.filter(|name| name.to_string_lossy().starts_with("m2"));
    i64::try_from(migrations.count()).expect("a small number")
}

async fn processes_that_migrate_at_the_same_time_all_succeed(database: TestDatabase) {
    let runs: Vec<_> = (0..RUNS)
        .map(|_| {
            program()
                .args(["migrate", "--database-url", database.url()])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program can be started")
        })
        .collect();
    for run in runs {
        let output = run.wait_with_output().expect("the program ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {said}", output.status);
    }
}

async fn a_schema_of_a_newer_version_is_refused(database: TestDatabase) {
    let config = config(&database);
    store::migrate(&config.database)
        .await
        .expect("the schema can be made");
    let rows = Rows::of(&database).await;
    rows.run(
        "INSERT INTO conversation_schema (version, applied_at) VALUES ('m99991231_000001_future', 0)",
    )
    .await;
    rows.close().await;

    let error = store::migrate(&config.database)
        .await
        .expect_err("the schema is newer");
    assert!(matches!(error, StoreError::Schema(_)), "{error}");
    let started = Server::bind(&config, clock_at(0).clock()).await;
    assert!(started.is_err(), "it does not serve either");
    let output = program()
        .args(["migrate", "--database-url", database.url()])
        .stdin(Stdio::null())
        .output()
        .expect("the program can be started");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("m99991231_000001_future"), "{said}");
}
