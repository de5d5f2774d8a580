//! Hidden conversations can be listed.

use std::time::Duration;

use conversation_service::proto::{
    ConversationId, ConversationType, HiddenConversation, Reappearance,
};
use tonic::Code;

use crate::support::{
    client::{Client, ids},
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group, system},
    stage::Stage,
};

on_every_database!(
    what_is_deleted_is_hidden_until_it_comes_back,
    each_hidden_one_has_its_entry_and_the_deletion_to_undo,
    hidden_ones_are_paged_by_activity_and_by_type,
    hidden_groups_of_many_members_come_once_each_however_short_the_pages_are,
    the_last_page_has_no_token_however_full_it_is,
    a_token_of_another_listing_is_refused,
);

const NEVER: Reappearance = Reappearance::Never;

pub(super) async fn say(client: &Client, count: usize) {
    for number in 1..=count {
        client
            .send("bob", c2c("alice"), &format!("message {number}"))
            .await;
    }
}

pub(super) fn names(hidden: Vec<HiddenConversation>) -> Vec<ConversationId> {
    let entries = hidden.into_iter().filter_map(|one| one.conversation);
    ids(entries.collect())
}

async fn what_is_deleted_is_hidden_until_it_comes_back(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    assert_eq!(client.hidden("alice").await, []);
    say(&client, 1).await;
    assert_eq!(client.hidden("alice").await, []);
    client.delete("alice", [c2c("bob"), c2c("nobody")]).await;
    assert_eq!(names(client.hidden("alice").await), [c2c("bob")]);
    assert_eq!(client.hidden("bob").await, []);
    say(&client, 1).await;
    assert_eq!(client.hidden("alice").await, []);
    let away = client
        .delete("alice", [c2c("bob")])
        .reappearing(NEVER)
        .await;
    say(&client, 1).await;
    assert_eq!(names(client.hidden("alice").await), [c2c("bob")]);
    client.restored("alice", &away.deletion_id).await;
    assert_eq!(client.hidden("alice").await, []);
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
}

async fn each_hidden_one_has_its_entry_and_the_deletion_to_undo(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    say(&client, 3).await;
    client.mute("alice", [c2c("bob")]).await;
    client.create_folder("alice", "work", [c2c("bob")]).await;
    let deletion = client.delete("alice", [c2c("bob")]).clear(false);
    let deletion = deletion.reappearing(NEVER).await;
    say(&client, 2).await;
    // It takes nothing, so it is not the last one.
    client
        .delete("alice", [c2c("bob")])
        .seen(c2c("bob"), 3)
        .clear(false)
        .reappearing(NEVER)
        .await;
    let hidden = client.hidden("alice").await.remove(0);
    assert_eq!(hidden.deletion_id, deletion.deletion_id);
    assert_eq!(hidden.restorable_until, deletion.restorable_until);
    assert_eq!(hidden.reappearance(), NEVER);
    assert!(!hidden.history_cleared);
    let entry = hidden.conversation.expect("it is set");
    assert_eq!((entry.last_seq, entry.unread_count), (5, 2));
    assert_eq!(entry.last_message.map(|message| message.seq), Some(5));
    assert_eq!(
        (entry.muted, entry.folders),
        (true, vec!["work".to_owned()])
    );

    let cleared = client.delete("alice", [c2c("bob")]).await;
    let hidden = client.hidden("alice").await.remove(0);
    assert_eq!(hidden.deletion_id, cleared.deletion_id);
    assert_eq!(hidden.reappearance(), Reappearance::OnMessage);
    assert!(hidden.history_cleared);
    let entry = hidden.conversation.expect("it is set");
    assert_eq!((entry.last_message, entry.unread_count), (None, 0));

    // An undo is refused at that very time.
    clock.advance(Duration::from_hours(24));
    let hidden = client.hidden("alice").await.remove(0);
    assert_eq!(
        (hidden.deletion_id.as_str(), hidden.restorable_until),
        ("", None)
    );
}

