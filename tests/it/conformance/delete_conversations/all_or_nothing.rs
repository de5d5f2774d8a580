//! A deletion is checked as a whole before anything of it happens.

use conversation_service::proto::{
    Conversation, ConversationId, DeletionOutcome, conversation_id::Id,
};
use tonic::Code;

use crate::support::{
    client::Client,
    databases::{TestDatabase, on_every_database},
    errors::{refused, violated},
    ids::{c2c, group, system},
    stage::Stage,
};

on_every_database!(
    one_bad_id_among_good_ones_changes_nothing,
    every_bad_id_is_named_by_its_path,
    a_duplicate_changes_nothing,
    no_conversation_at_all_is_refused,
    a_hundred_are_deleted_at_once_and_a_hundred_and_one_are_refused,
    results_come_in_the_order_of_the_request,
);

async fn state(client: &Client) -> (Vec<Conversation>, u64) {
    let listing = client.list_in_pages("alice", None, 500).await;
    let listing = listing.expect("the list can be read");
    (listing.conversations, listing.revision)
}

async fn one_bad_id_among_good_ones_changes_nothing(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    client.send("carol", c2c("alice"), "hi").await;
    let before = state(&client).await;

    let request = client.delete("alice", [c2c("bob"), group(" padded"), c2c("carol")]);
    let status = refused(
        request.result().await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
    assert_eq!(violated(&status), ["conversation_ids[1].group_id"]);
    assert_eq!(state(&client).await, before);
}

async fn every_bad_id_is_named_by_its_path(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let nothing = ConversationId { id: None };
    let request = client.delete(
        "",
        [
            c2c(""),
            c2c("bob"),
            group("a\u{7}b"),
            nothing,
            system(),
            c2c("x".repeat(129)),
            system(),
        ],
    );
    let status = refused(
        request.result().await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
    assert_eq!(
        violated(&status),
        [
            "user_id",
            "conversation_ids[0].c2c_user_id",
            "conversation_ids[2].group_id",
            "conversation_ids[3]",
            "conversation_ids[5].c2c_user_id",
            "conversation_ids[6]",
        ]
    );
}

async fn a_duplicate_changes_nothing(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    client.send("bob", c2c("alice"), "hi").await;
    let before = state(&client).await;
    let request = client.delete("alice", [c2c("bob"), system(), c2c("bob")]);
    let status = refused(
        request.result().await,
        Code::InvalidArgument,
        "INVALID_REQUEST",
    );
    assert_eq!(violated(&status), ["conversation_ids[2]"]);
    assert_eq!(state(&client).await, before);
}

async fn no_conversation_at_all_is_refused(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let status = client.delete("alice", []).result().await;
    let status = refused(status, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violated(&status), ["conversation_ids"]);
    assert_eq!(state(&client).await.1, 0);
}

async fn a_hundred_are_deleted_at_once_and_a_hundred_and_one_are_refused(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let everybody: Vec<_> = (0..101).map(|n| format!("user {n}")).collect();
    for user in &everybody {
        client.send(user, c2c("alice"), "hi").await;
    }
    let before = state(&client).await;
    let ids: Vec<_> = everybody.iter().map(c2c).collect();

    let status = client.delete("alice", ids.clone()).result().await;
    let status = refused(status, Code::InvalidArgument, "INVALID_REQUEST");
    assert_eq!(violated(&status), ["conversation_ids"]);
    assert_eq!(state(&client).await, before);

    let hundred = &ids[..100];
    let outcomes = client.delete("alice", hundred.to_vec()).outcomes().await;
    assert_eq!(outcomes, [DeletionOutcome::Deleted; 100]);
    assert_eq!(client.listed("alice").await, ids[100..]);
}

async fn results_come_in_the_order_of_the_request(database: TestDatabase) {
    let Stage { client, .. } = Stage::open(&database).await;
    let mut ids: Vec<_> = (0..20).map(|n| c2c(format!("user {n}"))).collect();
    for id in &ids {
        let Some(Id::C2cUserId(user)) = &id.id else {
            unreachable!()
        };
        client.send(user, c2c("alice"), "hi").await;
    }
    ids.insert(7, c2c("stranger"));
    ids.reverse();
    let deletion = client.delete("alice", ids.clone()).await;
    let named: Vec<_> = deletion
        .results
        .iter()
        .map(|result| result.conversation_id.clone().expect("a result has an ID"))
        .collect();
    assert_eq!(named, ids);
    for result in &deletion.results {
        let known = result.conversation_id != Some(c2c("stranger"));
        assert_eq!(result.outcome() == DeletionOutcome::Deleted, known);
        assert_eq!(result.hidden_through, u64::from(known));
        assert_eq!(result.cleared_through, u64::from(known));
    }
}
