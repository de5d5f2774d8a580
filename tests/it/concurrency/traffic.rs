//! Senders and deleters on the same conversations.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use conversation_service::proto::ConversationId;
use tokio::task::JoinSet;

use crate::{
    model::shared_name,
    support::{
        client::Client,
        clock::TestClock,
        databases::{TestDatabase, on_every_database},
        dice::Dice,
        ids::{c2c, group},
        rows::{Rows, is_sqlite},
        server::TestServer,
    },
};

on_every_database!(senders_and_deleters_lose_nothing_and_are_never_turned_away);

/// Those who delete, and those who never do.
const DELETERS: [&str; 3] = ["anna", "bob", "carol"];
const KEEPERS: [&str; 3] = ["xavier", "yara", "zoe"];
const GROUPS: [&str; 2] = ["crew", "club"];

const SENDERS: u64 = 12;
const MESSAGES_EACH: u64 = 50;
const DELETING_CLIENTS_EACH: u64 = 3;
const DELETIONS_EACH: u64 = 30;

/// An acknowledged message: its conversation, its sender, its position and its text.
type Sent = (String, String, u64, String);

/// An acknowledged deletion: its user, its revision, and each conversation with its watermarks.
type Deleted = (&'static str, u64, Vec<(ConversationId, u64, u64)>);

/// How far each conversation of a user is hidden, as far as an answer has said so.
type Hidden = Arc<Mutex<HashMap<(String, String), u64>>>;

/// All the conversations of a user of this test.
fn conversations_of(user: &str) -> Vec<ConversationId> {
    let others = if DELETERS.contains(&user) {
        KEEPERS
    } else {
        DELETERS
    };
    others
        .into_iter()
        .map(c2c)
        .chain(GROUPS.into_iter().map(group))
        .collect()
}

async fn send(client: Client, seed: u64, hidden: Hidden) -> Vec<Sent> {
    let mut dice = Dice::new(seed);
    let mut sent = Vec::new();
    for number in 0..MESSAGES_EACH {
        let sender = *dice.one_of(if seed.is_multiple_of(2) {
            &DELETERS
        } else {
            &KEEPERS
        });
        let to = dice.one_of(&conversations_of(sender)).clone();
        let place = shared_name(sender, &to);
        // A deletion that has been answered must not hide a message that is sent afterwards.
        let hidden_before: Vec<u64> = {
            let hidden = hidden.lock().unwrap_or_else(PoisonError::into_inner);
            let here = hidden.iter().filter(|((_, other), _)| *other == place);
            here.map(|(_, through)| *through).collect()
        };
        let words = format!("{seed}/{number}");
        let message = client.send(sender, to, &words).await;
        for through in hidden_before {
            assert!(message.seq > through, "a message was hidden in advance");
        }
        sent.push((place, sender.to_owned(), message.seq, words));
    }
    sent
}

async fn delete(client: Client, user: &'static str, seed: u64, hidden: Hidden) -> Vec<Deleted> {
    let mut dice = Dice::new(seed);
    let mut deleted = Vec::new();
    for number in 0..DELETIONS_EACH {
        let mut ids = conversations_of(user);
        ids.retain(|_| !dice.once_in(3));
        if ids.is_empty() {
            continue;
        }
        if dice.once_in(2) {
            ids.reverse();
        }
        let mut deletion = client.delete(user, ids.clone()).clear(dice.once_in(2));
        if dice.once_in(3) {
            deletion = deletion.seen(ids[0].clone(), dice.below(60));
        }
        if dice.once_in(2) {
            let id = uuid::Uuid::from_u128(u128::from(seed) << 64 | u128::from(number));
            deletion = deletion.request_id(id.to_string());
        }
        let answer = deletion.await;
        let results: Vec<_> = answer
            .results
            .iter()
            .zip(ids)
            .map(|(result, id)| (id, result.hidden_through, result.cleared_through))
            .collect();
        let mut hidden = hidden.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, through, _) in &results {
            let known = hidden
                .entry((user.to_owned(), shared_name(user, id)))
                .or_default();
            *known = (*known).max(*through);
        }
        drop(hidden);
        deleted.push((user, answer.revision, results));
    }
    deleted
}

