//! Synchronisation: which deletions notify the user's other clients, and which do not.

use conversation_service::proto::{ConversationId, WatchConversationsResponse, change::Kind};

use super::{USER, conversations, named};
use crate::support::{
    client::Client,
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    server::{TestServer, config},
    watcher::Watcher,
};

on_every_database!(
    by_default_a_deletion_notifies_no_other_client_and_a_fresh_list_is_right,
    a_setting_turns_synchronisation_on,
    a_request_turns_synchronisation_on,
    a_request_turns_synchronisation_off,
    an_undo_always_notifies_the_other_clients,
    a_retry_makes_no_second_event,
    repeating_a_deletion_with_synchronisation_notifies_the_other_clients,
    deleting_unknown_conversations_notifies_nobody,
);

async fn server(database: &TestDatabase, sync_by_default: bool) -> TestServer {
    let mut config = config(database);
    config.deletion.sync_by_default = sync_by_default;
    TestServer::start_with(config, &TestClock::new()).await
}

/// Makes a change that everybody is notified of; it must be the next that each of the watchers receives.
async fn nothing_was_said(client: &Client, watchers: &mut [&mut Watcher]) {
    client
        .send("fence", crate::support::ids::c2c(USER), "hi")
        .await;
    let fence = client.delete(USER, [crate::support::ids::c2c("fence")]);
    let fence = fence.clear(false).sync(true).await;
    for watcher in watchers {
        let next = watcher.change().await;
        assert_eq!(next.revision, fence.revision, "{next:?}");
    }
}

/// That this event is a deletion of all these conversations, in this order.
fn is_deletion(event: &WatchConversationsResponse, ids: &[ConversationId], clear_history: bool) {
    assert_eq!(named(event), ids);
    let kind = event.change.clone().and_then(|change| change.kind);
    let Some(Kind::ConversationsDeleted(deleted)) = kind else {
        panic!("{kind:?} is no deletion");
    };
    assert_eq!(deleted.clear_history, clear_history);
    assert_eq!(deleted.deletion_id, event.revision.to_string());
}

async fn by_default_a_deletion_notifies_no_other_client_and_a_fresh_list_is_right(
    database: TestDatabase,
) {
    let server = server(&database, false).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 4).await;
    let (mut web, mut anybody) = (
        client.follow(USER, "web", None).await,
        client.follow(USER, "", None).await,
    );
    let two = [ids[0].clone(), ids[1].clone()];
    client.delete(USER, two).client_id("phone").await;
    client.delete(USER, [ids[2].clone()]).clear(false).await;
    client.clear_by(USER, [ids[3].clone()], "phone", None).await;
    assert_eq!(client.listed(USER).await, [ids[3].clone()]);
    assert!(client.history(USER, ids[3].clone()).await.is_empty());
    nothing_was_said(&client, &mut [&mut web, &mut anybody]).await;
    let mut away = client.follow(USER, "tablet", Some(0)).await;
    assert_eq!(away.change().await.revision, 4, "nor is it replayed");
}

async fn a_setting_turns_synchronisation_on(database: TestDatabase) {
    let server = server(&database, true).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 5).await;
    let mut phone = client.follow(USER, "phone", None).await;
    let mut web = client.follow(USER, "web", None).await;
    let order = [ids[3].clone(), ids[0].clone(), ids[2].clone()];
    client.delete(USER, order.clone()).client_id("phone").await;
    is_deletion(&web.change().await, &order, true);
    let kept = client.delete(USER, [ids[1].clone()]).clear(false);
    kept.client_id("phone").await;
    is_deletion(&web.change().await, &[ids[1].clone()], false);
    client.clear_by(USER, [ids[4].clone()], "phone", None).await;
    assert_eq!(named(&web.change().await), [ids[4].clone()]);
    nothing_was_said(&client, &mut [&mut web, &mut phone]).await;
}

