//! The checks find what is wrong with a database: rows that somebody has changed by hand, and commits
//! that PostgreSQL loses because it acknowledges before it writes.

use conversation_service::proto::{
    AddToFolderRequest, ClearHistoryRequest, CreateFolderRequest, MarkConversationsReadRequest,
    PinConversationsRequest, SendMessageRequest,
};

use super::{
    checks::Rule,
    clients::ask,
    drawing::{LARGE_GROUP, USERS, conversations},
    make_history,
    nemesis::{Service, Trouble},
    recording::{Asked, Membership, Recorder},
    settling::{Afterwards, examine, serve, settle},
};
use crate::{
    properties::requests::Request,
    support::{
        client::Client,
        cluster::Cluster,
        databases::{TestDatabase, on_every_database},
        ids::{c2c, group, text},
        rows::Rows,
    },
};

on_every_database!(rows_that_were_changed_by_hand_are_found);

const SEED: u64 = 7;
const CALLS: usize = 200;

/// A table, what somebody does to it, and the rule that is broken then.
const PLANTED: &[(&str, &str, Rule)] = &[
    (
        "members",
        "UPDATE members SET hidden_through = 0, cleared_through = 0",
        Rule::State,
    ),
    (
        "members",
        "UPDATE members SET read_through = 0",
        Rule::State,
    ),
    (
        "members",
        "UPDATE members SET muted = 1 - muted",
        Rule::State,
    ),
    (
        "members",
        "UPDATE members SET pinned_at = NULL",
        Rule::State,
    ),
    (
        "folder_conversations",
        "DELETE FROM folder_conversations",
        Rule::State,
    ),
    (
        "changes",
        "DELETE FROM changes WHERE user_id = 'alice' AND revision = 3",
        Rule::Changes,
    ),
    (
        "changes",
        "DELETE FROM changes WHERE user_id = 'bob' AND revision = \
         (SELECT revision FROM users WHERE user_id = 'bob')",
        Rule::Answers,
    ),
    (
        "users",
        "UPDATE users SET revision = revision + 1 WHERE user_id = 'carol'",
        Rule::Changes,
    ),
    (
        "users",
        "UPDATE users SET revision = revision - 1 WHERE user_id = 'carol'",
        Rule::Changes,
    ),
    // The crowd has cleared nothing.
    (
        "messages",
        "DELETE FROM messages WHERE seq = 1 AND conversation_key IN \
         (SELECT conversation_key FROM conversations WHERE canonical_id LIKE 'GROUP%hall')",
        Rule::Messages,
    ),
    (
        "messages",
        "UPDATE messages SET client_message_id = 'another' WHERE seq = 2",
        Rule::Messages,
    ),
    (
        "messages",
        "UPDATE messages SET send_time = send_time + 1 WHERE conversation_key IN \
         (SELECT conversation_key FROM conversations WHERE canonical_id LIKE 'GROUP%hall')",
        Rule::State,
    ),
    (
        "conversations",
        "UPDATE conversations SET last_seq = last_seq + 1",
        Rule::Messages,
    ),
    (
        "changes",
        "UPDATE changes SET results = '[]' WHERE user_id = 'dave'",
        Rule::Answers,
    ),
    (
        "changes",
        "UPDATE changes SET synced = 1 - synced",
        Rule::Watching,
    ),
];

