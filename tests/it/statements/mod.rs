//! The statements behind the API: how many there are, which tables they name, and how the databases
//! carry them out.

mod count;
mod plans;
mod recorder;

use std::{collections::BTreeSet, future::Future, time::Duration};

use conversation_service::{config::JobsConfig, domain::Clock, jobs, store::Store};

use crate::support::{
    client::Client,
    databases::TestDatabase,
    ids::{c2c, group, system},
    seed,
    server::config,
    stage::Assembled,
};
use recorder::Recorder;

/// Tables of a user, and tables of a conversation. They may be on different machines.
const FAMILIES: [&[&str]; 2] = [
    &[
        "users",
        "members",
        "changes",
        "folders",
        "folder_conversations",
    ],
    &["conversations", "messages"],
];

/// A server whose statements are recorded.
struct Observed {
    client: Client,
    recorder: Recorder,
    store: Store,
    _server: Assembled,
}

impl Observed {
    async fn open(database: &TestDatabase) -> Self {
        let config = config(database);
        let recorder = Recorder::default();
        let store = recorder.connect(&config).await;
        let server = Assembled::with_store(&config, Clock::system(), store.clone()).await;
        let client = server.client().await;
        recorder.take();
        Self {
            client,
            recorder,
            store,
            _server: server,
        }
    }

    /// Runs the background jobs as they will be long after now.
    async fn run_jobs(&self) {
        let later = Clock::system()
            .now()
            .saturating_add(Duration::from_hours(240));
        let schedule = JobsConfig::default().schedule();
        let done = jobs::run_once(&self.store, later, schedule).await;
        done.expect("the jobs run");
    }

    /// How many statements a call runs.
    async fn count<T>(&self, call: impl Future<Output = T>) -> usize {
        self.recorder.take();
        call.await;
        self.recorder.take().len()
    }
}

/// The service's tables that a statement names.
fn tables(sql: &str) -> BTreeSet<&'static str> {
    let words: Vec<_> = sql
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    let all = || FAMILIES.iter().flat_map(|family| family.iter());
    words
        .windows(2)
        .filter(|pair| ["FROM", "JOIN", "INTO", "UPDATE"].contains(&pair[0]))
        .filter_map(|pair| all().find(|table| **table == pair[1]))
        .copied()
        .collect()
}

/// Uses the whole API, every path that has statements of its own included. Alice has some old chats
/// already.
async fn use_everything(client: &Client) {
    let id = |number: u128| uuid::Uuid::from_u128(number).to_string();
    client.join("crew", &["alice", "bob", "carol"]).await;
    client.send("bob", group("crew"), "hi").await;
    for name in ["bob", "carol", "dora"] {
        client.send(name, c2c("alice"), "hi").await;
    }
    client.send_system(&["alice", "bob"], "hi").await;
    for _ in 0..2 {
        recorder::send_named(client, "bob", c2c("alice"), "m1").await;
        recorder::send_named(client, "bob", group("crew"), "m1").await;
        recorder::send_system_named(client, &["alice", "bob"], "n1").await;
    }
    let first = client
        .list_page("alice", None, 1, String::new())
        .await
        .expect("readable");
    // One that was active lately, and one that was not for long.
    client.send("dora", c2c("alice"), "newer").await;
    client.send(&seed::user(0), c2c("alice"), "newer").await;
    client
        .rest_of_list("alice", None, 2, first)
        .await
        .expect("readable");
    client
        .get("alice", [c2c("bob"), group("crew"), c2c("nobody")])
        .await;
    client
        .history_in_pages("alice", c2c("bob"), 1)
        .await
        .expect("readable");
    for _ in 0..2 {
        let ids = [c2c("bob"), group("crew"), system(), c2c("nobody")];
        client
            .delete("alice", ids)
            .request_id(id(1))
            .client_id("phone")
            .await;
        client.delete("alice", [c2c("carol")]).clear(false).await;
    }
    client.clear_history("alice", [c2c("dora")]).await;
    for (deletion, name) in [("2", id(2)), ("2", id(2)), ("2", id(3)), ("99", id(4))] {
        // The last one is refused, which takes a look of its own.
        let _ = client.restore("alice", deletion, &name).await;
    }
    let mut watcher = client.follow("alice", "tablet", Some(0)).await;
    watcher.change().await;
    client.leave("crew", &["alice", "nobody"]).await;
    client.join("crew", &["alice", "dora"]).await;
    client.list_all("nobody").await;
}

#[test]
fn the_tables_of_a_statement_are_found() {
    let sql = "WITH a AS (SELECT 1 FROM changes) INSERT INTO users (x) SELECT m.y FROM (SELECT 1) \
               JOIN members AS m ON CONFLICT (x) DO UPDATE SET conversations = 1";
    assert_eq!(
        tables(sql).into_iter().collect::<Vec<_>>(),
        ["changes", "members", "users"]
    );
}
