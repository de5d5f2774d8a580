//! Messages that arrive between a plan and its deletion, and while it runs: each keeps its conversation.
//!
//! `TEST_RACES` sets how many deletions race with messages.

use std::collections::BTreeSet;

use conversation_service::proto::{ConversationId, DeletionOutcome, Message};

use crate::support::{
    client::{Client, matched, outcomes, really_everything},
    clock::TestClock,
    concurrently::concurrently,
    databases::{TestDatabase, on_every_database},
    dice::{Dice, number, seed},
    ids::{c2c, group},
    server::TestServer,
};

on_every_database!(a_message_after_the_plan_keeps_its_conversation);

/// Where randomness begins, if `TEST_SEED` does not say otherwise.
const SEED: u64 = 20_261_129;
/// How many deletions race, if `TEST_RACES` does not say otherwise.
const RACES: usize = 50;
/// How many conversations a deletion has beside the large groups.
const CHATS: usize = 16;
const LARGE_GROUPS: usize = 4;

/// When a message is sent to a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sent {
    BeforeTheDeletion,
    Meanwhile,
    Never,
}

async fn a_message_after_the_plan_keeps_its_conversation(database: TestDatabase) {
    let clock = TestClock::new();
    let one = TestServer::start(&database, &clock).await;
    let other = TestServer::start(&database, &clock).await;
    let clients = [one.client().await, other.client().await];
    let members: Vec<_> = (0..9).map(|number| format!("member {number}")).collect();
    let mut members: Vec<_> = members.iter().map(String::as_str).collect();
    members.push("alice");
    let mut all: Vec<_> = (0..CHATS).map(|n| c2c(format!("friend {n}"))).collect();
    for number in 0..LARGE_GROUPS {
        let name = format!("group {number}");
        clients[0].join(&name, &members).await;
        all.push(group(name));
    }
    let mut dice = Dice::new(seed(SEED));
    let mut kept = BTreeSet::new();
    for _ in 0..number("TEST_RACES", RACES) {
        round(&clients, &all, &mut dice, &mut kept).await;
    }
    assert!(
        kept.contains(&(true, false)) && kept.contains(&(true, true)),
        "messages came before and after the deletion: {kept:?}"
    );
}

/// Says something in a conversation of alice.
async fn say(client: Client, id: ConversationId) -> Message {
    match id.to_string().strip_prefix("C2C") {
        Some(friend) => client.send(friend, c2c("alice"), "hi").await,
        None => client.send("member 1", id, "hi").await,
    }
}

async fn round(
    clients: &[Client; 2],
    all: &[ConversationId],
    dice: &mut Dice,
    kept: &mut BTreeSet<(bool, bool)>,
) {
    let [client, other] = clients;
    let first = all.iter().map(|id| say(client.clone(), id.clone()));
    concurrently(first.collect::<Vec<_>>()).await;
    let look = client.look("alice", really_everything()).await;
    assert_eq!(look.results.len(), all.len());
    let times: Vec<_> = all
        .iter()
        .map(|_| *dice.one_of(&[Sent::BeforeTheDeletion, Sent::Meanwhile, Sent::Never]))
        .collect();
    let to_say = |when: Sent, client: &Client| -> Vec<_> {
        let ids = all.iter().zip(&times).filter(|(_, time)| **time == when);
        ids.map(|(id, _)| say(client.clone(), id.clone())).collect()
    };
    concurrently(to_say(Sent::BeforeTheDeletion, other)).await;
    let deletion = client.delete_matching("alice", really_everything());
    let deletion = deletion.planned(&look.plan);
    let (deleted, _) = tokio::join!(deletion, concurrently(to_say(Sent::Meanwhile, other)));

    let outcomes: Vec<_> = matched(&deleted)
        .into_iter()
        .zip(outcomes(&deleted))
        .collect();
    let listed = client.list_all("alice").await;
    for (id, time) in all.iter().zip(times) {
        let outcome = outcomes.iter().find(|(one, _)| one == id);
        let outcome = outcome.expect("it is of the plan").1;
        let is_deleted = outcome == DeletionOutcome::Deleted;
        match time {
            Sent::BeforeTheDeletion => assert_eq!(outcome, DeletionOutcome::ChangedSincePlan),
            Sent::Meanwhile => {
                kept.insert((true, is_deleted));
            }
            Sent::Never => assert_eq!(outcome, DeletionOutcome::Deleted),
        }
        let entry = listed
            .iter()
            .find(|entry| entry.conversation_id.as_ref() == Some(id));
        assert_eq!(entry.is_some(), time != Sent::Never, "{id:?} {time:?}");
        if let Some(entry) = entry {
            // Not only the message is left but, unless it came after the deletion, all of the history.
            let history = client.history("alice", id.clone()).await;
            assert_eq!(entry.unread_count, history.len() as u64);
            assert!(
                if is_deleted {
                    history.len() == 1
                } else {
                    history.len() > 1
                },
                "{id:?} {time:?} {outcome:?}"
            );
        }
    }
    client.delete_matching("alice", really_everything()).await;
}