/// Leaves the user with something of everything that can be changed by hand, whatever was done before.
async fn leave_everything(client: &Client, recorder: &Recorder, user: &'static str) {
    let user_id = || user.to_owned();
    let chat = c2c(user);
    let name = |number: u8| format!("{user}-{number}");
    let request_id = |number: u8| {
        let user = user.as_bytes()[0];
        format!("ffffffff-0000-4000-8000-{user:06x}{number:06x}")
    };
    let message = |to, number| {
        Asked::Message(SendMessageRequest {
            sender_user_id: user_id(),
            conversation_id: Some(to),
            body: Some(text("the last")),
            client_message_id: name(number),
        })
    };
    let pin = |conversation_ids, pinned, number| {
        Asked::Change(Request::Pin(PinConversationsRequest {
            user_id: user_id(),
            conversation_ids,
            pinned,
            request_id: request_id(number),
            client_id: String::new(),
        }))
    };
    let everything = [
        Asked::Membership(Membership {
            group: LARGE_GROUP,
            users: vec![user],
            joins: true,
            request_id: request_id(0),
        }),
        message(group(LARGE_GROUP), 1),
        message(chat.clone(), 2),
        Asked::Change(Request::Clear(ClearHistoryRequest {
            user_id: user_id(),
            conversation_ids: vec![chat.clone()],
            request_id: request_id(3),
            ..ClearHistoryRequest::default()
        })),
        message(chat.clone(), 4),
        Asked::Change(Request::Read(MarkConversationsReadRequest {
            user_id: user_id(),
            all: true,
            request_id: request_id(5),
            ..MarkConversationsReadRequest::default()
        })),
        Asked::Change(Request::CreateFolder(CreateFolderRequest {
            user_id: user_id(),
            name: "sport".to_owned(),
            request_id: request_id(6),
            ..CreateFolderRequest::default()
        })),
        Asked::Change(Request::AddToFolder(AddToFolderRequest {
            user_id: user_id(),
            name: "sport".to_owned(),
            conversation_ids: vec![chat.clone()],
            request_id: request_id(7),
            ..AddToFolderRequest::default()
        })),
        pin(conversations(), false, 8),
        pin(vec![chat], true, 9),
    ];
    for asked in everything {
        let call = recorder.begin(asked);
        assert!(ask(recorder, client, call).await, "{user} is answered");
    }
}

async fn rows_that_were_changed_by_hand_are_found(database: TestDatabase) {
    let service = Service::start(&database, None, &super::SETTINGS).await;
    let (recorder, service) = make_history(service, SEED, CALLS, None).await;
    for user in USERS {
        leave_everything(&service.clients().await[0], &recorder, user).await;
    }
    drop(service.stop().await);
    let Afterwards {
        history,
        violations,
    } = settle(&database, &recorder).await;
    violations.assert_none(SEED);

    let server = serve(&database).await;
    let client = server.client().await;
    let rows = Rows::of(&database).await;
    for (table, sql, rule) in PLANTED {
        let keep = format!("CREATE TABLE kept AS SELECT * FROM {table}");
        rows.run(&keep).await;
        rows.run(sql).await;
        let found = examine(history.clone(), &client, &rows).await.violations;
        assert!(found.rules().contains(rule), "{sql}: {found:?}");
        rows.run(&format!("DELETE FROM {table}")).await;
        rows.run(&format!("INSERT INTO {table} SELECT * FROM kept"))
            .await;
        rows.run("DROP TABLE kept").await;
    }
    let after = examine(history, &client, &rows).await.violations;
    after.assert_none(SEED);
    server.stop().await;
}

/// Functions and views of PostgreSQL's names that turn nothing on, and say that it is on.
const TURNS_NOTHING_ON: &str = "
    CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS 'SELECT $2';
    CREATE VIEW public.pg_settings AS SELECT name,
        CASE name WHEN 'synchronous_commit' THEN 'on' ELSE setting END AS setting
        FROM pg_catalog.pg_settings";

#[tokio::test(flavor = "multi_thread")]
async fn what_postgres_acknowledges_before_it_writes_is_found_to_be_lost() {
    let Some(mut cluster) = Cluster::create() else {
        return;
    };
    // The service turns this on for its connections and reads it back: both find something else here.
    let settings = ["synchronous_commit=off", "search_path=public,pg_catalog"];
    cluster.start(&settings);
    let database = cluster.database();
    let rows = Rows::of(&database).await;
    rows.run(TURNS_NOTHING_ON).await;
    rows.close().await;
    let settings = settings.map(ToOwned::to_owned).to_vec();
    let mut service = Service::start(&database, Some((cluster, settings)), &super::SETTINGS).await;
    // The WAL writer would write it a little later. While it is paused, the loss is certain.
    let rows = Rows::of(&database).await;
    let writer = "SELECT pid::bigint FROM pg_stat_activity WHERE backend_type = 'walwriter'";
    let writer = rows.number(writer).await;
    service.cluster().pause(writer);
    rows.run("CHECKPOINT").await;
    rows.close().await;
    let (recorder, mut service) = make_history(service, SEED, CALLS, None).await;
    let mut done = recorder.done.subscribe();
    service.happens(Trouble::DatabaseKilled, 0, &mut done).await;
    let _cluster = service.stop().await;
    let violations = settle(&database, &recorder).await.violations;
    let rules = violations.rules();
    assert!(rules.contains(&Rule::Retries), "{violations:?}");
}
