//! Pins: which conversations can be pinned, in which order they are listed, and how many there can be.

use std::time::Duration;

use conversation_service::proto::{ChangeOutcome, ConversationId, RestorationOutcome};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{
    client::Client,
    clock::TestClock,
    databases::{TestDatabase, on_every_database},
    errors::refused,
    ids::{c2c, group},
    seed,
    server::{TestServer, config},
    stage::Stage,
};

on_every_database!(
    only_listed_conversations_are_pinned_or_unpinned,
    the_newest_pin_comes_first_and_pinning_again_does_not_move_it,
    fifty_can_be_pinned_and_no_more,
    the_deployment_sets_another_limit,
    a_lower_limit_removes_no_pins,
    undoing_brings_the_pins_back_in_their_old_places,
    undoing_brings_back_as_many_pins_as_there_is_room_for,
    joining_again_drops_the_pin_for_good,
);

const CHANGED: ChangeOutcome = ChangeOutcome::Changed;
const UNCHANGED: ChangeOutcome = ChangeOutcome::Unchanged;
const NOT_FOUND: ChangeOutcome = ChangeOutcome::NotFound;
const NOT_LISTED: ChangeOutcome = ChangeOutcome::NotListed;

/// The pinned entries of Alice's list, in its order. They come first.
async fn pinned(client: &Client) -> Vec<ConversationId> {
    let entries = client.list_all("alice").await;
    let count = entries.iter().filter(|entry| entry.pinned).count();
    assert!(entries[..count].iter().all(|entry| entry.pinned));
    entries[..count]
        .iter()
        .filter_map(|entry| entry.conversation_id.clone())
        .collect()
}

fn limit_reached<T: std::fmt::Debug>(result: Result<T, Status>, limit: &str) {
    let status = refused(result, Code::FailedPrecondition, "PIN_LIMIT_REACHED");
    let details = status.get_error_details();
    let metadata = &details.error_info().expect("it was there").metadata;
    assert_eq!(metadata.get("limit").map(String::as_str), Some(limit));
}

/// Each of them writes to alice, a second apart.
async fn write(client: &Client, clock: &TestClock, senders: &[&str]) {
    for sender in senders {
        client.send(sender, c2c("alice"), "hi").await;
        clock.advance(Duration::from_secs(1));
    }
}

async fn limited(database: &TestDatabase, limit: u32, clock: &TestClock) -> TestServer {
    let mut config = config(database);
    config.pin_limit = limit;
    TestServer::start_with(config, clock).await
}

async fn only_listed_conversations_are_pinned_or_unpinned(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    write(&client, &clock, &["bob", "carol", "dora"]).await;
    client.delete("alice", [c2c("dora")]).clear(false).await;
    let ids = [
        c2c("bob"),
        group("crew"),
        c2c("dora"),
        c2c("nobody"),
        c2c("carol"),
    ];
    let first = client.pin("alice", ids.clone()).await;
    let of_first: Vec<_> = first
        .results
        .iter()
        .filter_map(|result| result.conversation_id.clone())
        .collect();
    assert_eq!((of_first.as_slice(), first.revision), (&ids[..], 3));
    let again = client.pin("alice", ids.clone()).outcomes().await;
    let down = client.unpin("alice", ids.clone()).outcomes().await;
    let down_again = client.unpin("alice", ids.clone()).outcomes().await;
    let outcomes: Vec<_> = first
        .results
        .iter()
        .map(conversation_service::proto::ChangeResult::outcome)
        .collect();
    let expected = |of_listed| [of_listed, NOT_LISTED, NOT_LISTED, NOT_FOUND, of_listed];
    for (outcomes, of_listed) in [
        (outcomes, CHANGED),
        (again, UNCHANGED),
        (down, CHANGED),
        (down_again, UNCHANGED),
    ] {
        assert_eq!(outcomes, expected(of_listed));
    }
    assert_eq!(client.revision("alice").await, 6, "one for each request");
    // Nothing was kept for when the others come into the list.
    client.send("bob", group("crew"), "hi").await;
    client.send("dora", c2c("alice"), "hi").await;
    client.send("nobody", c2c("alice"), "hi").await;
    assert_eq!(pinned(&client).await, []);
}

