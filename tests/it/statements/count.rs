//! The number of statements of a call is the same for one conversation and for a hundred.

use super::{Observed, recorder, tables};
use crate::support::{
    client::{marked, really_everything, unread},
    databases::{TestDatabase, on_one_server},
    ids::{c2c, group},
    rows::is_sqlite,
    seed,
};

on_one_server!(
    every_call_runs_as_many_statements_for_a_hundred_as_for_one,
    every_setting_runs_as_many_statements_for_a_hundred_as_for_one,
    forgetting_and_showing_run_as_many_statements_for_a_hundred_as_for_one,
    a_list_runs_as_many_statements_whatever_is_in_it,
    the_trash_runs_two_statements_whatever_is_in_it,
    a_deletion_by_selector_runs_as_many_statements_for_a_thousand_as_for_one,
    a_deletion_names_no_messages,
);

async fn every_call_runs_as_many_statements_for_a_hundred_as_for_one(database: TestDatabase) {
    let sqlite = is_sqlite(&database);
    // A message to a group or to several users is one statement for its conversations, which are three on SQLite if
    // it is named, and one for its users. Other messages are one statement on PostgreSQL, which a retry has run, too.
    let (send, send_named) = if sqlite { (3, 4) } else { (2, 2) };
    let (send_one, send_one_named, retry_one) = if sqlite { (3, 4, 1) } else { (1, 1, 2) };
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    let chats = seed::chats(&database, "alice", 300).await;

    for (ids, count) in [(&chats[..1], 1), (&chats[1..101], 100)] {
        let page = i32::try_from(count).expect("a small number");
        let get = observed.count(client.get("alice", ids.to_vec())).await;
        assert_eq!(get, 2, "GetConversations of {count}");
        let list = observed
            .count(client.list_page("alice", None, page, String::new()))
            .await;
        assert_eq!(list, 2, "ListConversations of {count}");

        // The heads and the change; on SQLite the change is four statements of one transaction.
        let deletion = client.delete("alice", ids.to_vec()).clear(count == 1);
        let deletion = deletion.request_id(uuid::Uuid::from_u128(count).to_string());
        let again = client.delete("alice", ids.to_vec()).clear(count == 1);
        let again = again.request_id(uuid::Uuid::from_u128(count).to_string());
        let delete = observed.count(deletion.result()).await;
        assert_eq!(
            delete,
            if sqlite { 5 } else { 2 },
            "DeleteConversations of {count}"
        );
        let retry = observed.count(again.result()).await;
        // The user's revision is raised and rolled back, once the one statement has changed nothing.
        let expected = if sqlite { 3 } else { 4 };
        assert_eq!(retry, expected, "a retry of DeleteConversations of {count}");

        // These are changes like a deletion; what is undone is looked up first, as heads are. Undoing
        // may pin, so the pins are counted. Where there may be no room for all, it is a transaction on PostgreSQL
        // too.
        observed.recorder.take();
        let cleared = client.clear_history("alice", ids.to_vec()).await;
        let clear = observed.recorder.take().len();
        // It has no name, so no earlier run of it is looked for.
        let expected = if sqlite { delete - 1 } else { delete };
        assert_eq!(clear, expected, "ClearHistory of {count}");
        let undo = client.restore("alice", &cleared.deletion_id, "");
        let restore = observed.count(undo).await;
        let expected = if sqlite || count > 50 { 5 } else { 2 };
        assert_eq!(restore, expected, "RestoreConversations of {count}");

        let users: Vec<_> = (0..count)
            .map(|n| format!("member {n} of {count}"))
            .collect();
        let users: Vec<_> = users.iter().map(String::as_str).collect();
        joining_and_leaving(&observed, count, &users, (send, sqlite)).await;

        let (send, send_named, send_again) = match count {
            1 => (send_one, send_one_named, retry_one),
            _ => (send, send_named, 1),
        };
        let first = observed.count(client.send_system(&users, "hi")).await;
        assert_eq!(first, send, "the first SendSystemMessage to {count}");
        let next = observed.count(client.send_system(&users, "hi")).await;
        assert_eq!(next, send, "a later SendSystemMessage to {count}");
        let named = recorder::send_system_named(client, &users, "n1");
        assert_eq!(
            observed.count(named).await,
            send_named,
            "a named SendSystemMessage to {count}"
        );
        let retry = recorder::send_system_named(client, &users, "n1");
        assert_eq!(
            observed.count(retry).await,
            send_again,
            "a retry of SendSystemMessage to {count}"
        );
    }

    assert_eq!(
        observed.count(client.send("bob", c2c("carol"), "hi")).await,
        send_one
    );
    assert_eq!(
        observed.count(client.send("bob", c2c("carol"), "hi")).await,
        send_one
    );
    let named = || recorder::send_named(client, "bob", c2c("carol"), "m1");
    assert_eq!(
        observed.count(named()).await,
        send_one_named,
        "a message that can be retried"
    );
    assert_eq!(observed.count(named()).await, retry_one, "its retry");
    let history = client.history_in_pages("carol", c2c("bob"), 50);
    assert_eq!(observed.count(history).await, 3, "ListMessages");
    assert_eq!(
        observed.count(client.list_all("nobody")).await,
        1,
        "an empty list"
    );
    let page = client
        .list_page("alice", None, 1, String::new())
        .await
        .expect("readable");
    client.send(&seed::user(0), c2c("alice"), "moves").await;
    let next = client.list_page("alice", None, 100, page.next_page_token);
    assert_eq!(
        observed.count(next).await,
        2,
        "a page after something has moved"
    );
}

