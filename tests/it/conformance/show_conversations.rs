//! Hidden conversations can be shown again.

use std::time::Duration;

use conversation_service::proto::{
    ConversationId, Reappearance, RestorationOutcome, ShowOutcome, ShowResult, change::Kind,
};

use super::list_hidden_conversations::{names, say};
use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    rows::Rows,
    stage::Stage,
};

on_every_database!(
    groups_of_any_size_and_groups_that_were_left_can_be_listed_and_shown,
    showing_lists_it_with_only_newer_messages_unread,
    showing_does_not_bring_back_cleared_messages,
    a_deletion_beneath_can_still_be_undone,
    a_group_that_was_joined_again_has_nothing_to_show,
    showing_notifies_the_other_clients,
);

const NEVER: Reappearance = Reappearance::Never;
const SHOWN: ShowOutcome = ShowOutcome::Shown;
const ALREADY_LISTED: ShowOutcome = ShowOutcome::AlreadyListed;
const NOT_FOUND: ShowOutcome = ShowOutcome::NotFound;

async fn show(client: &Client, ids: &[ConversationId]) -> Vec<ShowOutcome> {
    let shown = client.show("alice", ids.to_vec()).await;
    shown.results.iter().map(ShowResult::outcome).collect()
}

async fn groups_of_any_size_and_groups_that_were_left_can_be_listed_and_shown(
    database: TestDatabase,
) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let members: Vec<_> = (0..20).map(|number| format!("member {number}")).collect();
    let members: Vec<_> = members.iter().map(String::as_str).collect();
    for (name, size) in [("small", 3), ("large", 20)] {
        client.join(name, &members[..size]).await;
        client.join(name, &["alice"]).await;
        clock.advance(Duration::from_secs(1));
        client.send(members[0], group(name), "one").await;
        client.delete("alice", [group(name)]).clear(false).await;
        assert_eq!(names(client.hidden("alice").await), [group(name)]);
        assert_eq!(show(&client, &[group(name)]).await, [SHOWN]);
        assert_eq!(show(&client, &[group(name)]).await, [ALREADY_LISTED]);
        assert_eq!(client.entry("alice", group(name)).await.unread_count, 0);

        client
            .delete("alice", [group(name)])
            .clear(false)
            .reappearing(NEVER)
            .await;
        client.send(members[0], group(name), "two").await;
        client.leave(name, &["alice"]).await;
        client.send(members[0], group(name), "three").await;
        let hidden = client.hidden("alice").await.remove(0);
        let entry = hidden.conversation.expect("it is set");
        assert_eq!((entry.last_seq, entry.unread_count), (2, 1), "{name}");
        assert_eq!(show(&client, &[group(name)]).await, [SHOWN]);
        let entry = client.entry("alice", group(name)).await;
        assert_eq!((entry.last_seq, entry.unread_count), (2, 1), "{name}");
        client.delete("alice", [group(name)]).await;
        assert_eq!(names(client.hidden("alice").await), [group(name)]);
        assert_eq!(show(&client, &[group(name)]).await, [SHOWN]);
    }
    Rows::of(&database).await.assert_whole().await;
}

async fn showing_lists_it_with_only_newer_messages_unread(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 3).await;
    let delete = || client.delete("alice", [c2c("bob")]).clear(false);
    delete().await;
    let asked = [c2c("bob"), c2c("nobody")];
    assert_eq!(show(&client, &asked).await, [SHOWN, NOT_FOUND]);
    let entry = client.entry("alice", c2c("bob")).await;
    assert_eq!((entry.last_seq, entry.unread_count), (3, 0));
    assert_eq!(client.history("alice", c2c("bob")).await.len(), 3);
    say(&client, 1).await;
    assert_eq!(client.unread("alice").await, 1);

    delete().reappearing(NEVER).await;
    say(&client, 2).await;
    assert_eq!(show(&client, &[c2c("bob")]).await, [SHOWN]);
    assert_eq!(client.unread("alice").await, 2);
    // It follows the ordinary rule from then on.
    delete().await;
    say(&client, 1).await;
    assert_eq!(client.unread("alice").await, 1);
    // A conversation that stays away and has nothing new is shown as well.
    delete().reappearing(NEVER).await;
    assert_eq!(show(&client, &[c2c("bob")]).await, [SHOWN]);
    assert_eq!(client.unread("alice").await, 0);
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
}

