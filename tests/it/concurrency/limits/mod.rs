//! Many clients of one user at once: no limit is ever exceeded by one, and no revision is lost.
//!
//! Sixteen clients pin, file, read, delete and undo at random, on two replicas (SQLite: on one server),
//! some of them everything twice, while others write to the user and the user's groups become large.
//! Onlookers count rows, read lists and watch. In the end the answers are put in the order of their
//! revisions and played through in the [model](crate::model): each answer, each refusal, each event, each list
//! that was read, and what is there at last have to be what the requests before them make.

mod client;
mod onlookers;
mod others;
mod played;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use conversation_service::proto::{ConversationId, Message, WatchConversationsResponse};
use tokio::{sync::watch, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{
    client::{Deeds, OneOfMany},
    onlookers::Seen,
    played::{Messages, Played},
};
use super::circles::assert_no_deadlock;
use crate::{
    model::compare,
    support::{
        client::{Client, LARGEST_PAGE},
        clock::TestClock,
        databases::{TestDatabase, on_every_database},
        dice::{Dice, seed},
        errors::reason,
        rows::{Rows, is_sqlite},
        server::{TestServer, config},
    },
};

on_every_database!(many_clients_of_one_user_exceed_no_limit_and_lose_no_revision);

/// Where randomness begins, if `TEST_SEED` does not say otherwise.
const SEED: u64 = 20_231_114;
const USER: &str = "user";
/// Somebody with whom the user never had a conversation.
const STRANGER: &str = "stranger";
const CLIENTS: u64 = 16;
const PIN_LIMIT: usize = 50;
/// How many changes an onlooker waits for, so as not to hold the clients up.
const CHANGES_BETWEEN_LOOKS: u64 = 6;
/// How long the whole may take before it counts as a hang.
const PATIENCE: Duration = Duration::from_mins(3);

/// Each limit: its subject, the statement that counts it, and the most that there may be.
const LIMITS: [(&str, &str, i64); 2] = [
    (
        "pins",
        "SELECT count(*) FROM members WHERE user_id = 'user' AND pinned_at IS NOT NULL",
        50,
    ),
    (
        "folders",
        "SELECT count(*) FROM folders WHERE user_id = 'user'",
        20,
    ),
];

/// The state that everybody in the test shares.
struct World {
    replicas: [Client; 2],
    clock: TestClock,
    /// All the conversations of the user.
    everything: Vec<ConversationId>,
    messages: Mutex<Messages>,
    /// The IDs of the deletions so far.
    deletions: Mutex<Vec<String>>,
    /// The latest revision that an answer has named.
    made: watch::Sender<u64>,
    /// The clients have done their work.
    over: CancellationToken,
}

impl World {
    fn known(&self) -> u64 {
        *self.made.borrow()
    }

    fn has_made(&self, revision: u64) {
        self.made.send_modify(|known| *known = revision.max(*known));
    }

    /// Waits until some more was changed; `None` when nothing will be any more. Returns what is known.
    async fn next_changes(&self) -> Option<u64> {
        let due = self.known() + CHANGES_BETWEEN_LOOKS;
        let mut made = self.made.subscribe();
        tokio::select! {
            // Read from what was waited for: it is locked as long as it is held.
            made = made.wait_for(|made| *made >= due) => made.ok().map(|made| *made),
            () = self.over.cancelled() => None,
        }
    }

    fn has_sent(&self, id: &ConversationId, message: Message) {
        let mut messages = lock(&self.messages);
        let sent = messages.entry(id.clone()).or_default();
        sent.insert(message.seq, message);
        // So that lists have an order.
        self.clock.advance(Duration::from_millis(1));
    }

    fn remember(&self, deletion: String) {
        lock(&self.deletions).push(deletion);
    }

    /// One of the latest deletions.
    fn recent_deletion(&self, dice: &mut Dice) -> Option<String> {
        let deletions = lock(&self.deletions);
        let recent = &deletions[deletions.len().saturating_sub(6)..];
        (!recent.is_empty()).then(|| dice.one_of(recent).clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn many_clients_of_one_user_exceed_no_limit_and_lose_no_revision(database: TestDatabase) {
    let seed = seed(SEED);
    let done = timeout(PATIENCE, work_and_check(&database, seed)).await;
    done.unwrap_or_else(|_| panic!("TEST_SEED={seed}: it hangs"));
    if !is_sqlite(&database) {
        assert_no_deadlock(&database).await;
    }
    Rows::of(&database).await.assert_whole().await;
}

async fn work_and_check(database: &TestDatabase, seed: u64) {
    let clock = TestClock::new();
    let mut settings = config(database);
    settings.watch.bookmark_interval = Duration::from_millis(100);
    settings.pin_limit = u32::try_from(PIN_LIMIT).expect("a small number");
    let one = TestServer::start_with(settings.clone(), &clock).await;
    // SQLite belongs to one process.
    let other = if is_sqlite(database) {
        None
    } else {
        Some(TestServer::start_with(settings, &clock).await)
    };
    let client = one.client().await;
    let replica = match &other {
        Some(other) => other.client().await,
        None => client.clone(),
    };
    let world = Arc::new(World {
        replicas: [client, replica],
        clock,
        everything: others::everything(),
        messages: Mutex::default(),
        deletions: Mutex::default(),
        made: watch::Sender::default(),
        over: CancellationToken::new(),
    });
    let client = &world.replicas[0];
    others::found_groups(client).await;
    // Joining them was a change each.
    let first = client.revision(USER).await;
    world.has_made(first);
    for id in &world.everything {
        others::write_to(&world, client, id).await;
    }

    let mut senders = JoinSet::new();
    for number in 0..2 {
        let dice = Dice::new(seed ^ (1_000 + number as u64));
        senders.spawn(others::keep_writing(Arc::clone(&world), number, dice));
    }
    senders.spawn(others::come_and_go(Arc::clone(&world)));
    let mut readers = JoinSet::new();
    for replica in 0..2 {
        readers.spawn(onlookers::read_lists(Arc::clone(&world), replica));
    }
    let mut counting = JoinSet::new();
    let rows = Rows::of(database).await;
    counting.spawn(onlookers::count_rows(Arc::clone(&world), rows));
    let watcher = world.replicas[1]
        .follow(USER, "onlooker", Some(first))
        .await;
    let mut watching = JoinSet::new();
    watching.spawn(onlookers::take_in(Arc::clone(&world), watcher));
    let mut working = JoinSet::new();
    for number in 0..CLIENTS {
        let client = OneOfMany {
            world: Arc::clone(&world),
            number,
            dice: Dice::new(seed.wrapping_mul(31).wrapping_add(number)),
        };
        working.spawn(client.work());
    }

    let deeds = working.join_all().await;
    world.over.cancel();
    senders.join_all().await;
    let lists = readers.join_all().await;
    let events = watching.join_all().await.concat();
    let most = counting.join_all().await;
    let played = Played::new(&lock(&world.messages));
    assert_eq!(played.revision(), first);
    let played = play_through(played, &deeds, &events, &lists);
    for client in &world.replicas {
        let same = compare::everything(client, &played.end(), USER, LARGEST_PAGE).await;
        same.unwrap_or_else(|difference| panic!("{difference}"));
    }
    for ((what, _, limit), most) in LIMITS.iter().zip(most[0]) {
        assert!(
            most > limit * 9 / 10,
            "there were never more than {most} {what}"
        );
    }
    drop(world);
    one.stop().await;
    if let Some(other) = other {
        other.stop().await;
    }
}

/// Makes the changes in the model, in the order of their revisions, and checks all that was said and seen.
fn play_through(
    mut played: Played,
    deeds: &[Deeds],
    events: &[WatchConversationsResponse],
    seen: &[Seen],
) -> Played {
    let mut made: Vec<_> = deeds.iter().flat_map(|deeds| &deeds.made).collect();
    made.sort_by_key(|(_, answer)| answer.revision());
    let mut events = events.iter().peekable();
    let mut refused: Vec<_> = deeds.iter().flat_map(|deeds| &deeds.refused).collect();
    let reasons: BTreeSet<_> = refused
        .iter()
        .map(|refusal| reason(&refusal.status))
        .collect();
    for limit in ["PIN", "FOLDER", "FOLDER_CONVERSATION"] {
        let reason = format!("{limit}_LIMIT_REACHED");
        assert!(reasons.contains(&reason), "never {reason}: {reasons:?}");
    }
    let mut lists: Vec<_> = seen.iter().flat_map(|seen| &seen.lists).collect();
    let mut folders: Vec<_> = seen.iter().flat_map(|seen| &seen.folders).collect();
    played.explains(&mut lists, &mut folders, &mut refused);
    for (request, answer) in made {
        let revision = answer.revision();
        assert_eq!(
            revision,
            played.revision() + 1,
            "revisions have no gap and no duplicate"
        );
        let event = events.next_if(|event| event.revision <= revision);
        if let Some(event) = event {
            assert_eq!(event.revision, revision, "{event:?} comes late or twice");
            assert_eq!(
                event.client_id,
                *request.clone().fields().client,
                "{event:?}"
            );
        }
        played.play(request, answer, event);
        played.explains(&mut lists, &mut folders, &mut refused);
    }
    assert_eq!(events.next(), None, "nothing else has changed");
    assert!(refused.is_empty(), "there was no reason: {refused:?}");
    assert!(
        lists.is_empty() && folders.is_empty(),
        "of no revision: {lists:?}, {folders:?}"
    );
    played
}