async fn forgetting_and_showing_run_as_many_statements_for_a_hundred_as_for_one(
    database: TestDatabase,
) {
    let sqlite = is_sqlite(&database);
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    let chats = seed::chats(&database, "alice", 101).await;
    for (ids, count) in [(&chats[..1], 1), (&chats[1..], 100)] {
        let ids = || ids.to_vec();
        client.mute("alice", ids()).await;
        let name = format!("folder of {count}");
        client.create_folder("alice", &name, ids()).await;
        observed.recorder.take();
        // The heads, the revision, what is to be forgotten, the rows, the record, and the folders.
        let forgetting = client.delete("alice", ids());
        let forgot = forgetting
            .with(|request| request.forget_settings = true)
            .await;
        let statements = observed.recorder.take().len();
        assert_eq!(
            statements, 6,
            "DeleteConversations of {count} with their settings"
        );
        // The rows, the deletions, and the heads with their messages.
        let page = client.hidden_page("alice", &[], count, String::new());
        let hidden = observed.count(page).await;
        assert_eq!(hidden, 3, "ListHiddenConversations of {count}");
        // As any undo, and the folders, and the settings that there are then.
        let undo = client.restore("alice", &forgot.deletion_id, "");
        let restore = observed.count(undo).await;
        assert_eq!(
            restore, 7,
            "RestoreConversations of {count} with their settings"
        );
        client.delete("alice", ids()).await;
        let show = observed.count(client.show("alice", ids()).result()).await;
        let expected = if sqlite { 4 } else { 2 };
        assert_eq!(show, expected, "ShowConversations of {count}");
    }
}

/// The statements of joining, sending to (`send`) and leaving a group of so many users.
async fn joining_and_leaving(
    observed: &Observed,
    count: u128,
    users: &[&str],
    (send, sqlite): (usize, bool),
) {
    let client = &observed.client;
    let name = format!("group of {count}");
    let join = observed.count(client.join(&name, users)).await;
    // The head, the members, the revisions with the rows, and the records. Whether the group becomes large is looked
    // up, and then seen to. SQLite, which has no round trips, raises the revisions by a statement of its own.
    let steps = usize::from(sqlite);
    let expected = if count == 1 { 5 + steps } else { 8 };
    assert_eq!(join, expected, "AddGroupMembers of {count}");
    let message = observed
        .count(client.send(users[0], group(&name), "hi"))
        .await;
    assert_eq!(message, send, "SendMessage to a group of {count}");
    let leave = observed.count(client.leave(&name, users)).await;
    assert_eq!(leave, 4 + steps, "RemoveGroupMembers of {count}");
    // A named one is looked for and remembered, and joining again is seen to by the erasure.
    let named = uuid::Uuid::from_u128(count + 1000).to_string();
    let again = observed.count(client.join_as(&name, users, &named)).await;
    let expected = steps + if count == 1 { 8 } else { 7 };
    assert_eq!(again, expected, "AddGroupMembers of {count} once more");
    let retry = observed.count(client.join_as(&name, users, &named)).await;
    assert_eq!(retry, 2, "a retry of AddGroupMembers of {count}");
    let nobody = observed.count(client.join(&name, users)).await;
    assert_eq!(nobody, 2, "AddGroupMembers of nobody new");
}