async fn the_newest_pin_comes_first_and_pinning_again_does_not_move_it(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    write(&client, &clock, &["bob", "carol", "dora", "erin"]).await;
    client.pin("alice", [c2c("carol")]).await;
    client.pin("alice", [c2c("bob")]).await;
    assert_eq!(pinned(&client).await, [c2c("bob"), c2c("carol")]);
    let both = [c2c("carol"), c2c("dora")];
    let outcomes = client.pin("alice", both).outcomes().await;
    assert_eq!(outcomes, [UNCHANGED, CHANGED]);
    let order = [c2c("dora"), c2c("bob"), c2c("carol")];
    assert_eq!(pinned(&client).await, order);
    // A message moves nothing among the pins.
    write(&client, &clock, &["carol"]).await;
    assert_eq!(pinned(&client).await, order);
    client.unpin("alice", [c2c("carol")]).await;
    client.pin("alice", [c2c("carol")]).await;
    assert_eq!(
        pinned(&client).await,
        [c2c("carol"), c2c("dora"), c2c("bob")]
    );
    // Of one request, the latest active comes first.
    client.unpin("alice", order).await;
    client.pin("alice", ["bob", "erin", "dora"].map(c2c)).await;
    assert_eq!(
        client.listed("alice").await,
        ["erin", "dora", "bob", "carol"].map(c2c)
    );
}

async fn fifty_can_be_pinned_and_no_more(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let chats = seed::chats(&database, "alice", 60).await;
    limit_reached(
        client.pin("alice", chats[..51].to_vec()).result().await,
        "50",
    );
    assert_eq!(pinned(&client).await, []);
    client.pin("alice", chats[..49].to_vec()).await;
    let two = client.pin("alice", chats[49..51].to_vec()).result().await;
    limit_reached(two, "50");
    assert_eq!(client.revision("alice").await, 1, "a refusal makes none");
    client.pin("alice", [chats[49].clone()]).await;
    let stood = client.list_all("alice").await;

    let one_more = client.pin("alice", [chats[50].clone()]);
    limit_reached(one_more.clone().result().await, "50");
    // A batch is refused as a whole, also for the one that is too many.
    let mixed = client.pin("alice", chats[48..51].to_vec()).result().await;
    limit_reached(mixed, "50");
    assert_eq!(client.list_all("alice").await, stood);
    assert_eq!(client.revision("alice").await, 2);
    // A conversation that is pinned already, not listed or unknown takes no room.
    client.delete("alice", [chats[59].clone()]).await;
    let harmless = [chats[0].clone(), chats[59].clone(), c2c("nobody")];
    let outcomes = client.pin("alice", harmless).outcomes().await;
    assert_eq!(outcomes, [UNCHANGED, NOT_LISTED, NOT_FOUND]);

    // Taking one down makes room, and so does deleting one.
    client.unpin("alice", [chats[3].clone()]).await;
    assert_eq!(one_more.outcomes().await, [CHANGED]);
    limit_reached(
        client.pin("alice", [chats[51].clone()]).result().await,
        "50",
    );
    client.delete("alice", [chats[4].clone()]).await;
    let outcomes = client.pin("alice", [chats[51].clone()]).outcomes().await;
    assert_eq!(outcomes, [CHANGED]);
    assert_eq!(pinned(&client).await.len(), 50);
}

async fn the_deployment_sets_another_limit(database: TestDatabase) {
    let clock = TestClock::new();
    let server = limited(&database, 2, &clock).await;
    let client = server.client().await;
    write(&client, &clock, &["bob", "carol", "dora"]).await;
    let three = ["bob", "carol", "dora"].map(c2c);
    limit_reached(client.pin("alice", three).result().await, "2");
    client.pin("alice", [c2c("bob"), c2c("carol")]).await;
    limit_reached(client.pin("alice", [c2c("dora")]).result().await, "2");
    // The limit is of each user.
    client.pin("bob", [c2c("alice")]).await;
    assert_eq!(client.revision("alice").await, 1);
}

