//! Callers that go away in the midst of a call.

use std::{num::NonZeroU32, time::Duration};

use conversation_service::proto::{
    AddGroupMembersRequest, RemoveGroupMembersRequest, SendMessageRequest,
};
use tokio::time::timeout;
use tonic::Status;
use uuid::Uuid;

use crate::support::{
    client::Client,
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    dice::Dice,
    ids::{c2c, group, text},
    rows::Rows,
    server::config,
    stage::Stage,
};

on_every_database!(
    calls_that_are_cancelled_at_any_point_leave_nothing_half_done,
    callers_that_go_away_do_not_break_the_connection_for_the_others_on_it,
);

/// How many calls there are. One in ten is let finish.
const CALLS: u64 = 300;

/// How many calls share a connection of a caller, about.
const CALLS_ON_A_CONNECTION: u64 = 10;

/// Few connections to the database, so that one that is lost is missed.
const CONNECTIONS: NonZeroU32 = NonZeroU32::new(3).expect("three is not zero");

/// The longest that a call is let run is two to this power, in microseconds. Every order of magnitude
/// below is as likely as every other, so that calls end in all their stages.
const LONGEST_POWER: u64 = 18;

async fn send(client: &Client, number: u64) -> Result<(), Status> {
    let request = SendMessageRequest {
        sender_user_id: "bob".to_owned(),
        conversation_id: Some(if number.is_multiple_of(2) {
            c2c("alice")
        } else {
            group("crew")
        }),
        body: Some(text(format!("message {number}"))),
        client_message_id: format!("m{number}"),
    };
    client
        .messages
        .clone()
        .send_message(request)
        .await
        .map(drop)
}

async fn delete(client: &Client, number: u64) -> Result<(), Status> {
    let deletion = client.delete("alice", [c2c("bob"), group("crew"), c2c("carol")]);
    let id = Uuid::from_u128(number.into()).to_string();
    deletion.request_id(id).result().await.map(drop)
}

async fn change_members(client: &Client, number: u64) -> Result<(), Status> {
    let mut groups = client.groups.clone();
    let group_id = "crew".to_owned();
    let user_ids = vec!["dora".to_owned(), "emma".to_owned()];
    if number.is_multiple_of(2) {
        let request = AddGroupMembersRequest {
            group_id,
            user_ids,
            request_id: String::new(),
        };
        groups.add_group_members(request).await.map(drop)
    } else {
        let request = RemoveGroupMembersRequest {
            group_id,
            user_ids,
            request_id: String::new(),
        };
        groups.remove_group_members(request).await.map(drop)
    }
}

/// Two of a kind at a time, with the same ID: one is the other's retry.
async fn call(client: &Client, number: u64) -> Result<(), Status> {
    match number % 6 {
        0..=1 => send(client, number / 2).await,
        2..=3 => delete(client, number / 2).await,
        _ => change_members(client, number / 2).await,
    }
}

async fn calls_that_are_cancelled_at_any_point_leave_nothing_half_done(database: TestDatabase) {
    let mut config = config(&database);
    config.database.pool_size = CONNECTIONS.get();
    let Stage { client, server, .. } = Stage::open_with(config).await;
    client.join("crew", &["alice", "bob"]).await;
    client.send("carol", c2c("alice"), "hi").await;

    let mut clients = Vec::new();
    for _ in 0..CALLS / CALLS_ON_A_CONNECTION {
        clients.push(server.client().await);
    }
    let mut dice = Dice::new(7);
    let calls = (0..CALLS).map(|number| {
        let client = dice.one_of(&clients).clone();
        let longest = 1 << dice.below(LONGEST_POWER + 1);
        let patience = Duration::from_micros(dice.below(longest));
        // A call that is dropped here is reset on the wire, and the server drops it in turn.
        async move {
            if number % 10 == 0 {
                return Some(call(&client, number).await);
            }
            timeout(patience, call(&client, number)).await.ok()
        }
    });
    let outcomes = concurrently(calls).await;
    assert!(outcomes.iter().any(Option::is_none), "none was cancelled");
    for outcome in outcomes.into_iter().flatten() {
        outcome.unwrap_or_else(|status| panic!("{status:?}"));
    }

    let rows = Rows::of(&database).await;
    rows.assert_whole().await;
    // More calls at a time than connections, all of them retries: none fails, none is done twice.
    let retries = (0..CALLS).map(|number| {
        let client = client.clone();
        async move { call(&client, number).await }
    });
    for outcome in concurrently(retries).await {
        outcome.unwrap_or_else(|status| panic!("{status:?}"));
    }
    rows.assert_whole().await;
    let named = "SELECT count(*) FROM messages WHERE client_message_id IS NOT NULL";
    assert_eq!(
        rows.number(named).await,
        i64::try_from(CALLS / 6).expect("a small number")
    );
    let changes = "SELECT count(*) FROM changes WHERE request_id IS NOT NULL";
    assert_eq!(
        rows.number(changes).await,
        i64::try_from(CALLS / 6).expect("a small number")
    );
    rows.until_idle().await;
}

async fn callers_that_go_away_do_not_break_the_connection_for_the_others_on_it(
    database: TestDatabase,
) {
    let Stage { client, .. } = Stage::open(&database).await;
    let mut dice = Dice::new(13);
    let calls = (0..CALLS).map(|number| {
        let client = client.clone();
        let stays = number % 5 == 0;
        // Before the server has looked at the call, or not long after.
        let patience = Duration::from_micros(dice.below(500));
        async move {
            if stays {
                Some(delete(&client, number).await)
            } else {
                timeout(patience, delete(&client, number)).await.ok()
            }
        }
    });
    for outcome in concurrently(calls).await.into_iter().flatten() {
        outcome.unwrap_or_else(|status| panic!("{status:?}"));
    }
}
