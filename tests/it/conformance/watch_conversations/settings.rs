//! Reads, settings and folders notify the user's other clients: one event for each request that changed
//! something, whatever the deployment says of deletions.

use conversation_service::proto::{
    AddedToFolder, ConversationId, ConversationMarks, ConversationReading, ConversationWatermarks,
    ConversationsMarked, ConversationsMuted, ConversationsPinned, ConversationsRead,
    ConversationsShown, CustomDataSet, FolderCreated, FolderDeleted, FolderRenamed, Reappearance,
    RemovedFromFolder, ShownConversation, change::Kind,
};
use uuid::Uuid;

use super::{USER, conversations, kind};
use crate::support::{
    client::{AnyChange, Client},
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    ids::{c2c, group},
    server::{TestServer, config},
    watcher::Watcher,
};

on_every_database!(
    each_request_makes_one_event_that_says_what_it_changed,
    a_request_that_changed_nothing_makes_no_event,
    a_retry_of_a_change_makes_no_second_event,
    the_event_of_reading_all_names_everything_that_was_unread,
    events_of_deletions_and_clearings_say_whether_a_conversation_is_pinned,
    the_event_of_an_undo_says_which_pins_are_back,
);

fn pinned(conversation_ids: Vec<ConversationId>, pinned: bool) -> Kind {
    Kind::ConversationsPinned(ConversationsPinned {
        conversation_ids,
        pinned,
    })
}

fn muted(conversation_ids: Vec<ConversationId>, muted: bool) -> Kind {
    Kind::ConversationsMuted(ConversationsMuted {
        conversation_ids,
        muted,
    })
}

fn read(conversations: &[(&ConversationId, u64)]) -> Kind {
    let reading = |(id, read_through): &(&ConversationId, u64)| ConversationReading {
        conversation_id: Some((*id).clone()),
        read_through: *read_through,
    };
    Kind::ConversationsRead(ConversationsRead {
        conversations: conversations.iter().map(reading).collect(),
    })
}

fn marked(conversations: &[(&ConversationId, u64)]) -> Kind {
    let marks = |(id, marks): &(&ConversationId, u64)| ConversationMarks {
        conversation_id: Some((*id).clone()),
        marks: *marks,
    };
    Kind::ConversationsMarked(ConversationsMarked {
        conversations: conversations.iter().map(marks).collect(),
    })
}

fn data_set(conversation_ids: Vec<ConversationId>, custom_data: &[u8]) -> Kind {
    Kind::CustomDataSet(CustomDataSet {
        conversation_ids,
        custom_data: custom_data.to_vec(),
    })
}

/// Requests in their order, each with what others must hear of it. The last of the conversations is
/// deleted at present.
#[expect(clippy::too_many_lines, reason = "a few lines for each kind of change")]
fn script(client: &Client, ids: &[ConversationId]) -> Vec<(Box<dyn AnyChange>, Kind)> {
    let [a, b, c, deleted] = ids else {
        panic!("four conversations");
    };
    let some = |ids: &[&ConversationId]| -> Vec<_> { ids.iter().copied().cloned().collect() };
    let nobody = c2c("a stranger");
    let work = || "work".to_owned();
    vec![
        (
            Box::new(client.read(USER, some(&[b, &nobody]))),
            read(&[(b, 1)]),
        ),
        (
            Box::new(client.read(USER, some(&[deleted, b, a]))),
            read(&[(deleted, 1), (a, 1)]),
        ),
        (Box::new(client.read_all(USER)), read(&[(c, 1)])),
        (
            Box::new(client.pin(USER, some(&[a, deleted, &nobody]))),
            pinned(some(&[a]), true),
        ),
        (
            Box::new(client.pin(USER, some(&[c, a, b]))),
            pinned(some(&[c, b]), true),
        ),
        (
            Box::new(client.unpin(USER, some(&[b, deleted, a]))),
            pinned(some(&[b, a]), false),
        ),
        (
            Box::new(client.mute(USER, some(&[deleted, &nobody, a]))),
            muted(some(&[deleted, a]), true),
        ),
        (
            Box::new(client.unmute(USER, some(&[a, b]))),
            muted(some(&[a]), false),
        ),
        (
            Box::new(client.mark(USER, some(&[a]), 1 << 63 | 1, 0)),
            marked(&[(a, 1 << 63 | 1)]),
        ),
        (
            Box::new(client.mark(USER, some(&[b, a, &nobody]), 8, 1)),
            marked(&[(b, 8), (a, 1 << 63 | 8)]),
        ),
        (
            Box::new(client.set_data(USER, some(&[deleted, &nobody]), b"\0x".to_vec())),
            data_set(some(&[deleted]), b"\0x"),
        ),
        (
            Box::new(client.set_data(USER, some(&[a, deleted]), vec![])),
            data_set(some(&[deleted]), b""),
        ),
        (
            Box::new(client.create_folder(USER, "work", some(&[b, &nobody, deleted]))),
            Kind::FolderCreated(FolderCreated {
                name: work(),
                conversation_ids: some(&[b, deleted]),
            }),
        ),
        (
            Box::new(client.add_to_folder(USER, "work", some(&[b, c, &nobody]))),
            Kind::AddedToFolder(AddedToFolder {
                name: work(),
                conversation_ids: some(&[c]),
            }),
        ),
        (
            Box::new(client.remove_from_folder(USER, "work", some(&[deleted, a, c]))),
            Kind::RemovedFromFolder(RemovedFromFolder {
                name: work(),
                conversation_ids: some(&[deleted, c]),
            }),
        ),
        (
            Box::new(client.rename_folder(USER, "work", "play")),
            Kind::FolderRenamed(FolderRenamed {
                name: work(),
                new_name: "play".to_owned(),
            }),
        ),
        (
            Box::new(client.create_folder(USER, "work", [])),
            Kind::FolderCreated(FolderCreated {
                name: work(),
                conversation_ids: vec![],
            }),
        ),
        (
            Box::new(client.delete_folder(USER, "play")),
            Kind::FolderDeleted(FolderDeleted {
                name: "play".to_owned(),
            }),
        ),
        (
            Box::new(client.show(USER, some(&[a, deleted, &nobody]))),
            Kind::ConversationsShown(ConversationsShown {
                conversations: vec![ShownConversation {
                    conversation: Some(ConversationWatermarks {
                        conversation_id: Some(deleted.clone()),
                        hidden_through: 0,
                        cleared_through: 0,
                        pinned: false,
                        reappearance: Reappearance::OnMessage.into(),
                        settings_forgotten: false,
                    }),
                    read_through: 1,
                }],
            }),
        ),
    ]
}