async fn showing_does_not_bring_back_cleared_messages(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    say(&client, 3).await;
    client.pin("alice", [c2c("bob")]).await;
    client.delete("alice", [c2c("bob")]).await;
    // It needs no restore window.
    clock.advance(Duration::from_hours(24 * 30));
    assert_eq!(show(&client, &[c2c("bob")]).await, [SHOWN]);
    let entry = client.entry("alice", c2c("bob")).await;
    assert_eq!((entry.last_message, entry.unread_count), (None, 0));
    assert!(!entry.pinned);
    assert_eq!(client.history("alice", c2c("bob")).await, []);
}

async fn a_deletion_beneath_can_still_be_undone(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 3).await;
    client.pin("alice", [c2c("bob")]).await;
    client.mark("alice", [c2c("bob")], 1, 0).await;
    let deletion = client.delete("alice", [c2c("bob")]);
    let deletion = deletion.with(|request| request.forget_settings = true);
    let deletion = deletion.await.deletion_id;
    assert_eq!(show(&client, &[c2c("bob")]).await, [SHOWN]);
    assert_eq!(client.entry("alice", c2c("bob")).await.marks, 0);
    let restored = [RestorationOutcome::Restored];
    assert_eq!(client.restored("alice", &deletion).await, restored);
    let entry = client.entry("alice", c2c("bob")).await;
    assert_eq!((entry.marks, entry.pinned), (1, true));
    assert_eq!(client.history("alice", c2c("bob")).await.len(), 3);
    Rows::of(&database).await.assert_whole().await;
}

async fn a_group_that_was_joined_again_has_nothing_to_show(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    assert_eq!(show(&client, &[group("crew")]).await, [NOT_FOUND]);
    client.send("bob", group("crew"), "one").await;
    client
        .delete("alice", [group("crew")])
        .reappearing(NEVER)
        .await;
    client.leave("crew", &["alice"]).await;
    client.join("crew", &["alice"]).await;
    assert_eq!(client.hidden("alice").await, []);
    assert_eq!(show(&client, &[group("crew")]).await, [NOT_FOUND]);
    // It still stays away.
    client.send("bob", group("crew"), "two").await;
    assert_eq!(names(client.hidden("alice").await), [group("crew")]);
    assert_eq!(show(&client, &[group("crew")]).await, [SHOWN]);
    assert_eq!(client.entry("alice", group("crew")).await.unread_count, 1);
}

async fn showing_notifies_the_other_clients(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    say(&client, 3).await;
    client.send("carol", c2c("alice"), "hi").await;
    client.delete("alice", [c2c("bob")]).clear(false).await;
    let mut tablet = client.follow("alice", "tablet", None).await;
    let asked = [c2c("carol"), c2c("bob")];
    let shown = client.show("alice", asked).client_id("phone").await;
    let event = tablet.change().await;
    assert_eq!(
        (event.revision, event.client_id.as_str()),
        (shown.revision, "phone")
    );
    let Some(Kind::ConversationsShown(told)) = event.change.and_then(|change| change.kind) else {
        panic!("it is told of something else");
    };
    let [told] = &told.conversations[..] else {
        panic!("one was shown, not {told:?}");
    };
    let stands = told.conversation.as_ref().expect("it is set");
    assert_eq!(stands.conversation_id, Some(c2c("bob")));
    assert_eq!((stands.hidden_through, told.read_through), (2, 3));
}
