//! Defaults that somebody has set for the database: none breaks a promise, and none gives a puzzling error.

use super::refusal;
use crate::support::{
    databases::{Backend, TestDatabase},
    ids::c2c,
    rows::Rows,
    stage::Stage,
    traffic::{GROUP, MEMBERS, deletion_request},
};

/// Sets a default for the database of a test.
async fn set(database: &TestDatabase, setting: &str) {
    let rows = Rows::of(database).await;
    let name = database.url().rsplit('/').next().expect("a database");
    rows.run(&format!("ALTER DATABASE {name} SET {setting}"))
        .await;
    rows.close().await;
}

async fn works_with(setting: &str) {
    let Some(database) = TestDatabase::create_on_one_server(Backend::Postgres).await else {
        return;
    };
    // A session from before: the default is not for it.
    let rows = Rows::of(&database).await;
    set(&database, setting).await;
    let Stage { client, server, .. } = Stage::open(&database).await;
    client.join(GROUP, &MEMBERS).await;
    let sent = client.send("bob", c2c("alice"), "hi").await;
    // Changes of one user at the same time: they wait for each other, and none fails.
    let deletions = (0..8).map(|number| {
        let mut conversations = client.conversations.clone();
        async move {
            conversations
                .delete_conversations(deletion_request(2 * number))
                .await
        }
    });
    for answer in crate::support::concurrently::concurrently(deletions).await {
        answer.unwrap_or_else(|status| panic!("{setting}: {status:?}"));
    }
    let history = client.history("bob", c2c("alice")).await;
    assert_eq!(history, [sent], "{setting}");
    server.stop().await;
    rows.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stricter_isolation_changes_nothing() {
    works_with("default_transaction_isolation = 'serializable'").await;
    works_with("default_transaction_isolation = 'repeatable read'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn short_times_for_others_are_not_for_this_service() {
    works_with("statement_timeout = '20ms'").await;
    works_with("lock_timeout = '1ms'").await;
    works_with("idle_in_transaction_session_timeout = '1ms'").await;
    // Any shorter, and a busy machine may not come to lift it in time.
    works_with("idle_session_timeout = '1s'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn time_zone_and_date_style_change_nothing() {
    works_with("timezone = 'Asia/Tokyo'").await;
    works_with("datestyle = 'SQL, DMY'").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_not_to_be_written_to_says_so() {
    let Some(database) = TestDatabase::create_on_one_server(Backend::Postgres).await else {
        return;
    };
    set(&database, "default_transaction_read_only = on").await;
    let error = refusal(&database, database.url()).await;
    assert!(
        error.contains("default_transaction_read_only is on"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_path_to_nowhere_says_so() {
    let Some(database) = TestDatabase::create_on_one_server(Backend::Postgres).await else {
        return;
    };
    set(&database, "search_path = nowhere").await;
    let error = refusal(&database, database.url()).await;
    assert!(
        error.contains("search_path (nowhere) names no schema"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_the_services_own_is_used() {
    let Some(database) = TestDatabase::create_on_one_server(Backend::Postgres).await else {
        return;
    };
    Rows::of(&database).await.run("CREATE SCHEMA chat").await;
    set(&database, "search_path = chat").await;
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let stored = "SELECT count(*) FROM chat.messages";
    assert_eq!(Rows::of(&database).await.number(stored).await, 1);
}

/// Otherwise a second, empty set of tables would be made, and everything would seem to be lost.
#[tokio::test(flavor = "multi_thread")]
async fn tables_that_the_search_path_hides_are_not_made_again() {
    let Some(database) = TestDatabase::create_on_one_server(Backend::Postgres).await else {
        return;
    };
    let Stage { client, server, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    server.stop().await;
    Rows::of(&database).await.run("CREATE SCHEMA chat").await;
    set(&database, "search_path = chat").await;
    let error = refusal(&database, database.url()).await;
    assert!(
        error.contains("are in the schema public, and search_path (chat)"),
        "{error}"
    );
}