async fn a_lower_limit_removes_no_pins(database: TestDatabase) {
    let clock = TestClock::new();
    let server = limited(&database, 3, &clock).await;
    let client = server.client().await;
    let all = ["bob", "carol", "dora", "erin"];
    write(&client, &clock, &all).await;
    client.pin("alice", all[..3].iter().copied().map(c2c)).await;
    drop(client);
    server.stop().await;

    let server = limited(&database, 1, &clock).await;
    let client = server.client().await;
    assert_eq!(pinned(&client).await.len(), 3);
    let again = client.pin("alice", [c2c("bob")]).outcomes().await;
    assert_eq!(again, [UNCHANGED]);
    limit_reached(client.pin("alice", [c2c("erin")]).result().await, "1");
    let two = client.unpin("alice", [c2c("bob"), c2c("carol")]);
    assert_eq!(two.outcomes().await, [CHANGED, CHANGED]);
    limit_reached(client.pin("alice", [c2c("erin")]).result().await, "1");
    client.unpin("alice", [c2c("dora")]).await;
    let at_last = client.pin("alice", [c2c("erin")]).outcomes().await;
    assert_eq!(at_last, [CHANGED]);
}

async fn undoing_brings_the_pins_back_in_their_old_places(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    write(&client, &clock, &["bob", "carol", "dora", "erin"]).await;
    for name in ["bob", "carol", "dora"] {
        client.pin("alice", [c2c(name)]).await;
    }
    let before = client.list_all("alice").await;
    let deletion = client.delete("alice", [c2c("carol"), c2c("erin")]).await;
    assert_eq!(pinned(&client).await, [c2c("dora"), c2c("bob")]);
    client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(client.list_all("alice").await, before);
    // A conversation that has come back by itself is not pinned, until the deletion is undone.
    let deletion = client.delete("alice", [c2c("carol")]).await;
    write(&client, &clock, &["carol"]).await;
    assert_eq!(pinned(&client).await, [c2c("dora"), c2c("bob")]);
    client.restored("alice", &deletion.deletion_id).await;
    let order = ["dora", "carol", "bob"].map(c2c);
    assert_eq!(pinned(&client).await, order);
}

async fn undoing_brings_back_as_many_pins_as_there_is_room_for(database: TestDatabase) {
    let clock = TestClock::new();
    let server = limited(&database, 3, &clock).await;
    let client = server.client().await;
    let all = ["bob", "carol", "dora", "erin", "frank"];
    write(&client, &clock, &all).await;
    client.pin("alice", ["bob", "carol", "dora"].map(c2c)).await;
    let two = [c2c("bob"), c2c("carol"), c2c("frank")];
    let deletion = client.delete("alice", two).await;
    client.pin("alice", [c2c("erin")]).await;

    // There is room for one of the two: the first of the deletion.
    let outcomes = client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(outcomes, [RestorationOutcome::Restored; 3]);
    assert_eq!(pinned(&client).await, ["erin", "dora", "bob"].map(c2c));
    assert_eq!(
        client.listed("alice").await,
        ["erin", "dora", "bob", "frank", "carol"].map(c2c)
    );
    // That was the end of it: room that is made later brings nothing back.
    client.unpin("alice", [c2c("erin")]).await;
    client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(pinned(&client).await, ["dora", "bob"].map(c2c));
    client.unpin("alice", [c2c("bob")]).await;
    // Without one that was pinned again meanwhile, the other has room.
    client.pin("alice", [c2c("bob"), c2c("carol")]).await;
    let deletion = client.delete("alice", [c2c("bob"), c2c("carol")]).await;
    write(&client, &clock, &["bob"]).await;
    client.pin("alice", [c2c("bob")]).await;
    client.restored("alice", &deletion.deletion_id).await;
    let order = ["bob", "carol", "dora"].map(c2c);
    assert_eq!(pinned(&client).await, order);
}

async fn joining_again_drops_the_pin_for_good(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("bob", group("crew"), "one").await;
    write(&client, &clock, &["carol"]).await;
    client.pin("alice", [group("crew")]).await;
    client.leave("crew", &["alice"]).await;
    assert_eq!(pinned(&client).await, [group("crew")], "leaving keeps it");
    client.join("crew", &["alice"]).await;
    client.send("bob", group("crew"), "two").await;
    assert_eq!(pinned(&client).await, []);

    // Nor does undoing a deletion of the stay before bring it back.
    client.pin("alice", [group("crew")]).await;
    let deletion = client.delete("alice", [group("crew")]).await;
    client.leave("crew", &["alice"]).await;
    client.join("crew", &["alice"]).await;
    client.send("bob", group("crew"), "three").await;
    client.restored("alice", &deletion.deletion_id).await;
    assert_eq!(pinned(&client).await, []);
    assert_eq!(client.listed("alice").await.len(), 2);
}