async fn senders_and_deleters_lose_nothing_and_are_never_turned_away(database: TestDatabase) {
    let clock = TestClock::new();
    let one = TestServer::start(&database, &clock).await;
    let client = one.client().await;
    // SQLite belongs to one process.
    let other = if is_sqlite(&database) {
        None
    } else {
        Some(TestServer::start(&database, &clock).await)
    };
    let replica = match &other {
        Some(other) => other.client().await,
        None => client.clone(),
    };
    let everybody: Vec<_> = DELETERS.into_iter().chain(KEEPERS).collect();
    for name in GROUPS {
        client.join(name, &everybody).await;
    }

    // Every call panics when it is refused, so an error of any kind fails the test.
    let hidden = Hidden::default();
    let (mut senders, mut deleters) = (JoinSet::new(), JoinSet::new());
    for seed in 0..SENDERS {
        let client = if seed % 4 < 2 { &client } else { &replica };
        senders.spawn(send(client.clone(), seed, Arc::clone(&hidden)));
    }
    for (user, seed) in DELETERS
        .into_iter()
        .flat_map(|user| (0..DELETING_CLIENTS_EACH).map(move |n| (user, n)))
    {
        let client = if seed % 2 == 0 { &replica } else { &client };
        let seed = 1_000 * (1 + seed) + u64::from(user.as_bytes()[0]);
        deleters.spawn(delete(client.clone(), user, seed, Arc::clone(&hidden)));
    }
    let sent: Vec<Sent> = senders.join_all().await.concat();
    let deleted: Vec<Deleted> = deleters.join_all().await.concat();

    Rows::of(&database).await.assert_whole().await;
    check_sent(&client, &sent).await;
    check_deleted(&client, &sent, &deleted).await;
}

/// Positions have no gap and no duplicate, and those who delete nothing see everything.
async fn check_sent(client: &Client, sent: &[Sent]) {
    for keeper in KEEPERS {
        for id in conversations_of(keeper) {
            let place = shared_name(keeper, &id);
            let mut expected: Vec<_> = sent
                .iter()
                .filter(|(where_to, ..)| *where_to == place)
                .map(|(_, sender, seq, words)| (*seq, sender.clone(), words.clone()))
                .collect();
            expected.sort();
            let seqs: Vec<_> = expected.iter().map(|(seq, ..)| *seq).collect();
            assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "{place}");

            let mut history: Vec<_> = client
                .history(keeper, id)
                .await
                .into_iter()
                .map(|message| (message.seq, message.sender_user_id, words(message.body)))
                .collect();
            history.reverse();
            assert_eq!(history, expected, "{keeper} sees all of {place}");
        }
    }
}

fn words(body: Option<conversation_service::proto::MessageBody>) -> String {
    use conversation_service::proto::message_body::Content;
    match body.and_then(|body| body.content) {
        Some(Content::Text(text)) => text,
        other => panic!("a text was sent, not {other:?}"),
    }
}

/// Revisions have no gap and no duplicate, watermarks never fall, and exactly what they say is gone.
async fn check_deleted(client: &Client, sent: &[Sent], deleted: &[Deleted]) {
    // Joining each group was a change, too.
    let joined = GROUPS.len() as u64;
    for user in DELETERS {
        let mut of_user: Vec<_> = deleted.iter().filter(|(name, ..)| *name == user).collect();
        of_user.sort_by_key(|(_, revision, _)| *revision);
        let revisions: Vec<_> = of_user.iter().map(|(_, revision, _)| *revision).collect();
        assert_eq!(
            revisions,
            (joined + 1..=joined + revisions.len() as u64).collect::<Vec<_>>(),
            "{user}"
        );

        let mut marks: HashMap<String, (u64, u64)> = HashMap::new();
        for (id, hidden, cleared) in of_user.iter().flat_map(|(.., results)| results) {
            let mark = marks.entry(shared_name(user, id)).or_default();
            assert!(
                *hidden >= mark.0 && *cleared >= mark.1,
                "a watermark of {user} fell"
            );
            *mark = (*hidden, *cleared);
        }
        let listed = client.listed(user).await;
        for id in conversations_of(user) {
            let place = shared_name(user, &id);
            let (hidden, cleared) = marks.get(&place).copied().unwrap_or_default();
            let head = sent
                .iter()
                .filter(|(where_to, ..)| *where_to == place)
                .count() as u64;
            assert_eq!(listed.contains(&id), head > hidden, "{user} and {place}");
            let seqs: Vec<_> = client
                .history(user, id)
                .await
                .iter()
                .map(|message| message.seq)
                .collect();
            assert_eq!(
                seqs,
                (cleared + 1..=head).rev().collect::<Vec<_>>(),
                "{user} and {place}"
            );
        }
    }
}