async fn serve(database: &TestDatabase) -> (TestServer, Client) {
    let server = TestServer::start(database, &TestClock::new()).await;
    let client = server.client().await;
    (server, client)
}

/// Makes a change that everybody is notified of; it must be the next that each of the watchers receives.
async fn nothing_was_said(client: &Client, watchers: &mut [&mut Watcher]) {
    client.send("fence", c2c(USER), "hi").await;
    let fence = client.mute(USER, [c2c("fence")]).await;
    client.unmute(USER, [c2c("fence")]).await;
    for watcher in watchers {
        let next = watcher.change().await;
        assert_eq!(next.revision, fence.revision, "{next:?}");
        assert_eq!(watcher.change().await.revision, fence.revision + 1);
    }
}

async fn each_request_makes_one_event_that_says_what_it_changed(database: TestDatabase) {
    let (_server, client) = serve(&database).await;
    let ids = conversations(&client, USER, 4).await;
    client.delete(USER, [ids[3].clone()]).clear(false).await;
    let mut phone = client.follow(USER, "phone", None).await;
    let mut others = [
        client.follow(USER, "web", None).await,
        client.follow(USER, "", None).await,
    ];
    let script = script(&client, &ids);
    let mut expected = Vec::new();
    for (revision, (change, kind)) in (2..).zip(script) {
        let change = change.by("phone");
        change.bytes().await.expect("it is accepted");
        expected.push((revision, kind));
    }
    for other in &mut others {
        for (revision, expected) in &expected {
            let event = other.change().await;
            assert_eq!(event.client_id, "phone");
            assert_eq!(event.revision, *revision, "{event:?}");
            assert_eq!(kind(event), *expected);
        }
    }
    // A client that was away receives the same events.
    let mut tablet = client.follow(USER, "tablet", Some(0)).await;
    for (revision, expected) in &expected {
        let event = tablet.change().await;
        assert_eq!((event.revision, &kind(event)), (*revision, expected));
    }
    let [web, anybody] = &mut others;
    nothing_was_said(&client, &mut [web, anybody, &mut tablet, &mut phone]).await;
}

async fn a_request_that_changed_nothing_makes_no_event(database: TestDatabase) {
    let (_server, client) = serve(&database).await;
    let ids = conversations(&client, USER, 2).await;
    client.join("crew", &[USER, "friend 0"]).await;
    client.read(USER, ids.clone()).await;
    client.pin(USER, ids.clone()).await;
    client.create_folder(USER, "work", ids.clone()).await;
    let mut web = client.follow(USER, "web", None).await;
    let stranger = || [c2c("a stranger")];
    let nothing: Vec<Box<dyn AnyChange>> = vec![
        Box::new(client.read(USER, ids.clone())),
        Box::new(client.read(USER, [group("crew")])),
        Box::new(client.read_all(USER)),
        Box::new(client.pin(USER, ids.clone())),
        Box::new(client.pin(USER, [group("crew")])),
        Box::new(client.unpin(USER, stranger())),
        Box::new(client.mute(USER, stranger())),
        Box::new(client.unmute(USER, ids.clone())),
        Box::new(client.mark(USER, ids.clone(), 0, 1)),
        Box::new(client.set_data(USER, ids.clone(), vec![])),
        Box::new(client.show(USER, [ids[0].clone(), group("crew")])),
        Box::new(client.add_to_folder(USER, "work", ids.clone())),
        Box::new(client.remove_from_folder(USER, "work", [group("crew")])),
        Box::new(client.rename_folder(USER, "work", "work")),
    ];
    for change in &nothing {
        change.bytes().await.expect("it is accepted");
    }
    let refused = client.create_folder(USER, "work", []).result().await;
    refused.expect_err("the name is taken");
    nothing_was_said(&client, &mut [&mut web]).await;
}

