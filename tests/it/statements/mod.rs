//! The statements behind the API: how many a call runs, which tables they name, and their plans.

mod among_many;
mod at_once;
mod count;
mod entities;
mod families;
mod messages_together;
mod operations;
mod plans;
mod recorder;
mod records;
mod round_trips;
mod rows_read;
mod together;
mod written;

use std::{collections::BTreeSet, future::Future, time::Duration};

use conversation_service::{
    config::JobsConfig,
    jobs::{self, Schedule},
    machine,
    proto::Reappearance,
    store::Store,
};

use crate::support::{
    client::{Client, active_since, everything, in_folder, marked, matching, unread},
    databases::TestDatabase,
    ids::{c2c, group, system},
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
    &[
        "conversations",
        "messages",
        "erased_messages",
        "group_members",
        "group_requests",
    ],
];

/// A server whose statements are recorded.
struct Observed {
    client: Client,
    recorder: Recorder,
    store: Store,
}

impl Observed {
    /// With so few pins that there are soon too many.
    async fn open(database: &TestDatabase) -> Self {
        Self::open_with_pins(database, 3).await
    }

    async fn open_with_pins(database: &TestDatabase, limit: u32) -> Self {
        let mut config = config(database);
        config.pin_limit = limit;
        let recorder = Recorder::default();
        let store = recorder.connect(&config).await;
        let server = Assembled::with_store(&config, machine::clock(), store.clone()).await;
        let client = server.client().await;
        recorder.take();
        Self {
            client,
            recorder,
            store,
        }
    }

    /// Runs the background jobs as they will be when the first messages are erased, and long after that;
    /// and measures what they leave.
    async fn run_jobs(&self) {
        for hours in [30, 240] {
            let later = machine::clock()
                .now()
                .saturating_add(Duration::from_hours(hours));
            let schedule = Schedule::of(&JobsConfig::default());
            let done = jobs::run_once(&self.store, later, schedule).await;
            done.expect("the jobs run");
            let left = self.store.erasure().backlog(later).await;
            left.expect("what is left is measured");
        }
    }

    /// How many statements a call runs.
    async fn count<T>(&self, call: impl Future<Output = T>) -> usize {
        self.recorder.take();
        call.await;
        self.recorder.take().len()
    }
}

/// A table of the service's where a statement names it.
#[derive(Debug)]
struct Place {
    table: &'static str,
    /// The name by which the statement calls its rows.
    alias: String,
    is_insertion: bool,
}

/// The service's tables that a statement names, each as often as it does.
fn places(sql: &str) -> Vec<Place> {
    let words: Vec<_> = sql
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    let all = || FAMILIES.iter().flat_map(|family| family.iter());
    let mut places = Vec::new();
    for (number, pair) in words.windows(2).enumerate() {
        let names_one = ["FROM", "JOIN", "INTO", "UPDATE"].contains(&pair[0]);
        let table = all().find(|table| names_one && **table == pair[1]);
        if let Some(table) = table {
            let alias = match words.get(number + 2) {
                Some(&"AS") => words[number + 3],
                _ => table,
            };
            places.push(Place {
                table,
                alias: alias.to_owned(),
                is_insertion: pair[0] == "INTO",
            });
        }
    }
    places
}

/// The service's tables that a statement names.
fn tables(sql: &str) -> BTreeSet<&'static str> {
    places(sql).iter().map(|place| place.table).collect()
}

/// Uses the whole API, every path that has statements of its own included.
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
    client
        .rest_of_list("alice", None, 2, first.clone())
        .await
        .expect("readable");
    let since = active_since(first.as_of.expect("a page has a time"));
    client.listed_with("alice", since).await;
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
    use_settings_and_folders(client).await;
    client.leave("crew", &["alice", "nobody"]).await;
    client.join("crew", &["alice", "dora"]).await;
    client.list_all("nobody").await;
}

/// The same of what a user sets, files and filters by, in small groups and in large ones.
async fn use_settings_and_folders(client: &Client) {
    let id = |number: u128| uuid::Uuid::from_u128(number).to_string();
    let members: Vec<_> = (0..12).map(|number| format!("member {number}")).collect();
    let members: Vec<_> = members.iter().map(String::as_str).collect();
    client.join("crowd", &["alice", "bob"]).await;
    client.join("crowd", &members).await;
    client.send("bob", group("crowd"), "hi").await;
    client.leave("crowd", &members[..2]).await;
    for _ in 0..2 {
        let again = client.join_as("crowd", &members[..2], &id(14)).await;
        again.expect("it is the same request");
    }
    client.send("bob", group("crew"), "hi").await;
    client.send("carol", c2c("alice"), "hi").await;
    let ids = || [c2c("carol"), group("crew"), group("crowd"), c2c("nobody")];
    for _ in 0..2 {
        client
            .read("alice", [c2c("carol")])
            .request_id(id(11))
            .await;
        client.pin("alice", ids()).request_id(id(12)).await;
    }
    client.unpin("alice", [c2c("carol")]).await;
    client.mute("alice", ids()).await;
    client.unmute("alice", ids()).await;
    client.mark("alice", ids(), 9, 2).await;
    client.set_data("alice", ids(), b"x".to_vec()).await;
    client.create_folder("alice", "empty", []).await;
    for _ in 0..2 {
        let work = client.create_folder("alice", "work", ids());
        work.request_id(id(13)).await;
    }
    client.add_to_folder("alice", "empty", ids()).await;
    client.remove_from_folder("alice", "empty", ids()).await;
    client.rename_folder("alice", "empty", "other").await;
    client.delete_folder("alice", "other").await;
    client.list_folders("alice").await;
    for restorable_only in [false, true] {
        client.deletions("alice", 2, restorable_only).await;
    }
    let filters = [in_folder("work"), marked(1), unread()];
    for filter in filters {
        client.unread_with("alice", Some(filter.clone())).await;
        let filter = Some(filter);
        let first = client
            .list_page("alice", filter.clone(), 1, String::new())
            .await
            .expect("readable");
        client
            .rest_of_list("alice", filter, 1, first)
            .await
            .expect("readable");
    }
    client.unread("alice").await;
    // Undoing pins, and what would be a pin too many is unpinned again.
    let deletion = client.delete("alice", [group("crew")]).await;
    client.send("dora", c2c("alice"), "hi").await;
    client.pin("alice", [c2c("carol"), c2c("dora")]).await;
    client.restored("alice", &deletion.deletion_id).await;
    let one_more = client.pin("alice", [group("crew")]).result().await;
    one_more.expect_err("there are as many as there may be");
    client.read_all("alice").await;
    client.read_all_of("alice", in_folder("work")).await;
    let away = client
        .delete("alice", ids())
        .reappearing(Reappearance::Never);
    let away = away.with(|request| request.forget_settings = true).await;
    client
        .hidden_in_pages("alice", &[], 1)
        .await
        .expect("readable");
    client.restored("alice", &away.deletion_id).await;
    client.delete("alice", ids()).await;
    client.show("alice", ids()).await;
    let look = client.look("alice", everything()).limit(1).await;
    for _ in 0..2 {
        let planned = client.delete_matching("alice", everything());
        planned.planned(&look.plan).request_id(id(15)).await;
        let filed = client.delete_matching("alice", matching(in_folder("work")));
        filed.request_id(id(16)).await;
    }
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
