//! Unread counts: they are the sum over the listed conversations, whatever happened before.

use conversation_service::proto::{
    Conversation, ConversationType, GetUnreadCountResponse, ListFilter,
};

use crate::support::{
    client::{Client, in_folder, marked, of_types, unread},
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group, system},
    seed,
    stage::Stage,
};

on_every_database!(
    muted_and_system_conversations_are_left_out_of_the_total,
    muted_conversations_have_a_total_of_their_own_and_system_ones_have_none,
    the_total_is_of_what_the_filter_leaves,
    ones_own_messages_are_read_and_mark_what_came_before_read,
    the_total_follows_readings_clearings_deletions_and_undoing,
    the_total_follows_leaving_and_joining_again,
    the_mark_unread_changes_no_count,
    hundreds_of_conversations_are_added_up,
);

/// The totals that entries of a list add up to.
pub(super) fn totals(entries: &[Conversation]) -> GetUnreadCountResponse {
    let mut totals = GetUnreadCountResponse::default();
    for entry in entries {
        if entry.conversation_id == Some(system()) {
            continue;
        }
        if entry.muted {
            totals.muted_unread_count += entry.unread_count;
        } else {
            totals.unread_count += entry.unread_count;
            totals.unread_conversations += u64::from(entry.unread_count > 0);
        }
    }
    totals
}

/// That the total is this, and that all totals are what the entries of the list add up to.
pub(super) async fn assert_unread(client: &Client, user: &str, expected: u64) {
    let entries = client.list_all(user).await;
    let counted = client.unread_totals(user, None).await;
    assert_eq!(counted, totals(&entries), "the sums of the list");
    assert_eq!(counted.unread_count, expected);
}

/// Bob has sent three messages, carol two, the group one, and the system four.
async fn three_two_one_and_four(client: &Client) {
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "hi").await;
    for (sender, count) in [("bob", 3), ("carol", 2)] {
        for _ in 0..count {
            client.send(sender, c2c("alice"), "hi").await;
        }
    }
    for _ in 0..4 {
        client.send_system(&["alice"], "news").await;
    }
}

async fn muted_and_system_conversations_are_left_out_of_the_total(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    assert_unread(&client, "alice", 0).await;
    three_two_one_and_four(&client).await;
    assert_unread(&client, "alice", 6).await;
    client.mute("alice", [c2c("carol"), group("crew")]).await;
    assert_unread(&client, "alice", 3).await;
    // Each has a count of its own all the same.
    assert_eq!(client.entry("alice", c2c("carol")).await.unread_count, 2);
    assert_eq!(client.entry("alice", system()).await.unread_count, 4);
    client.unmute("alice", [c2c("carol")]).await;
    assert_unread(&client, "alice", 5).await;
    client.mute("alice", [system()]).await;
    client.unmute("alice", [system()]).await;
    assert_unread(&client, "alice", 5).await;
}

async fn muted_conversations_have_a_total_of_their_own_and_system_ones_have_none(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    three_two_one_and_four(&client).await;
    let others: Vec<_> = (0..12).map(|number| format!("member {number}")).collect();
    let mut members: Vec<_> = others.iter().map(String::as_str).collect();
    members.push("alice");
    for name in ["large", "loud"] {
        client.join(name, &members).await;
        for _ in 0..5 {
            client.send("member 1", group(name), "hi").await;
        }
    }
    client.send("dora", c2c("alice"), "hi").await;
    client.read("alice", [c2c("dora")]).await;
    let has = async |filter, unread_count, unread_conversations, muted_unread_count| {
        let expected = GetUnreadCountResponse {
            unread_count,
            unread_conversations,
            muted_unread_count,
        };
        assert_eq!(client.unread_totals("alice", filter).await, expected);
    };
    has(None, 16, 5, 0).await;
    let muted = [c2c("carol"), group("large"), system(), c2c("dora")];
    client.mute("alice", muted).await;
    has(None, 9, 3, 7).await;
    let groups = of_types(&[ConversationType::Group]);
    has(Some(groups), 6, 2, 5).await;
    has(Some(of_types(&[ConversationType::System])), 0, 0, 0).await;
    client
        .create_folder("alice", "work", [c2c("carol"), group("loud")])
        .await;
    has(Some(in_folder("work")), 5, 1, 2).await;
    client.read("alice", [group("large"), group("loud")]).await;
    has(None, 4, 2, 2).await;
    client.delete("alice", [c2c("carol"), c2c("bob")]).await;
    has(None, 1, 1, 0).await;
}

async fn the_total_is_of_what_the_filter_leaves(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    three_two_one_and_four(&client).await;
    let starred = [c2c("carol"), group("crew"), system()];
    client.mark("alice", starred, 1, 0).await;
    let filed = [c2c("bob"), c2c("carol"), system()];
    client.create_folder("alice", "work", filed).await;

    let (people, groups) = (ConversationType::C2c, ConversationType::Group);
    let starred_people = ListFilter {
        mark: 1,
        ..of_types(&[people])
    };
    let all_at_once = ListFilter {
        unread_only: true,
        folder: "work".to_owned(),
        ..starred_people.clone()
    };
    for (filter, expected) in [
        (ListFilter::default(), 6),
        (of_types(&[people]), 5),
        (of_types(&[groups]), 1),
        (of_types(&[ConversationType::System]), 0),
        (of_types(&[groups, ConversationType::System]), 1),
        (unread(), 6),
        (marked(1), 3),
        (marked(4), 0),
        (in_folder("work"), 5),
        (in_folder("no such folder"), 0),
        (starred_people, 2),
        (all_at_once, 2),
    ] {
        let count = client.unread_with("alice", Some(filter.clone())).await;
        assert_eq!(count, expected, "{filter:?}");
    }
    client.mute("alice", [c2c("carol")]).await;
    assert_eq!(client.unread_with("alice", Some(marked(1))).await, 1);
    let filed = client.unread_with("alice", Some(in_folder("work"))).await;
    assert_eq!(filed, 3);
}