async fn a_retry_of_a_change_makes_no_second_event(database: TestDatabase) {
    let (_server, client) = serve(&database).await;
    let ids = conversations(&client, USER, 4).await;
    client.delete(USER, [ids[3].clone()]).clear(false).await;
    let mut web = client.follow(USER, "web", None).await;
    let mut named = Vec::new();
    for (number, (change, kind)) in (1..).zip(script(&client, &ids)) {
        named.push((change.named(&Uuid::from_u128(number).to_string()), kind));
    }
    for (change, _) in &named {
        change.bytes().await.expect("it is accepted");
    }
    for (change, _) in &named {
        change.bytes().await.expect("it is answered");
    }
    for (_, expected) in &named {
        assert_eq!(kind(web.change().await), *expected);
    }
    nothing_was_said(&client, &mut [&mut web]).await;
}

async fn the_event_of_reading_all_names_everything_that_was_unread(database: TestDatabase) {
    let clock = TestClock::new();
    let server = TestServer::start(&database, &clock).await;
    let client = server.client().await;
    let mut ids = Vec::new();
    for number in 0..150 {
        let friend = format!("friend {number}");
        client.send(&friend, c2c(USER), "hi").await;
        clock.advance(std::time::Duration::from_secs(1));
        ids.push(c2c(friend));
    }
    client.read(USER, [ids[20].clone()]).await;
    let mut web = client.follow(USER, "web", None).await;
    client.read_all(USER).seen(ids[70].clone(), 0).await;
    let expected: Vec<_> = ids
        .iter()
        .rev()
        .filter(|id| **id != ids[20] && **id != ids[70])
        .map(|id| (id, 1))
        .collect();
    assert_eq!(kind(web.change().await), read(&expected));
}

/// How conversations stand after a change: the ID, and whether it is pinned.
fn pins(event: Kind) -> Vec<(ConversationId, bool)> {
    let conversations = match event {
        Kind::ConversationsDeleted(deleted) => deleted.conversations,
        Kind::HistoryCleared(cleared) => cleared.conversations,
        Kind::ConversationsRestored(restored) => restored.conversations,
        other => panic!("no deletion and no undoing: {other:?}"),
    };
    let pin = |marks: ConversationWatermarks| {
        let id = marks.conversation_id.expect("watermarks of something");
        (id, marks.pinned)
    };
    conversations.into_iter().map(pin).collect()
}

async fn events_of_deletions_and_clearings_say_whether_a_conversation_is_pinned(
    database: TestDatabase,
) {
    let (_server, client) = serve(&database).await;
    let ids = conversations(&client, USER, 2).await;
    let (one, other) = (ids[0].clone(), ids[1].clone());
    client.pin(USER, [one.clone()]).await;
    let mut web = client.follow(USER, "web", None).await;
    client.clear_by(USER, ids.clone(), "", Some(true)).await;
    let expected = [(one.clone(), true), (other.clone(), false)];
    assert_eq!(pins(kind(web.change().await)), expected);
    client.delete(USER, ids.clone()).sync(true).await;
    let expected = [(one, false), (other, false)];
    assert_eq!(pins(kind(web.change().await)), expected);
}

async fn the_event_of_an_undo_says_which_pins_are_back(database: TestDatabase) {
    let mut config = config(&database);
    config.pin_limit = 2;
    let server = TestServer::start_with(config, &TestClock::new()).await;
    let client = server.client().await;
    let ids = conversations(&client, USER, 4).await;
    let [a, b, c, d] = [0, 1, 2, 3].map(|place| ids[place].clone());
    client.pin(USER, [a.clone(), b.clone()]).await;
    let three = [a.clone(), b.clone(), c.clone()];
    let mut web = client.follow(USER, "web", None).await;
    let mut undo = async |room: bool| {
        let deletion = client.delete(USER, three.clone()).await;
        if !room {
            client.pin(USER, [d.clone()]).client_id("web").await;
        }
        client.restored(USER, &deletion.deletion_id).await;
        pins(kind(web.change().await))
    };
    let expected = |second| [(a.clone(), true), (b.clone(), second), (c.clone(), false)];
    assert_eq!(undo(true).await, expected(true));
    assert_eq!(undo(false).await, expected(false), "there is room for one");
}
