//! A database that cannot be used from the start on: the start ends at once and says why.
//!
//! - A schema that is not what any version of the service has made is left as it is. (A newer version's
//!   is refused in [`crate::concurrency`].)
//! - Nobody waits for a database that is not there: the service manager starts the service again.

use std::net::{Ipv4Addr, TcpListener};

use conversation_service::{
    server::Server,
    store::{self, StoreError},
};

use crate::support::{
    databases::{TestDatabase, on_one_server},
    process::program,
    rows::Rows,
    server::config,
    stage::clock_at,
};

on_one_server!(
    a_schema_that_lacks_a_migration_in_between_is_refused,
    a_schema_that_holds_more_than_is_recorded_is_refused,
);

#[test]
fn a_start_without_a_database_says_that_nobody_listens() {
    // Bound and not listening would do as well, but nothing can be bound without listening here.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let port = free.local_addr().expect("it has an address").port();
    drop(free);
    let url = format!("postgres://someone:secret@127.0.0.1:{port}/conversations");
    for command in ["serve", "migrate", "purge"] {
        let output = program()
            .args([command, "--listen", "127.0.0.1:0", "--database-url", &url])
            .output()
            .expect("the program can be started");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("Connection refused"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

async fn a_schema_that_lacks_a_migration_in_between_is_refused(database: TestDatabase) {
    refused(
        &database,
        "DELETE FROM conversation_schema WHERE version LIKE '%_000002_%'",
        "not all that come before it",
    )
    .await;
}

async fn a_schema_that_holds_more_than_is_recorded_is_refused(database: TestDatabase) {
    refused(
        &database,
        "DELETE FROM conversation_schema \
         WHERE version = (SELECT MAX(version) FROM conversation_schema)",
        "it cannot be migrated, and is as it was",
    )
    .await;
}

async fn refused(database: &TestDatabase, damage: &str, complaint: &str) {
    let config = config(database);
    let made = store::migrate(&config.database).await;
    made.expect("the schema can be made");
    let rows = Rows::of(database).await;
    rows.run(damage).await;
    let recorded = "SELECT count(*) FROM conversation_schema";
    let before = rows.number(recorded).await;

    let error = store::migrate(&config.database).await;
    let error = error.expect_err("the schema is damaged");
    assert!(matches!(error, StoreError::Schema(_)), "{error}");
    assert!(error.to_string().contains(complaint), "{error}");
    let started = Server::bind(&config, clock_at(0).clock()).await;
    assert!(started.is_err(), "it does not serve either");
    let output = program()
        .args(["--listen", "127.0.0.1:0", "--database-url", database.url()])
        .output()
        .expect("the program can be started");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(complaint), "{said}");
    assert_eq!(rows.number(recorded).await, before, "it is as it was");
}