async fn a_request_turns_synchronisation_on(database: TestDatabase) {
    let server = server(&database, false).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 100).await;
    let mut phone = client.follow(USER, "phone", None).await;
    let mut others = [
        client.follow(USER, "web", None).await,
        client.follow(USER, "tablet", None).await,
    ];
    let all = client.delete(USER, ids.clone()).client_id("phone");
    all.sync(true).await;
    for other in &mut others {
        is_deletion(&other.change().await, &ids, true);
    }
    let [web, tablet] = &mut others;
    nothing_was_said(&client, &mut [web, tablet, &mut phone]).await;
}

async fn a_request_turns_synchronisation_off(database: TestDatabase) {
    let server = server(&database, true).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 2).await;
    let mut web = client.follow(USER, "web", None).await;
    client.delete(USER, [ids[0].clone()]).sync(false).await;
    client
        .clear_by(USER, [ids[1].clone()], "", Some(false))
        .await;
    nothing_was_said(&client, &mut [&mut web]).await;
}

async fn an_undo_always_notifies_the_other_clients(database: TestDatabase) {
    let server = server(&database, false).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 2).await;
    let mut phone = client.follow(USER, "phone", None).await;
    let mut web = client.follow(USER, "web", None).await;
    let deletion = client.delete(USER, ids.clone()).sync(false).await;
    let restored = client
        .restore_by(USER, &deletion.deletion_id, "phone")
        .await;
    let restored = restored.expect("it can be undone");
    let event = web.change().await;
    assert_eq!((event.revision, named(&event)), (restored.revision, ids));
    let kind = event.change.and_then(|change| change.kind);
    let Some(Kind::ConversationsRestored(event)) = kind else {
        panic!("{kind:?} is no restoration");
    };
    assert_eq!(event.deletion_id, deletion.deletion_id);
    let back = |marks: &conversation_service::proto::ConversationWatermarks| {
        (marks.hidden_through, marks.cleared_through) == (0, 0)
    };
    assert!(event.conversations.iter().all(back), "{event:?}");
    nothing_was_said(&client, &mut [&mut web, &mut phone]).await;
}

async fn a_retry_makes_no_second_event(database: TestDatabase) {
    let server = server(&database, true).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 1).await;
    let mut web = client.follow(USER, "web", None).await;
    for _ in 0..3 {
        let deletion = client.delete(USER, ids.clone());
        deletion
            .request_id("00000000-0000-4000-8000-000000000001")
            .await;
    }
    assert_eq!(web.change().await.revision, 1);
    nothing_was_said(&client, &mut [&mut web]).await;
}

async fn repeating_a_deletion_with_synchronisation_notifies_the_other_clients(
    database: TestDatabase,
) {
    let server = server(&database, false).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 3).await;
    let mut web = client.follow(USER, "web", None).await;
    client.delete(USER, [ids[1].clone()]).sync(false).await;
    client.clear_by(USER, [ids[2].clone()], "phone", None).await;

    let never_had = crate::support::ids::c2c("never had");
    let asked = [ids[0].clone(), never_had, ids[1].clone()];
    let told = client.delete(USER, asked).sync(true).await;
    let event = web.change().await;
    is_deletion(&event, &ids[..2], true);
    let kind = event.change.and_then(|change| change.kind);
    let Some(Kind::ConversationsDeleted(event)) = kind else {
        panic!("{kind:?} is no deletion");
    };
    let results = [&told.results[0], &told.results[2]];
    for (one, result) in event.conversations.iter().zip(results) {
        assert_eq!(one.hidden_through, result.hidden_through);
        assert_eq!(one.cleared_through, result.cleared_through);
        assert_eq!((one.hidden_through, one.pinned), (1, false));
    }
    // So it is with clearings, which have made no event so far either.
    client
        .clear_by(USER, [ids[2].clone()], "phone", Some(true))
        .await;
    assert_eq!(named(&web.change().await), [ids[2].clone()]);
}

async fn deleting_unknown_conversations_notifies_nobody(database: TestDatabase) {
    let server = server(&database, true).await;
    let client = server.client().await;
    conversations(&client, USER, 1).await;
    let mut web = client.follow(USER, "web", None).await;
    let strangers = ["somebody", "nobody"].map(crate::support::ids::c2c);
    client.delete(USER, strangers.clone()).await;
    client.clear_by(USER, strangers, "phone", None).await;
    nothing_was_said(&client, &mut [&mut web]).await;
}
