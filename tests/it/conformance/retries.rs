//! Retries of readings, pins, settings and folders: carried out once, answered alike every time.

use std::time::Duration;

use conversation_service::proto::{Conversation, ListFoldersResponse};
use tonic::Code;
use uuid::Uuid;

use crate::support::{
    client::{AnyChange, Client, in_folder, matching},
    clock::TestClock,
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group},
    server::TestServer,
    stage::Stage,
};

on_every_database!(
    a_retry_gets_the_first_answer_whatever_happened_in_between,
    a_request_id_belongs_to_one_request_of_one_kind,
    a_refused_change_leaves_its_request_id_free,
    racing_retries_all_get_one_answer_and_change_once,
    a_change_that_changes_nothing_makes_one_revision_too,
);

fn request_id(number: usize) -> String {
    Uuid::from_u128(number as u128).to_string()
}

/// Alice has chats with bob, carol and dora, a group, and two folders.
pub(super) async fn furnish(client: &Client, clock: &TestClock) {
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "hi").await;
    for sender in ["bob", "carol", "dora"] {
        clock.advance(Duration::from_secs(1));
        client.send(sender, c2c("alice"), "hi").await;
        client.send(sender, c2c("alice"), "there").await;
    }
    client.send("erin", c2c("alice"), "hi").await;
    client.delete("alice", [c2c("erin")]).clear(false).await;
    client.create_folder("alice", "work", [c2c("carol")]).await;
    client.create_folder("alice", "rest", [c2c("dora")]).await;
    client.pin("alice", [c2c("dora")]).await;
    client.mute("alice", [c2c("dora")]).await;
}

/// One of each kind of change, each of which changes something.
pub(super) fn every_change(client: &Client) -> Vec<(&'static str, Box<dyn AnyChange>)> {
    let ids = || [c2c("bob"), group("crew"), c2c("stranger")];
    let seen = client.read("alice", ids()).seen(c2c("bob"), 1);
    let all = client.read_all("alice").seen(group("crew"), 0);
    vec![
        ("read", Box::new(seen)),
        ("read all", Box::new(all)),
        ("pin", Box::new(client.pin("alice", ids()))),
        ("unpin", Box::new(client.unpin("alice", [c2c("dora")]))),
        ("mute", Box::new(client.mute("alice", ids()))),
        ("unmute", Box::new(client.unmute("alice", [c2c("dora")]))),
        ("mark", Box::new(client.mark("alice", ids(), 3, 8))),
        (
            "show",
            Box::new(client.show("alice", [c2c("erin"), c2c("stranger")])),
        ),
        (
            "data",
            Box::new(client.set_data("alice", ids(), b"x".to_vec())),
        ),
        (
            "create",
            Box::new(client.create_folder("alice", "new", ids())),
        ),
        (
            "add",
            Box::new(client.add_to_folder("alice", "work", ids())),
        ),
        (
            "remove",
            Box::new(client.remove_from_folder("alice", "work", [c2c("carol")])),
        ),
        (
            "rename",
            Box::new(client.rename_folder("alice", "work", "play")),
        ),
        (
            "delete what matches",
            Box::new(client.delete_matching("alice", matching(in_folder("rest")))),
        ),
        ("delete", Box::new(client.delete_folder("alice", "rest"))),
    ]
}

/// Everything of alice's that a change could change.
async fn sight(client: &Client) -> (Vec<Conversation>, ListFoldersResponse, u64) {
    (
        client.list_all("alice").await,
        client.list_folders("alice").await,
        client.unread("alice").await,
    )
}

/// Changes everything that [`every_change`] is about into something else.
async fn upset(client: &Client, clock: &TestClock, round: usize) {
    clock.advance(Duration::from_mins(3));
    for sender in ["stranger", "carol", "bob"] {
        client.send(sender, c2c("alice"), "news").await;
    }
    let all = ["bob", "carol", "dora", "stranger"].map(c2c);
    client.mark("alice", all.clone(), 4 << 32, 3).await;
    client.set_data("alice", all.clone(), b"y".to_vec()).await;
    client.unpin("alice", all.clone()).await;
    client.pin("alice", [c2c("carol")]).await;
    client.unmute("alice", [c2c("bob")]).await;
    client.mute("alice", [c2c("stranger")]).await;
    client.delete("alice", [c2c("dora"), group("crew")]).await;
    for name in client.folders("alice").await {
        client.delete_folder("alice", &name.name).await;
    }
    client
        .create_folder("alice", &format!("folder {round}"), all)
        .await;
}

async fn a_retry_gets_the_first_answer_whatever_happened_in_between(database: TestDatabase) {
    let Stage {
        client,
        clock,
        server,
    } = Stage::open(&database).await;
    furnish(&client, &clock).await;
    let mut first = Vec::new();
    for (number, (what, change)) in every_change(&client).into_iter().enumerate() {
        let change = change.named(&request_id(number)).by("phone");
        let answer = change.bytes().await.unwrap_or_else(|status| {
            panic!("{what} is accepted: {status:?}");
        });
        first.push((what, change, answer));
    }
    for round in 0..2 {
        upset(&client, &clock, round).await;
        let stood = sight(&client).await;
        for (what, change, answer) in &first {
            let again = change.bytes().await;
            let again = again.unwrap_or_else(|status| panic!("{what}: {status:?}"));
            assert_eq!(again, *answer, "{what}");
        }
        assert_eq!(sight(&client).await, stood, "nothing is done again");
    }
    // So it is after a restart.
    drop((client, first));
    let server = server.restart().await;
    let client = server.client().await;
    let stood = sight(&client).await;
    for (number, (what, change)) in every_change(&client).iter().enumerate() {
        let again = change.named(&request_id(number)).by("phone").bytes().await;
        again.unwrap_or_else(|status| panic!("{what}: {status:?}"));
    }
    assert_eq!(sight(&client).await, stood);
}

