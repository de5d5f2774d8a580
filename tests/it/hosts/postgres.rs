//! Roles, databases and networks, and how they change a connection to PostgreSQL.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    thread,
    time::Duration,
};

use conversation_service::config::Config;

use crate::support::{
    databases::{Backend, TestDatabase},
    ids::c2c,
    pgbouncer::PgBouncer,
    process::program,
    rows::Rows,
    server::config,
    stage::Stage,
};

const COMMIT: &str = "synchronous_commit";
/// Notes what each transaction goes by that writes a message or a change.
const NOTES: &str = "
    CREATE TABLE noted (name text, value text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO noted SELECT name, current_setting(name)
        FROM unnest(ARRAY['synchronous_commit', 'transaction_isolation']) AS name;
        RETURN NULL;
    END $$;
    CREATE TRIGGER note AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION note();
    CREATE TRIGGER note AFTER INSERT ON changes FOR EACH ROW EXECUTE FUNCTION note();";

/// Sets `default` for the database. Returns how many transactions there were, and how many of them had
/// `name` as `value`.
async fn noted(default: &str, name: &str, value: &str) -> Option<(i64, i64)> {
    let database = TestDatabase::create_on_one_server(Backend::Postgres).await?;
    Some(noted_with(config(&database), &database, default, name, value).await)
}

/// The same of a server with these settings.
async fn noted_with(
    config: Config,
    database: &TestDatabase,
    default: &str,
    name: &str,
    value: &str,
) -> (i64, i64) {
    let rows = Rows::of(database).await;
    let this = "(SELECT quote_ident(current_database()))";
    let alter =
        format!("DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || {this} || ' SET {default}'; END $$");
    rows.run(&alter).await;
    let stage = Stage::open_with(config).await;
    rows.run(NOTES).await;
    stage.client.send("bob", c2c("alice"), "hello").await;
    let deleted = stage.client.delete("alice", [c2c("bob")]);
    deleted.result().await.expect("it is deleted");
    let noted = format!("SELECT count(*) FROM noted WHERE name = '{name}'");
    let all = rows.number(&noted).await;
    let with_value = format!("{noted} AND value = '{value}'");
    (all, rows.number(&with_value).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_is_on_disk_whatever_role_and_database_say() {
    if let Some((all, off)) = noted("synchronous_commit = off", COMMIT, "off").await {
        assert!(all >= 2 && off == 0, "{off} of {all} did not wait");
    }
    // A stricter setting stays.
    if let Some((all, kept)) =
        noted("synchronous_commit = remote_apply", COMMIT, "remote_apply").await
    {
        assert!(all >= 2 && kept == all, "{kept} of {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_what_is_acknowledged_is_on_disk_as_well() {
    let Some(database) = TestDatabase::create_on_one_server(Backend::Postgres).await else {
        return;
    };
    let Some(pooler) = PgBouncer::start(&database, "transaction", 5).await else {
        return;
    };
    let mut config = config(&database);
    config.database.url = pooler.url(&database).parse().expect("a valid URL");
    let default = "synchronous_commit = off";
    let (all, off) = noted_with(config, &database, default, COMMIT, "off").await;
    assert!(all >= 2 && off == 0, "{off} of {all} did not wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_have_the_level_they_are_written_for_whatever_is_the_default() {
    let default = "default_transaction_isolation = serializable";
    if let Some((all, right)) = noted(default, "transaction_isolation", "read committed").await {
        assert!(all >= 2 && right == all, "{right} of {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_lose_acknowledged_changes_is_reported() {
    // The tests' own cluster never waits for its disk.
    let Some(database) = TestDatabase::create_on_one_server(Backend::Postgres).await else {
        return;
    };
    let rows = Rows::of(&database).await;
    let fsync = rows.query("SELECT current_setting('fsync')").await;
    let is_durable = fsync[0].try_get_by_index::<String>(0).expect("a text") == "on";
    let migrated = program()
        .args(["migrate", "--database-url", database.url()])
        .output()
        .expect("the program can be started");
    let said = String::from_utf8_lossy(&migrated.stderr);
    assert_eq!(said.contains("may lose"), !is_durable, "{said}");
}

/// A database that says `N` to a client that asks for TLS; gives what it is sent then.
fn impostor() -> (u16, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let port = listener.local_addr().expect("it has an address").port();
    let answering = move || {
        let (mut stream, _) = listener.accept().expect("somebody comes");
        let patience = Duration::from_secs(20);
        stream.set_read_timeout(Some(patience)).expect("a socket");
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).expect("a request for TLS");
        stream.write_all(b"N").expect("it is written");
        let mut sent = vec![0; 1024];
        let length = stream.read(&mut sent).unwrap_or(0);
        sent.truncate(length);
        sent
    };
    let answering = thread::Builder::new().spawn(answering);
    (port, answering.expect("a thread can be started"))
}

#[test]
fn an_impostor_beyond_loopback_that_declines_tls_learns_nothing() {
    let (port, heard) = impostor();
    // No loopback address, and yet this machine.
    let url = format!("postgres://app:hunter2@0.0.0.0:{port}/chat");
    let output = program()
        .args(["migrate", "--database-url", &url])
        .output()
        .expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("sslmode"), "{said}");
    let heard = heard.join().expect("it does not panic");
    assert_eq!(heard, b"", "neither user nor password");
}

#[test]
fn a_mode_that_allows_plaintext_is_warned_of() {
    let (port, heard) = impostor();
    let url = format!("postgres://app:hunter2@0.0.0.0:{port}/chat?sslmode=prefer");
    let output = program()
        .args(["migrate", "--database-url", &url])
        .output()
        .expect("the program can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("may be unencrypted"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    assert!(!heard.join().expect("it does not panic").is_empty());
}
