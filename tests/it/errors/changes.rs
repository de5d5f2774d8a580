//! Wrong requests to read, to set and to change folders: each violation is named by its path, and nothing is
//! changed.

use conversation_service::proto::{
    ConversationId, ConversationType, GetUnreadCountRequest, ListFilter, ListFoldersRequest,
    MarkConversationsReadRequest,
};
use prost_types::Timestamp;
use tonic::{Code, Response, Status};

use super::{
    assert_ours,
    input::{assert_nothing_is_stored, check},
};
use crate::support::{
    client::{AnyChange, Client, in_folder, marked, without_marks},
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::{c2c, group, system},
    server::config,
    stage::Stage,
};

on_every_database!(
    every_field_of_the_changes_is_checked_and_nothing_is_changed,
    every_change_names_1_to_100_distinct_conversations,
    either_conversations_are_named_to_be_read_or_all_are,
    only_existing_marks_can_be_added_removed_or_asked_for,
    every_field_of_a_filter_and_of_the_readings_is_checked,
    a_refusal_by_a_rule_of_the_product_has_its_reason_and_no_more,
);

fn check_change(result: Result<Vec<u8>, Status>, paths: &[&str]) {
    check(result.map(Response::new), paths);
}

type Ids = Vec<ConversationId>;

/// Every change of conversations, each of these.
fn of_conversations(
    client: &Client,
    user: &str,
    name: &str,
    ids: &Ids,
) -> Vec<(&'static str, Box<dyn AnyChange>)> {
    let ids = || ids.clone();
    vec![
        ("read", Box::new(client.read(user, ids()))),
        ("show", Box::new(client.show(user, ids()))),
        ("pin", Box::new(client.pin(user, ids()))),
        ("unpin", Box::new(client.unpin(user, ids()))),
        ("mute", Box::new(client.mute(user, ids()))),
        ("unmute", Box::new(client.unmute(user, ids()))),
        ("mark", Box::new(client.mark(user, ids(), 1, 0))),
        ("data", Box::new(client.set_data(user, ids(), vec![]))),
        ("add", Box::new(client.add_to_folder(user, name, ids()))),
        (
            "remove",
            Box::new(client.remove_from_folder(user, name, ids())),
        ),
        ("create", Box::new(client.create_folder(user, name, ids()))),
    ]
}

async fn every_field_of_the_changes_is_checked_and_nothing_is_changed(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let wrong = vec![c2c("bob"), ConversationId { id: None }, group("")];
    for (what, change) in of_conversations(&client, " ", "a\nb", &wrong) {
        let mut paths = vec!["user_id", "client_id", "request_id"];
        if ["add", "remove", "create"].contains(&what) {
            paths.push("name");
        }
        paths.extend(["conversation_ids[1]", "conversation_ids[2].group_id"]);
        let change = change.named("no uuid").by(&"x".repeat(129));
        check_change(change.bytes().await, &paths);
    }
    let origin = ["user_id", "client_id", "request_id"];
    let long = "x".repeat(33);
    let others: [(Box<dyn AnyChange>, &[&str]); 5] = [
        (Box::new(client.delete_folder("", "")), &["name"]),
        (
            Box::new(client.rename_folder("", " x", &long)),
            &["name", "new_name"],
        ),
        (
            Box::new(client.set_data("", wrong.clone(), vec![0; 257])),
            &[
                "conversation_ids[1]",
                "conversation_ids[2].group_id",
                "custom_data",
            ],
        ),
        (
            Box::new(client.mark("", [c2c("b")], 1 | 16, 1 << 31)),
            &["add_marks", "remove_marks"],
        ),
        (
            Box::new(client.read("", [c2c("bob")]).seen(system(), 1)),
            &["seen_through[0].conversation_id"],
        ),
    ];
    for (change, own) in others {
        let change = change.named("x").by(" phone");
        let paths: Vec<_> = origin.iter().chain(own).copied().collect();
        check_change(change.bytes().await, &paths);
    }
    assert_nothing_is_stored(&database).await;
}

async fn every_change_names_1_to_100_distinct_conversations(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let hundred: Ids = (0..100).map(|number| c2c(number.to_string())).collect();
    let mut too_many = hundred.clone();
    too_many.push(system());
    let mut one_twice = hundred.clone();
    one_twice[70] = hundred[3].clone();
    for (ids, path) in [
        (&vec![], "conversation_ids"),
        (&too_many, "conversation_ids"),
        (&one_twice, "conversation_ids[70]"),
    ] {
        for (what, change) in of_conversations(&client, "alice", "work", ids) {
            // A folder may begin empty.
            if what != "create" || !ids.is_empty() {
                check_change(change.bytes().await, &[path]);
            }
        }
    }
    assert_nothing_is_stored(&database).await;
    client.create_folder("alice", "work", []).await;
    for (what, change) in of_conversations(&client, "alice", "work", &hundred) {
        if what != "create" {
            change.bytes().await.expect("a hundred are not too many");
        }
    }
}