async fn a_request_id_belongs_to_one_request_of_one_kind(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    furnish(&client, &clock).await;
    let changes = every_change(&client);
    for (number, (_, change)) in changes.iter().enumerate() {
        let named = change.named(&request_id(number));
        named.bytes().await.expect("it is accepted");
    }
    let stood = sight(&client).await;
    for number in 0..changes.len() {
        let id = request_id(number);
        let others = changes
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number)
            .map(|(_, (what, change))| (*what, change.named(&id)))
            .collect::<Vec<_>>();
        // The same by another client is the same request.
        let same = changes[number].1.named(&id).by("web");
        same.bytes().await.expect("it is a retry");
        for (what, other) in others {
            let status = refused(
                other.bytes().await,
                Code::InvalidArgument,
                "REQUEST_ID_REUSED",
            );
            let context = format!("{what} by the name of {}", changes[number].0);
            assert_eq!(violated(&status), ["request_id"], "{context}");
        }
        let deletion = client.delete("alice", [c2c("bob")]).request_id(&id);
        refused(
            deletion.result().await,
            Code::InvalidArgument,
            "REQUEST_ID_REUSED",
        );
    }
    assert_eq!(sight(&client).await, stood);
    // Another user may use the same.
    let of_bob = client.pin("bob", [c2c("alice")]).request_id(request_id(0));
    assert_eq!(of_bob.await.revision, 2, "after joining");
}

async fn a_refused_change_leaves_its_request_id_free(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    furnish(&client, &clock).await;
    let before = client.revision("alice").await;
    let id = request_id(1);
    let taken = client.create_folder("alice", "work", []).request_id(&id);
    refused(
        taken.clone().result().await,
        Code::AlreadyExists,
        "FOLDER_ALREADY_EXISTS",
    );
    client.delete_folder("alice", "work").await;
    // Tried again it is carried out, for it never was.
    let made = taken.clone().await;
    assert_eq!(made.revision, before + 2);
    client.delete_folder("alice", "work").await;
    assert_eq!(taken.await, made);
}

async fn racing_retries_all_get_one_answer_and_change_once(database: TestDatabase) {
    const ROUNDS: usize = 12;
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let other = TestServer::start(&database, &clock).await;
    let replica = other.client().await;
    furnish(&client, &clock).await;
    let mut revision = client.revision("alice").await;
    let mut next_id = 0;
    for round in 0..ROUNDS {
        client.send("bob", c2c("alice"), "more").await;
        let (name, new_name) = (format!("made {round}"), format!("renamed {round}"));
        let both = [c2c("bob"), c2c("carol")];
        let steps = |client: &Client| -> Vec<Box<dyn AnyChange>> {
            let mark = 1 << (32 + round);
            vec![
                Box::new(client.create_folder("alice", &name, [c2c("bob")])),
                Box::new(client.add_to_folder("alice", &name, [c2c("carol")])),
                Box::new(client.remove_from_folder("alice", &name, both.clone())),
                Box::new(client.rename_folder("alice", &name, &new_name)),
                Box::new(client.delete_folder("alice", &new_name)),
                Box::new(client.read_all("alice")),
                Box::new(client.pin("alice", both.clone())),
                Box::new(client.unpin("alice", both.clone())),
                Box::new(client.mark("alice", both.clone(), mark, 0)),
            ]
        };
        for (one, other) in steps(&client).into_iter().zip(steps(&replica)) {
            next_id += 1;
            revision += 1;
            let id = request_id(next_id);
            let racing = (0..8).map(|number| {
                let change = if number % 2 == 0 { &one } else { &other };
                change.named(&id).bytes()
            });
            let answers = concurrently(racing).await;
            let answers: Vec<_> = answers
                .into_iter()
                .map(|answer| answer.expect("each is answered"))
                .collect();
            assert!(answers.iter().all(|answer| *answer == answers[0]));
            assert_eq!(client.revision("alice").await, revision);
        }
    }
}

async fn a_change_that_changes_nothing_makes_one_revision_too(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    furnish(&client, &clock).await;
    let mut revision = client.revision("alice").await;
    let nobody = || [c2c("nobody"), c2c("nobody else")];
    let changes: Vec<Box<dyn AnyChange>> = vec![
        Box::new(client.read("alice", nobody())),
        Box::new(client.pin("alice", nobody())),
        Box::new(client.unpin("alice", nobody())),
        Box::new(client.mute("alice", nobody())),
        Box::new(client.mark("alice", nobody(), 1, 0)),
        Box::new(client.set_data("alice", nobody(), b"x".to_vec())),
        Box::new(client.add_to_folder("alice", "work", nobody())),
        Box::new(client.remove_from_folder("alice", "work", nobody())),
        Box::new(client.rename_folder("alice", "work", "work")),
    ];
    let stood = client.list_all("alice").await;
    for change in changes {
        change.bytes().await.expect("it is accepted");
        revision += 1;
        assert_eq!(client.revision("alice").await, revision);
    }
    assert_eq!(client.list_all("alice").await, stood);
    // A refusal makes none.
    let missing = client.delete_folder("alice", "no such folder");
    refused(missing.result().await, Code::NotFound, "FOLDER_NOT_FOUND");
    assert_eq!(client.revision("alice").await, revision);
}