async fn ones_own_messages_are_read_and_mark_what_came_before_read(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("alice", c2c("bob"), "hi").await;
    client.send("alice", c2c("alice"), "to oneself").await;
    assert_unread(&client, "alice", 0).await;
    assert_unread(&client, "bob", 1).await;
    client.send("bob", c2c("alice"), "one").await;
    client.send("bob", c2c("alice"), "two").await;
    assert_unread(&client, "alice", 2).await;
    assert_unread(&client, "bob", 0).await;
    client.send("alice", c2c("bob"), "an answer").await;
    assert_unread(&client, "alice", 0).await;
    client.send("bob", c2c("alice"), "three").await;
    assert_unread(&client, "alice", 1).await;
    assert_unread(&client, "bob", 0).await;
}

async fn the_total_follows_readings_clearings_deletions_and_undoing(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    three_two_one_and_four(&client).await;
    client.read("alice", [c2c("bob")]).seen(c2c("bob"), 1).await;
    assert_unread(&client, "alice", 5).await;

    let clearing = client.clear_history("alice", [c2c("bob")]).await;
    assert_unread(&client, "alice", 3).await;
    client.send("bob", c2c("alice"), "four").await;
    assert_unread(&client, "alice", 4).await;
    client.restored("alice", &clearing.deletion_id).await;
    assert_unread(&client, "alice", 6).await;

    let ids = [c2c("bob"), c2c("carol")];
    for clear in [true, false] {
        let deletion = client.delete("alice", ids.clone()).clear(clear).await;
        assert_unread(&client, "alice", 1).await;
        client.restored("alice", &deletion.deletion_id).await;
        assert_unread(&client, "alice", 6).await;
    }
    // A conversation that comes back with a new message counts that message alone, cleared or not.
    for (clear, expected) in [(false, 5), (true, 5)] {
        client.delete("alice", [c2c("carol")]).clear(clear).await;
        assert_unread(&client, "alice", 4).await;
        client.send("carol", c2c("alice"), "again").await;
        assert_unread(&client, "alice", expected).await;
    }
    let kept = client.delete("alice", [c2c("bob")]).seen(c2c("bob"), 3);
    kept.await;
    assert_unread(&client, "alice", 3).await;
    client.read_all("alice").await;
    assert_unread(&client, "alice", 0).await;
    assert_unread(&client, "bob", 0).await;
}

async fn the_total_follows_leaving_and_joining_again(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let send = async || client.send("bob", group("crew"), "hi").await;
    client.join("crew", &["bob"]).await;
    send().await;
    client.join("crew", &["alice"]).await;
    assert_unread(&client, "alice", 0).await;
    send().await;
    send().await;
    assert_unread(&client, "alice", 2).await;
    client.leave("crew", &["alice"]).await;
    send().await;
    assert_unread(&client, "alice", 2).await;
    client.join("crew", &["alice"]).await;
    assert_unread(&client, "alice", 0).await;
    send().await;
    assert_unread(&client, "alice", 1).await;
    client.leave("crew", &["alice"]).await;
    client.read("alice", [group("crew")]).await;
    assert_unread(&client, "alice", 0).await;
}

async fn the_mark_unread_changes_no_count(database: TestDatabase) {
    const UNREAD: u64 = 2;
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("alice", c2c("carol"), "hi").await;
    client
        .mark("alice", [c2c("bob"), c2c("carol")], UNREAD, 0)
        .await;
    assert_unread(&client, "alice", 1).await;
    assert_eq!(client.listed_with("alice", unread()).await, [c2c("bob")]);
    client.read("alice", [c2c("bob")]).await;
    assert_unread(&client, "alice", 0).await;
    let bob = client.entry("alice", c2c("bob")).await;
    assert_eq!(bob.marks, UNREAD, "reading takes no mark off");
    client.send("bob", c2c("alice"), "more").await;
    client.mark("alice", [c2c("bob")], 0, UNREAD).await;
    assert_unread(&client, "alice", 1).await;
}

async fn hundreds_of_conversations_are_added_up(database: TestDatabase) {
    const MANY: usize = 400;
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", MANY).await;
    assert_unread(&client, "alice", 400).await;
    client.mute("alice", chats[..100].to_vec()).await;
    client.read("alice", chats[100..110].to_vec()).await;
    client.delete("alice", chats[150..170].to_vec()).await;
    assert_unread(&client, "alice", 270).await;
    assert_eq!(client.read_all("alice").await.results.len(), 370);
    assert_unread(&client, "alice", 0).await;
}