async fn hidden_ones_are_paged_by_activity_and_by_type(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let friend = format!("friend {number}");
        if number % 2 == 0 {
            clock.advance(Duration::from_secs(1));
        }
        client.send(&friend, c2c("alice"), "hi").await;
        expected.push(c2c(friend));
    }
    client.send_system(&["alice"], "hi").await;
    let all = expected.iter().cloned().chain([system()]);
    client.delete("alice", all).await;
    client.send("friend 3", c2c("alice"), "hi").await;
    for size in 1..9 {
        let hidden = client.hidden_in_pages("alice", &[], size).await;
        let hidden = hidden.expect("it can be read").0;
        let times: Vec<_> = hidden
            .iter()
            .filter_map(|one| one.conversation.as_ref()?.update_time)
            .map(|time| (time.seconds, time.nanos))
            .collect();
        assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
        let found = names(hidden);
        assert_eq!(found.len(), 7, "{found:?}");
        assert!(!found.contains(&c2c("friend 3")));
    }
    let only = client
        .hidden_in_pages("alice", &[ConversationType::System], 1)
        .await;
    assert_eq!(names(only.expect("it can be read").0), [system()]);
    let unknown = client.hidden_page(
        "alice",
        &[ConversationType::Unspecified],
        501,
        "x".to_owned(),
    );
    let status = refused(unknown.await, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violated(&status), ["page_size", "page_token", "types[0]"]);
}

async fn hidden_groups_of_many_members_come_once_each_however_short_the_pages_are(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    let mut members = vec!["alice", "bob"];
    members.extend(["1", "2", "3", "4", "5", "6", "7", "8"]);
    let mut expected = Vec::new();
    for number in 0..4 {
        let name = format!("hall {number}");
        client.join(&name, &members).await;
        client.send("bob", group(name.clone()), "hi").await;
        expected.push(group(name));
    }
    client.delete("alice", expected.clone()).await;
    for size in 1..=5 {
        let hidden = client.hidden_in_pages("alice", &[], size).await;
        let mut found = names(hidden.expect("it can be read").0);
        found.sort_by_key(ToString::to_string);
        assert_eq!(found, expected, "{size} on a page");
    }
}

async fn the_last_page_has_no_token_however_full_it_is(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for friend in ["bob", "carol"] {
        client.send(friend, c2c("alice"), "hi").await;
    }
    client.delete("alice", ["bob", "carol"].map(c2c)).await;
    let first = client.hidden_page("alice", &[], 1, String::new()).await;
    let token = first.expect("it can be read").next_page_token;
    for (size, token) in [(1, token), (2, String::new())] {
        let last = client.hidden_page("alice", &[], size, token).await;
        assert_eq!(last.expect("it can be read").next_page_token, "");
    }
}

async fn a_token_of_another_listing_is_refused(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for friend in ["bob", "carol", "dora", "erin"] {
        client.send(friend, c2c("alice"), "hi").await;
        client.send(friend, c2c("zoe"), "hi").await;
    }
    client.delete("alice", ["bob", "carol"].map(c2c)).await;
    client.delete("zoe", ["bob", "carol"].map(c2c)).await;
    let list = client.list_page("alice", None, 1, String::new()).await;
    let list = list.expect("it can be read").next_page_token;
    let hidden = client.hidden_page("alice", &[], 1, String::new()).await;
    let hidden = hidden.expect("it can be read").next_page_token;
    let others = client.hidden_page("zoe", &[], 1, String::new()).await;
    let others = others.expect("it can be read").next_page_token;
    for token in [list, others] {
        let page = client.hidden_page("alice", &[], 1, token).await;
        let status = refused(page, Code::InvalidArgument, "INVALID_REQUEST");
        assert_eq!(violated(&status), ["page_token"]);
    }
    let page = client.list_page("alice", None, 1, hidden).await;
    let status = refused(page, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violated(&status), ["page_token"]);
}
