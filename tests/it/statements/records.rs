//! The rows that changes leave in the log are the same alone or together with others. They are read as
//! events, as retries and to undo.

use conversation_service::proto::{
    ClearHistoryRequest, DeleteConversationsResponse, Reappearance, RestorationOutcome,
    RestoreConversationsRequest,
};
use prost::Message as _;
use sea_orm::QueryResult;
use uuid::Uuid;

use super::{Observed, together::at_once};
use crate::support::{
    client::{AnyChange, Client},
    databases::{TestDatabase, on_one_server},
    ids::c2c,
    rows::{Rows, is_sqlite},
};

on_one_server!(every_kind_of_change_leaves_the_same_row_alone_and_together);

/// As many as run together, and some more.
const USERS: usize = 12;

/// The changes that a user makes, one after the other: every kind, and what is empty or absent.
const KINDS: [&str; 18] = [
    "delete",
    "delete and clear",
    "clear",
    "restore",
    "read",
    "pin",
    "unpin",
    "mute",
    "unmute",
    "mark",
    "set data",
    "clear data",
    "create folder",
    "rename folder",
    "remove from folder",
    "delete folder",
    "delete for good",
    "show",
];

/// The first change is a deletion, so it is this that is undone.
const DELETION: &str = "1";

/// A user's change of this kind, by a request of the same name for everybody.
fn change(client: &Client, kind: usize, user: &str) -> Box<dyn AnyChange> {
    let ids = || ["bob", "carol", "nobody"].map(c2c);
    let change: Box<dyn AnyChange> = match KINDS[kind] {
        "delete" => boxed(client.delete(user, ids()).clear(false).sync(true)),
        "delete and clear" => {
            let deletion = client.delete(user, [c2c("dave")]).seen(c2c("dave"), 1);
            boxed(deletion.sync(true))
        }
        "clear" => boxed(client.change(ClearHistoryRequest {
            user_id: user.to_owned(),
            conversation_ids: vec![c2c("erin")],
            sync_to_other_clients: Some(true),
            ..ClearHistoryRequest::default()
        })),
        "restore" => boxed(client.change(RestoreConversationsRequest {
            user_id: user.to_owned(),
            deletion_id: DELETION.to_owned(),
            ..RestoreConversationsRequest::default()
        })),
        "read" => boxed(client.read(user, ids())),
        "pin" => boxed(client.pin(user, ids())),
        "unpin" => boxed(client.unpin(user, [c2c("bob")])),
        "mute" => boxed(client.mute(user, ids())),
        "unmute" => boxed(client.unmute(user, ids())),
        "mark" => boxed(client.mark(user, ids(), 1 << 63 | 1, 2)),
        "set data" => boxed(client.set_data(user, ids(), b"x".to_vec())),
        "clear data" => boxed(client.set_data(user, ids(), [])),
        "create folder" => boxed(client.create_folder(user, "work", ids())),
        "rename folder" => boxed(client.rename_folder(user, "work", "home")),
        "remove from folder" => boxed(client.remove_from_folder(user, "home", ids())),
        "delete folder" => boxed(client.delete_folder(user, "home")),
        "delete for good" => {
            let deletion = client.delete(user, [c2c("frank")]).sync(true);
            boxed(deletion.reappearing(Reappearance::Never))
        }
        _ => boxed(client.show(user, ["frank", "bob", "nobody"].map(c2c))),
    };
    // Some name their client, others do not.
    let change = if kind.is_multiple_of(2) {
        change.by("phone")
    } else {
        change
    };
    change.named(&Uuid::from_u128(kind as u128).to_string())
}

fn boxed(change: impl AnyChange + 'static) -> Box<dyn AnyChange> {
    Box::new(change)
}