async fn every_setting_runs_as_many_statements_for_a_hundred_as_for_one(database: TestDatabase) {
    // A change is one statement on PostgreSQL, and three on SQLite: the revision, the rows, the record.
    // Where positions matter, the heads come first. A named request looks for an earlier run of it, too,
    // once it holds the user's lock.
    let (plain, positioned) = if is_sqlite(&database) { (3, 4) } else { (1, 2) };
    let looking = usize::from(is_sqlite(&database));
    let observed = Observed::open_with_pins(&database, 1000).await;
    let client = &observed.client;
    let chats = seed::chats(&database, "alice", 300).await;

    for (ids, count) in [(&chats[..1], 1), (&chats[100..200], 100)] {
        let ids = || ids.to_vec();
        let some = || client.read("alice", ids()).request_id(id(count));
        let named = positioned + looking;
        assert_eq!(observed.count(some().result()).await, named);
        let retry = observed.count(some().result()).await;
        assert_eq!(retry, if looking == 1 { 3 } else { 4 }, "a retry of it");
        let mute = client.mute("alice", ids()).result();
        assert_eq!(observed.count(mute).await, plain, "{count}");
        let mark = client.mark("alice", ids(), 1, 2).result();
        assert_eq!(observed.count(mark).await, plain, "{count}");
        let data = client.set_data("alice", ids(), b"x".to_vec()).result();
        assert_eq!(observed.count(data).await, plain, "{count}");
        // Pins are counted under the user's lock. PostgreSQL needs no more than one statement while there is
        // room for sure.
        let pin = client.pin("alice", ids()).result();
        let expected = if is_sqlite(&database) { 5 } else { positioned };
        let context = format!("PinConversations of {count}");
        assert_eq!(observed.count(pin).await, expected, "{context}");
        let unpin = client.unpin("alice", ids()).result();
        assert_eq!(observed.count(unpin).await, positioned, "{count}");

        // The revision, the folder by its name, what is done to it, the limits where it may reach them,
        // what the user has of it, what is in it, the heads of that, and the record. What was put in or taken
        // out has received a setting.
        let name = format!("folder of {count}");
        let empty = client.create_folder("alice", "empty", []).result();
        assert_eq!(observed.count(empty).await, 8, "CreateFolder of nothing");
        let gone = client.delete_folder("alice", "empty").result();
        assert_eq!(observed.count(gone).await, 7, "DeleteFolder of nothing");
        let full = client.create_folder("alice", &name, ids()).result();
        assert_eq!(observed.count(full).await, 10, "CreateFolder of {count}");
        let out = client.remove_from_folder("alice", &name, ids()).result();
        assert_eq!(observed.count(out).await, 7, "RemoveFromFolder of {count}");
        let add = client
            .add_to_folder("alice", &name, ids())
            .request_id(id(count + 7));
        let retry = add.clone().result();
        assert_eq!(
            observed.count(add.result()).await,
            10,
            "AddToFolder of {count}"
        );
        assert_eq!(observed.count(retry).await, 2, "a retry of it");
        let rename = client.rename_folder("alice", &name, "new name").result();
        assert_eq!(observed.count(rename).await, 8, "RenameFolder of {count}");
        let folders = client.list_folders("alice");
        assert_eq!(observed.count(folders).await, 2, "ListFolders of {count}");
        let delete = client.delete_folder("alice", "new name").result();
        assert_eq!(observed.count(delete).await, 9, "DeleteFolder of {count}");
    }
    // Everything at once, which is found first.
    let all = client.read_all("alice").result();
    assert_eq!(observed.count(all).await, positioned + 1, "all of 199");
    let nothing = client.read_all("alice").result();
    assert_eq!(observed.count(nothing).await, plain + 1, "all of nothing");
}

fn id(number: usize) -> String {
    uuid::Uuid::from_u128(number as u128).to_string()
}

