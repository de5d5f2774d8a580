//! A request with a `request_id` is carried out once, and every retry gets the first answer.

use std::{future::IntoFuture as _, time::Duration};

use conversation_service::proto::{DeleteConversationsResponse, DeletionOutcome};
use prost::Message as _;
use tonic::Code;
use uuid::Uuid;

use crate::support::{
    client::{Client, Deletion},
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group, system},
    server::{TestServer, config},
    stage::Stage,
};

on_every_database!(
    the_same_request_in_other_words_is_a_retry,
    a_retry_gets_the_first_answer_and_changes_nothing_that_came_since,
    racing_retries_on_two_replicas_all_get_one_answer,
    a_retry_after_a_restart_gets_the_first_answer,
    a_retry_gets_the_first_answer_after_the_restore_window_was_changed,
    a_request_id_of_another_request_is_refused_and_changes_nothing,
    racing_requests_of_one_request_id_let_exactly_one_through,
    a_request_id_belongs_to_one_user,
    any_way_to_write_a_uuid_is_the_same_request_id,
    anything_but_a_uuid_is_refused,
);

fn request_id(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

fn full_request(client: &Client, user: &str, id: &str) -> Deletion {
    let ids = [c2c("bob"), group("crew"), system(), c2c("stranger")];
    let deletion = client.delete(user, ids).request_id(id).client_id("phone");
    deletion.seen(c2c("bob"), 1).clear(true)
}

fn bytes(answer: &DeleteConversationsResponse) -> Vec<u8> {
    answer.encode_to_vec()
}

async fn a_retry_gets_the_first_answer_and_changes_nothing_that_came_since(database: TestDatabase) {
    let Stage { client, clock, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "one").await;
    client.send("bob", c2c("alice"), "two").await;
    client.send_system(&["alice"], "one").await;
    let id = request_id(1);
    let first = full_request(&client, "alice", &id).await;

    clock.advance(Duration::from_mins(5));
    client.send("bob", c2c("alice"), "three").await;
    client.send("stranger", c2c("alice"), "hello").await;
    client.send_system(&["alice"], "two").await;
    client.delete("alice", [c2c("nobody")]).await;
    let before = client
        .list_in_pages("alice", None, 10)
        .await
        .expect("readable");
    assert_eq!(before.conversations.len(), 3);
    for _ in 0..3 {
        let again = full_request(&client, "alice", &id).await;
        assert_eq!(bytes(&again), bytes(&first));
    }
    let after = client
        .list_in_pages("alice", None, 10)
        .await
        .expect("readable");
    assert_eq!(after, before);
}

async fn racing_retries_on_two_replicas_all_get_one_answer(database: TestDatabase) {
    const ROUNDS: u64 = 60;
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let other = TestServer::start(&database, &clock).await;
    let replica = other.client().await;
    client.send("bob", c2c("alice"), "hi").await;
    for round in 1..=ROUNDS {
        client.send("bob", c2c("alice"), "hi").await;
        let id = request_id(round.into());
        let ask = |client: &Client| client.delete("alice", [c2c("bob")]).request_id(&id);
        let (one, two, three, four) = tokio::join!(
            ask(&client).into_future(),
            ask(&replica).into_future(),
            ask(&client).into_future(),
            ask(&replica).into_future(),
        );
        for answer in [&two, &three, &four] {
            assert_eq!(bytes(answer), bytes(&one), "round {round}");
        }
        assert_eq!(one.revision, round);
        assert_eq!(one.results[0].outcome(), DeletionOutcome::Deleted);
    }
}

async fn a_retry_after_a_restart_gets_the_first_answer(database: TestDatabase) {
    let Stage { client, server, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let id = request_id(7);
    let first = full_request(&client, "alice", &id).await;
    client.send("bob", c2c("alice"), "more").await;
    drop(client);
    let server = server.restart().await;
    let again = full_request(&server.client().await, "alice", &id).await;
    assert_eq!(bytes(&again), bytes(&first));
}

async fn a_retry_gets_the_first_answer_after_the_restore_window_was_changed(
    database: TestDatabase,
) {
    let Stage {
        client,
        clock,
        server,
    } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let first = full_request(&client, "alice", &request_id(1)).await;
    drop(client);
    server.stop().await;

    let mut config = config(&database);
    config.deletion.restore_window = Duration::ZERO;
    let server = TestServer::start_with(config, &clock).await;
    let client = server.client().await;
    let again = full_request(&client, "alice", &request_id(1)).await;
    assert_eq!(bytes(&again), bytes(&first));
    let fresh = full_request(&client, "alice", &request_id(2)).await;
    assert_eq!(fresh.restorable_until, None);
}

async fn a_request_id_of_another_request_is_refused_and_changes_nothing(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for sender in ["bob", "carol"] {
        client.send(sender, c2c("alice"), "one").await;
        client.send(sender, c2c("alice"), "two").await;
    }
    let id = request_id(9);
    let original = || client.delete("alice", [c2c("bob")]).request_id(&id);
    original().await;
    let before = client
        .list_in_pages("alice", None, 10)
        .await
        .expect("readable");
    for other in [
        original().clear(false),
        original().seen(c2c("bob"), 1),
        // Not saying whether others are notified is not the same as saying so.
        original().sync(false),
        client.delete("alice", [c2c("carol")]).request_id(&id),
        client
            .delete("alice", [c2c("bob"), c2c("carol")])
            .request_id(&id),
    ] {
        let status = refused(
            other.result().await,
            Code::InvalidArgument,
            "REQUEST_ID_REUSED",
        );
        assert_eq!(violated(&status), ["request_id"]);
    }
    let after = client
        .list_in_pages("alice", None, 10)
        .await
        .expect("readable");
    assert_eq!(after, before);
}

async fn the_same_request_in_other_words_is_a_retry(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for sender in ["bob", "carol"] {
        client.send(sender, c2c("alice"), "one").await;
    }
    let delete = || {
        let both = client.delete("alice", [c2c("bob"), c2c("carol")]);
        both.request_id(request_id(9))
    };
    let first = delete().seen(c2c("bob"), 1).seen(c2c("carol"), 1);
    let first = first.client_id("phone").await;
    client.send("bob", c2c("alice"), "two").await;
    for again in [
        // A default that is spelled out.
        delete()
            .clear(true)
            .seen(c2c("bob"), 1)
            .seen(c2c("carol"), 1),
        // Another order where it means nothing.
        delete().seen(c2c("carol"), 1).seen(c2c("bob"), 1),
        // Another client, which may be the same one under a new name.
        delete()
            .seen(c2c("bob"), 1)
            .seen(c2c("carol"), 1)
            .client_id("web"),
    ] {
        assert_eq!(again.await, first);
    }
    // The answer is in the order of the request, so that is part of it.
    let reversed = client.delete("alice", [c2c("carol"), c2c("bob")]);
    let reversed = reversed.seen(c2c("bob"), 1).seen(c2c("carol"), 1);
    refused(
        reversed.request_id(request_id(9)).result().await,
        Code::InvalidArgument,
        "REQUEST_ID_REUSED",
    );
    assert_eq!(client.listed("alice").await, [c2c("bob")]);
}

async fn racing_requests_of_one_request_id_let_exactly_one_through(database: TestDatabase) {
    const ROUNDS: u64 = 30;
    let Stage { client, clock, .. } = Stage::open(&database).await;
    let other = TestServer::start(&database, &clock).await;
    let replica = other.client().await;
    for round in 1..=ROUNDS {
        client.send("bob", c2c("alice"), "hi").await;
        let id = request_id(round.into());
        let keep = client
            .delete("alice", [c2c("bob")])
            .clear(false)
            .request_id(&id);
        let clear = replica
            .delete("alice", [c2c("bob")])
            .clear(true)
            .request_id(&id);
        let (keep, clear) = tokio::join!(keep.result(), clear.result());
        let (won, lost) = match (keep, clear) {
            (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
            (keep, clear) => panic!("round {round}: {keep:?}, {clear:?}"),
        };
        assert_eq!(won.revision, round, "the loser leaves no revision");
        refused(
            Err::<(), _>(lost),
            Code::InvalidArgument,
            "REQUEST_ID_REUSED",
        );
    }
}

async fn a_request_id_belongs_to_one_user(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let id = request_id(3);
    client.delete("alice", [c2c("bob")]).request_id(&id).await;
    let of_bob = client.delete("bob", [c2c("alice")]).request_id(&id).await;
    assert_eq!(of_bob.results[0].outcome(), DeletionOutcome::Deleted);
}

async fn any_way_to_write_a_uuid_is_the_same_request_id(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let id = Uuid::from_u128(0xabcd_ef01_2345);
    let first = full_request(&client, "alice", &id.to_string()).await;
    for written in [id.to_string().to_uppercase(), id.simple().to_string()] {
        let again = full_request(&client, "alice", &written).await;
        assert_eq!(bytes(&again), bytes(&first), "{written}");
    }
}

async fn anything_but_a_uuid_is_refused(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    for id in [
        "1",
        "not a uuid",
        "00000000-0000-0000-0000-00000000000g",
        " ",
    ] {
        let request = client.delete("alice", [c2c("bob")]).request_id(id);
        let status = refused(
            request.result().await,
            Code::InvalidArgument,
            "INVALID_REQUEST",
        );
        assert_eq!(violated(&status), ["request_id"], "{id:?}");
    }
}