async fn every_kind_of_change_leaves_the_same_row_alone_and_together(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    let together: Vec<_> = (0..USERS).map(|number| format!("user {number}")).collect();
    let everybody = || together.iter().map(String::as_str).chain(["alone"]);
    for user in everybody() {
        for friend in ["bob", "carol", "dave", "erin", "frank"] {
            for _ in 0..2 {
                client.send(friend, c2c(user), "hi").await;
            }
        }
    }
    let rows = Rows::of(&database).await;
    for (number, kind) in KINDS.iter().enumerate() {
        let alone = change(client, number, "alone").bytes().await;
        let alone = alone.unwrap_or_else(|status| panic!("{kind}: {status:?}"));
        let changes = together.iter().map(|user| change(client, number, user));
        let answers = at_once(&observed, &database, changes.collect()).await;
        let expected = record(&rows, &database, "alone", number).await;
        for (user, answer) in together.iter().zip(answers) {
            let answer = answer.unwrap_or_else(|status| panic!("{kind}: {status:?}"));
            assert_eq!(
                without_times(kind, answer),
                without_times(kind, alone.clone()),
                "{kind}"
            );
            let found = record(&rows, &database, user, number).await;
            assert_eq!(found, expected, "{kind} of {user}");
        }
    }
    let events = events(client, "alone").await;
    for user in &together {
        for (number, kind) in KINDS.iter().enumerate() {
            let retry = change(client, number, user).bytes().await;
            retry.unwrap_or_else(|status| panic!("a retry of {kind}: {status:?}"));
        }
        assert_eq!(client.revision(user).await, KINDS.len() as u64);
        assert_eq!(self::events(client, user).await, events);
        // The second change took something from dave's chat, the third from erin's.
        for deletion in ["2", "3"] {
            let outcomes = client.restored(user, deletion).await;
            assert_eq!(outcomes, [RestorationOutcome::Restored]);
        }
    }
    rows.assert_whole().await;
}

/// Answers to deletions tell until when they can be undone, which nothing else here depends on.
fn without_times(kind: &str, answer: Vec<u8>) -> Vec<u8> {
    if !["delete", "delete and clear", "clear", "delete for good"].contains(&kind) {
        return answer;
    }
    // The response to a clearing has the same fields.
    let mut response = DeleteConversationsResponse::decode(&answer[..]).expect("an answer");
    response.restorable_until = None;
    response.encode_to_vec()
}

/// Each change of a user as a client is told of it, but for when it was made.
async fn events(client: &Client, user: &str) -> Vec<Vec<u8>> {
    let mut watcher = client.follow(user, "tablet", Some(0)).await;
    let mut events = Vec::new();
    for _ in KINDS {
        let mut event = watcher.change().await;
        event.time = None;
        events.push(event.encode_to_vec());
    }
    events
}

/// All columns of the row of a user's change of this kind, as text. Times count as there or not, and by
/// how much later they are than the change.
async fn record(
    rows: &Rows,
    database: &TestDatabase,
    user: &str,
    kind: usize,
) -> Vec<Option<String>> {
    let columns = if is_sqlite(database) {
        "SELECT name FROM pragma_table_info('changes') ORDER BY name"
    } else {
        "SELECT column_name::text FROM information_schema.columns \
         WHERE table_name = 'changes' ORDER BY column_name::text COLLATE \"C\""
    };
    let names: Vec<String> = rows
        .query(columns)
        .await
        .iter()
        .map(|row| row.try_get_by_index(0).expect("a name"))
        .collect();
    let values: Vec<_> = names
        .iter()
        .filter(|name| *name != "user_id")
        .map(|name| match name.as_str() {
            "changed_at" => "'then'".to_owned(),
            "restorable_until" | "erasable_from" | "kept_until" => {
                format!("CAST({name} - changed_at AS text)")
            }
            "request_id" | "request_digest" if is_sqlite(database) => format!("hex({name})"),
            name => format!("CAST({name} AS text)"),
        })
        .collect();
    let sql = format!(
        "SELECT {} FROM changes WHERE user_id = '{user}' AND revision = {}",
        values.join(", "),
        kind + 1
    );
    let found = rows.query(&sql).await;
    let [row] = found.as_slice() else {
        panic!("{} rows of {}", found.len(), KINDS[kind]);
    };
    (0..values.len()).map(|index| text(row, index)).collect()
}

fn text(row: &QueryResult, index: usize) -> Option<String> {
    row.try_get_by_index(index).expect("a text or NULL")
}