async fn a_list_runs_as_many_statements_whatever_is_in_it(database: TestDatabase) {
    let observed = Observed::open_with_pins(&database, 1000).await;
    let client = &observed.client;
    let chats = seed::chats(&database, "alice", 300).await;
    let members: Vec<_> = (0..12).map(|number| format!("member {number}")).collect();
    let mut members: Vec<_> = members.iter().map(String::as_str).collect();
    members.push("alice");
    for (large_groups, pinned) in [(0, &chats[..1]), (1, &chats[1..2]), (20, &chats[2..100])] {
        for number in 0..large_groups {
            let name = format!("group {number} of {large_groups}");
            client.join(&name, &members).await;
            client.send("member 1", group(&name), "hi").await;
        }
        client.pin("alice", pinned.to_vec()).await;
        client.mark("alice", pinned.to_vec(), 1, 0).await;
        // The rows, the heads that they have no copy of, and the heads and messages of what is shown.
        let heads = usize::from(large_groups > 0);
        for (filter, found) in [
            (None, true),
            (Some(unread()), true),
            (Some(marked(8)), false),
        ] {
            let page = client.list_page("alice", filter.clone(), 100, String::new());
            let expected = if found { 2 + heads } else { 1 };
            let context = format!("{filter:?} with {large_groups}");
            assert_eq!(observed.count(page).await, expected, "{context}");
            let count = client.unread_with("alice", filter);
            let expected = if found { 1 + heads } else { 1 };
            assert_eq!(observed.count(count).await, expected, "{context}");
        }
    }
}

async fn the_trash_runs_two_statements_whatever_is_in_it(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    let chats = seed::chats(&database, "alice", 300).await;
    let nothing = client.deletions("alice", 100, false);
    assert_eq!(observed.count(nothing).await, 1, "of nothing");
    for (ids, clear) in [
        (&chats[..1], true),
        (&chats[..100], false),
        (&chats[100..200], true),
    ] {
        client.delete("alice", ids.to_vec()).clear(clear).await;
        for restorable_only in [false, true] {
            let trash = client.deletions("alice", 100, restorable_only);
            assert_eq!(observed.count(trash).await, 2);
        }
    }
}
async fn a_deletion_by_selector_runs_as_many_statements_for_a_thousand_as_for_one(
    database: TestDatabase,
) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    seed::chats(&database, "alice", 3_000).await;
    let members: Vec<_> = (0..12).map(|number| format!("member {number}")).collect();
    let mut members: Vec<_> = members.iter().map(String::as_str).collect();
    members.push("alice");
    for (round, large_groups) in (1_u128..).zip([0, 1, 30]) {
        for number in 0..large_groups {
            let name = format!("group {number} of {large_groups}");
            client.join(&name, &members).await;
            client.send("member 1", group(&name), "hi").await;
        }
        // The heads that the rows have no copy of.
        let heads = usize::from(large_groups > 0);
        for limit in [1, 300] {
            let context = format!("{limit} with {large_groups}");
            // The chosen rows, and their heads.
            observed.recorder.take();
            let look = client.look("alice", really_everything()).limit(limit).await;
            assert_eq!(observed.recorder.take().len(), 2 + heads, "{context}");
            assert_eq!(look.results.len(), limit as usize);
            // The user's revision, what is known of it, the heads, what is deleted, and the record; before
            // that, whether the plan is of the present history.
            let deletion = client.delete_matching("alice", really_everything());
            let deletion = deletion.limit(limit).planned(&look.plan);
            let planned = observed.count(deletion.result()).await;
            assert_eq!(planned, 6, "{context}");
            let name = uuid::Uuid::from_u128(u128::from(limit) << 32 | round);
            let deletion = client.delete_matching("alice", really_everything());
            let deletion = deletion.limit(limit).request_id(name);
            let retry = deletion.clone().result();
            // The revision, whether it was made before, what is chosen, the heads, the rows, the record.
            let delete = observed.count(deletion.result()).await;
            assert_eq!(delete, 6 + heads, "{context}");
            assert_eq!(observed.count(retry).await, 2, "a retry of {context}");
        }
    }
}

async fn a_deletion_names_no_messages(database: TestDatabase) {
    let observed = Observed::open(&database).await;
    let client = &observed.client;
    client.send("bob", c2c("alice"), "hi").await;
    observed.recorder.take();
    for clear in [false, true] {
        client
            .delete("alice", [c2c("bob"), c2c("nobody")])
            .clear(clear)
            .await;
    }
    for statement in observed.recorder.take() {
        assert!(
            !tables(&statement.sql).contains("messages"),
            "{}",
            statement.sql
        );
    }
}