async fn either_conversations_are_named_to_be_read_or_all_are(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let read = async |all, conversation_ids: Ids| {
        let request = MarkConversationsReadRequest {
            user_id: "alice".to_owned(),
            conversation_ids,
            all,
            ..MarkConversationsReadRequest::default()
        };
        client
            .conversations
            .clone()
            .mark_conversations_read(request)
            .await
    };
    check(read(true, vec![c2c("bob")]).await, &["conversation_ids"]);
    check(read(false, vec![]).await, &["conversation_ids"]);
    // Of `all`, any may have been seen, but each once, and only what there can be.
    let all = client.read_all("alice").seen(c2c("bob"), 1);
    let all = all.seen(c2c("bob"), 2).seen(group(" "), 1);
    let paths = [
        "seen_through[1].conversation_id",
        "seen_through[2].conversation_id.group_id",
    ];
    check(all.result().await.map(Response::new), &paths);
    assert_nothing_is_stored(&database).await;
    // Only of `all`, some can be chosen.
    let filtered = async |all, conversation_ids, filter| {
        let request = MarkConversationsReadRequest {
            user_id: "alice".to_owned(),
            conversation_ids,
            all,
            filter: Some(filter),
            ..MarkConversationsReadRequest::default()
        };
        client
            .conversations
            .clone()
            .mark_conversations_read(request)
            .await
    };
    let named = filtered(false, vec![c2c("bob")], ListFilter::default());
    check(named.await, &["filter"]);
    let neither = filtered(false, vec![], marked(1));
    check(neither.await, &["filter", "conversation_ids"]);
    check(filtered(true, vec![], marked(3)).await, &["filter.mark"]);
    assert_nothing_is_stored(&database).await;
    filtered(true, vec![], marked(1))
        .await
        .expect("all of none");
    read(true, vec![]).await.expect("all of nothing");
    read(false, vec![c2c("bob")]).await.expect("one");
}

async fn only_existing_marks_can_be_added_removed_or_asked_for(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let mark = async |add, remove| {
        let change = client.mark("alice", [c2c("bob")], add, remove);
        change.result().await.map(Response::new)
    };
    for bit in 4..32 {
        let page = client.list_page("alice", Some(without_marks(1 << bit)), 1, String::new());
        check(page.await.map(Response::new), &["filter.without_marks"]);
        check(mark(1 << bit | 1, 0).await, &["add_marks"]);
        check(mark(0, 1 << bit).await, &["remove_marks"]);
        let page = client.list_page("alice", Some(marked(1 << bit)), 1, String::new());
        check(page.await.map(Response::new), &["filter.mark"]);
    }
    // None is both put on and taken off, and something is asked for.
    check(mark(3, 2).await, &["add_marks"]);
    check(mark(1 << 63, 1 << 63).await, &["add_marks"]);
    check(mark(0, 0).await, &["add_marks"]);
    // A filter has one bit.
    for marks in [3, u64::MAX, 1 << 63 | 1] {
        let page = client.list_page("alice", Some(marked(marks)), 1, String::new());
        check(page.await.map(Response::new), &["filter.mark"]);
    }
    assert_nothing_is_stored(&database).await;
}

async fn every_field_of_a_filter_and_of_the_readings_is_checked(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let mut conversations = client.conversations.clone();
    let filter = ListFilter {
        types: vec![ConversationType::C2c.into(), 0, 9],
        unread_only: true,
        mark: 16,
        folder: "x".repeat(33),
        without_marks: u64::MAX,
        membership: 3,
        active_since: Some(Timestamp {
            seconds: 1_700_000_000,
            nanos: 1_000_000_000,
        }),
    };
    let of_filter = [
        "filter.types[1]",
        "filter.types[2]",
        "filter.mark",
        "filter.without_marks",
        "filter.membership",
        "filter.folder",
        "filter.active_since",
    ];
    let request = GetUnreadCountRequest {
        user_id: "\t".to_owned(),
        filter: Some(filter.clone()),
    };
    let paths: Vec<_> = ["user_id"].iter().chain(&of_filter).copied().collect();
    check(conversations.get_unread_count(request).await, &paths);
    let page = client.list_page("alice", Some(filter), 1, String::new());
    check(page.await.map(Response::new), &of_filter);
    for name in [" x", "x\u{a0}", "\u{1}", &"ü".repeat(17)] {
        let page = client.list_page("alice", Some(in_folder(name)), 1, String::new());
        check(page.await.map(Response::new), &["filter.folder"]);
    }
    let request = ListFoldersRequest {
        user_id: "x".repeat(129),
    };
    check(conversations.list_folders(request).await, &["user_id"]);
    assert_nothing_is_stored(&database).await;
}

async fn a_refusal_by_a_rule_of_the_product_has_its_reason_and_no_more(database: TestDatabase) {
    let mut config = config(&database);
    config.pin_limit = 0;
    let Stage { client, .. } = Stage::open_with(config).await;
    client.send("bob", c2c("alice"), "hi").await;
    for number in 0..20 {
        let name = format!("folder {number}");
        client.create_folder("alice", &name, []).await;
    }
    let bob = || [c2c("bob")];
    let refusals: [(Box<dyn AnyChange>, Code, &str); 7] = [
        (
            Box::new(client.pin("alice", bob())),
            Code::FailedPrecondition,
            "PIN_LIMIT_REACHED",
        ),
        (
            Box::new(client.create_folder("alice", "one more", bob())),
            Code::FailedPrecondition,
            "FOLDER_LIMIT_REACHED",
        ),
        (
            Box::new(client.create_folder("alice", "folder 1", [])),
            Code::AlreadyExists,
            "FOLDER_ALREADY_EXISTS",
        ),
        (
            Box::new(client.rename_folder("alice", "folder 1", "folder 2")),
            Code::AlreadyExists,
            "FOLDER_ALREADY_EXISTS",
        ),
        (
            Box::new(client.delete_folder("alice", "none")),
            Code::NotFound,
            "FOLDER_NOT_FOUND",
        ),
        (
            Box::new(client.add_to_folder("alice", "none", bob())),
            Code::NotFound,
            "FOLDER_NOT_FOUND",
        ),
        (
            Box::new(client.remove_from_folder("alice", "none", bob())),
            Code::NotFound,
            "FOLDER_NOT_FOUND",
        ),
    ];
    for (change, code, reason) in refusals {
        let status = refused(change.bytes().await, code, reason);
        assert_ours(&status);
    }
    assert_eq!(client.revision("alice").await, 20);
}
